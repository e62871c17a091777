import Inventory
import Synchronization

/// What was read last of each file of facts, so that of a change only the lines of nodes that differ are
/// parsed: in a large cluster these are a few of thousands, several times a second.
///
/// A file that is laid out in another way than `ClusterFacts.yaml` does, or has any problem, is read whole.
enum FactsMemory {
    /// By the name of the file.
    private static let files = Mutex(Recent<File>(limit: 1_024))

    /// A file as it was read, without a problem.
    private struct File {
        /// Its octets.
        let octets: [UInt8]
        /// What they say.
        let facts: ClusterFacts
        /// The node of each line; empty if the lines are not known.
        let nodes: [ArraySlice<UInt8>: ClusterFacts.FoundNode]
    }

    /// The facts in `octets`; nil if they must be read whole.
    ///
    /// - Parameter read: Reads a text whole; nil if it has a problem.
    static func facts(
        in octets: [UInt8], name: String, _ read: ([UInt8]) -> ClusterFacts?
    ) -> ClusterFacts? {
        guard let known = files.withLock({ $0.take(name) }) else { return nil }
        if known.octets == octets { return known.facts }
        guard !known.nodes.isEmpty, let text = FactsText(octets) else { return nil }
        let changed = text.lines.filter { known.nodes[$0] == nil }
        guard changed.count < text.lines.count, var facts = read(text.part(with: changed)),
            let new = facts.nodes?.value, new.count == changed.count
        else { return nil }
        var position = 0
        let nodes = text.lines.map { line in
            if let node = known.nodes[line] { return node }
            defer { position += 1 }
            return new[position]
        }
        // The same name in two lines is a mistake, which the whole shows.
        guard Set(nodes.map(\.node.name)).count == nodes.count else { return nil }
        facts.nodes?.value = nodes
        note(facts, octets, name: name)
        return facts
    }

    /// Remembers what was read without a problem.
    static func note(_ facts: ClusterFacts, _ octets: [UInt8], name: String) {
        var nodes: [ArraySlice<UInt8>: ClusterFacts.FoundNode] = [:]
        if let text = FactsText(octets), let found = facts.nodes?.value, found.count == text.lines.count {
            nodes = Dictionary(zip(text.lines, found)) { first, _ in first }
        }
        files.withLock { [nodes] files in
            files.insert(File(octets: octets, facts: facts, nodes: nodes), for: name)
        }
    }
}

/// Values by name, as many as `limit`: a further one takes the place of the one that was used longest ago.
struct Recent<Value: Sendable>: Sendable {
    /// The most values, at least 1.
    let limit: Int
    /// Each with the number of its last use.
    private var values: [String: (value: Value, use: Int)] = [:]
    /// Uses so far.
    private var uses = 0

    /// An empty memory.
    init(limit: Int) { self.limit = limit }

    /// The value of a name, which is used with this; nil if there is none.
    mutating func take(_ name: String) -> Value? {
        guard let value = values[name]?.value else { return nil }
        uses += 1
        values[name]?.use = uses
        return value
    }

    /// Remembers the value of a name.
    mutating func insert(_ value: Value, for name: String) {
        uses += 1
        values[name] = (value, uses)
        guard values.count > limit, let oldest = values.min(by: { $0.value.use < $1.value.use }) else {
            return
        }
        values[oldest.key] = nil
    }
}

/// The text of a file of facts, with a line for each node.
private struct FactsText {
    /// All up to the first node.
    private let head: ArraySlice<UInt8>
    /// The lines of nodes, each with its end.
    let lines: [ArraySlice<UInt8>]

    /// What stands before the first node.
    private static let start = Array("\n  value:\n".utf8)
    /// How the line of a node begins.
    private static let indentation = Array("    ".utf8)

    /// Nil unless each node has one line that stands for itself.
    init?(_ octets: [UInt8]) {
        guard let start = Self.end(of: Self.start, in: octets) else { return nil }
        head = octets[..<start]
        var lines: [ArraySlice<UInt8>] = []
        var position = start
        while position < octets.count {  // each turn goes on by a line
            guard let end = octets[position...].firstIndex(of: 0x0A) else { return nil }
            let line = octets[position...end]
            // A deeper indentation continues the line before; an alias depends on another line.
            guard line.starts(with: Self.indentation), line.count > 6, line[position + 4] != 0x20,
                line[end - 1] == UInt8(ascii: "}"),
                !line.contains(where: { $0 == UInt8(ascii: "&") || $0 == UInt8(ascii: "*") })
            else { return nil }
            lines.append(line)
            position = end + 1
        }
        guard !lines.isEmpty else { return nil }
        self.lines = lines
    }

    /// Where the first `part` ends in `octets`; nil if it is not in them.
    private static func end(of part: [UInt8], in octets: [UInt8]) -> Int? {
        var line = 0
        while let end = octets[line...].firstIndex(of: 0x0A) {  // each turn goes on by a line
            if octets[end...].starts(with: part) { return end + part.count }
            line = end + 1
        }
        return nil
    }

    /// The text with these lines of nodes alone.
    func part(with lines: [ArraySlice<UInt8>]) -> [UInt8] {
        guard lines.isEmpty else { return Array(head) + lines.joined() }
        return Array(head.dropLast()) + Array(" {}\n".utf8)
    }
}
