import IPAddressing

/// Who may ask, and in which view: one look-up for each question, with views as without.
struct ClientViews: Sendable {
    /// For each prefix of clients or of a view inside of one its view.
    private let table: IPPrefixTable<Int>

    /// - Parameters:
    ///   - clients: The prefixes of `dns.clients`.
    ///   - views: The view of each prefix, whether its addresses may ask or not. Of two equal prefixes the
    ///     later one counts; what is in no prefix has view 0.
    init(clients: [IPPrefix], views: [(prefix: IPPrefix, view: Int)]) {
        let permitted = Set(clients)
        let named = Dictionary(views.map { ($0.prefix, $0.view) }) { _, later in later }
        let inside = views.filter { Self.around($0.prefix) { permitted.contains($0) ? true : nil } != nil }
        table = IPPrefixTable(
            inside.map { ($0.prefix, $0.view) }
                + clients.map { client in (client, Self.around(client) { named[$0] } ?? 0) })
    }

    /// The view of a client; nil if it may not ask.
    func view(of client: IPAddress) -> Int? { table.longestMatch(client) }

    /// The first value of the prefix itself and those around it, from the longest to the shortest.
    private static func around<Value>(_ prefix: IPPrefix, _ value: (IPPrefix) -> Value?) -> Value? {
        var length = prefix.length
        while length >= 0 {  // ends: the length falls
            if let found = IPPrefix(around: prefix.address, length: length).flatMap(value) { return found }
            length -= 1
        }
        return nil
    }
}
