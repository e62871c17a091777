import IPAddressing
package import NetworkModel

/// Ranges of one family whose connections are deleted together: one listing of what the kernel tracks is
/// enough, and each connection is looked up once, however many ranges there are.
package struct ConnectionRanges: Sendable {
    /// The ranges.
    private let ranges: Set<ConnectionRange>
    /// The kinds of ranges that there are.
    private let shapes: Set<Shape>
    /// The narrowest range that holds all of them.
    private let whole: ConnectionRange

    /// What a range has besides its addresses.
    private struct Shape: Hashable {
        /// The length of its source prefix.
        let source: Int
        /// The length of its destination prefix.
        let destination: Int
        /// Which connections it has.
        let part: ConnectionRange.Part
    }

    /// The ranges by family.
    package static func byFamily(_ ranges: [ConnectionRange]) -> [ConnectionRanges] {
        AddressFamily.allCases.compactMap { family in
            ConnectionRanges(ranges.filter { $0.source.family == family && $0.destination.family == family })
        }
    }

    /// Nil without ranges.
    private init?(_ ranges: [ConnectionRange]) {
        guard var whole = ranges.first else { return nil }
        for range in ranges.dropFirst() {
            whole.source = whole.source.widened(to: range.source)
            whole.destination = whole.destination.widened(to: range.destination)
        }
        self.whole = whole
        self.ranges = Set(ranges)
        shapes = Set(
            ranges.map {
                Shape(source: $0.source.length, destination: $0.destination.length, part: $0.part)
            })
    }

    /// The same ranges in two parts, for listings that become too long; nil for a single one.
    package var halves: [ConnectionRanges]? {
        guard ranges.count > 1 else { return nil }
        let sorted = ranges.sorted {
            ($0.destination, $0.source, "\($0.part)") < ($1.destination, $1.source, "\($1.part)")
        }
        let middle = sorted.count / 2
        return [sorted[..<middle], sorted[middle...]].compactMap { ConnectionRanges(Array($0)) }
    }

    /// Deletes all connections of a single range, without a listing; nil if there are several ranges, or only
    /// some of its connections are to go.
    package var wholeDeletion: Command? {
        guard ranges.count == 1, let range = ranges.first, range.part == .all else { return nil }
        return Deletion(range: range, source: nil).command
    }

    /// Lists the connections of all ranges, and perhaps others.
    package var listing: Command { Command(.conntrack, ["-L"] + whole.arguments) }

    /// The commands that delete those of the listed connections that are in a range. Of untranslated ones
    /// each source needs a command of its own: answers go to it, and `conntrack` takes no prefix there.
    package func deletions(of connections: [TrackedConnection]) -> [Command] {
        var found: Set<Deletion> = []
        for connection in connections {
            for shape in shapes {
                guard
                    let source = IPPrefix(around: connection.source, length: shape.source),
                    let destination = IPPrefix(around: connection.destination, length: shape.destination)
                else { continue }
                let range = ConnectionRange(source: source, destination: destination, part: shape.part)
                guard ranges.contains(range) else { continue }
                switch shape.part {
                case .all: found.insert(Deletion(range: range, source: nil))
                case .untranslated:
                    guard !connection.isTranslated else { continue }
                    found.insert(Deletion(range: range, source: connection.source))
                }
            }
        }
        return found.map(\.command).sorted { $0.argumentLine < $1.argumentLine }
    }

    /// What one command deletes.
    private struct Deletion: Hashable {
        /// The range.
        let range: ConnectionRange
        /// The source; nil: all sources of the range.
        let source: IPAddress?

        /// The command.
        var command: Command {
            guard let source else { return Command(.conntrack, ["-D"] + range.arguments) }
            return Command(
                .conntrack,
                [
                    "-D", "-f", "ip\(source.family)", "-s", "\(source)", "-d", "\(range.destination)", "-q",
                    "\(source)",
                ])
        }
    }
}

extension IPPrefix {
    /// The longest prefix that holds this one and `other`, of the same family.
    fileprivate func widened(to other: IPPrefix) -> IPPrefix {
        var wider = self
        while !wider.contains(other),  // ends: the length falls, and a length of 0 holds all
            let next = IPPrefix(around: address, length: wider.length - 1)
        {
            wider = next
        }
        return wider
    }
}
