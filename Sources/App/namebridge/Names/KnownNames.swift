import AdminServer
import Inventory
import JSON

/// The names that the running server knows and shows to this host.
enum KnownNames {
    /// The names, page by page; empty without a server.
    ///
    /// - Parameters:
    ///   - paths: Where the server may listen for commands.
    ///   - most: No further page is read once there are so many.
    static func read(at paths: [String], most: Int) -> [KnownName] {
        var names: [KnownName] = []
        do throws(ControlError) {
            while names.count < most {  // ends: each page has further names
                let request = ControlRequest.names(NameScope(), from: names.count)
                let answer = try ControlClient.ask(request, at: paths).answer
                let page = (answer["names"]?.elements ?? []).compactMap(KnownName.init(json:))
                names += page
                if page.isEmpty || names.count >= answer["total"]?.integer ?? 0 { break }
            }
        } catch {
            return names
        }
        return names
    }

    /// Scopes such as `prod` and `prod/shop` that have names.
    static func scopes(of names: [KnownName]) -> Set<String> {
        var scopes: Set<String> = []
        for known in names {
            scopes.insert(known.cluster)
            let labels = "\(known.name)".split(separator: ".")
            guard let top = labels.firstIndex(of: "svc"), top > 0 else { continue }
            scopes.insert("\(known.cluster)/\(labels[top - 1])")
        }
        return scopes
    }

    /// What may have been meant by a scope that has no names: the nearest spelling of one that has; nil if
    /// none is near.
    static func hint(for scope: NameScope, among names: [KnownName]) -> String? {
        var scopes = scopes(of: names)
        if scope.cluster == nil {
            scopes = Set(scopes.compactMap { $0.split(separator: "/").dropFirst().first.map { "*/\($0)" } })
        }
        let near = nearestSpelling(of: scope.text, among: scopes.subtracting([scope.text]).sorted())
        return near.map { "did you mean \($0)?" }
    }
}
