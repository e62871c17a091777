import DNSWire
import DomainNames
import Synchronization

/// Names outside of the Kubernetes schema that clusters' servers have given in answers: questions for them
/// are not denied here, whatever the schema says.
///
/// Shared by all workers. Only servers' answers add to it, and each cluster has a table of its own, so that
/// none displaces the names of another. A name is remembered by the hash of its labels before the suffix, so
/// that it is known under every suffix of the cluster; a hash that two names share only has one more name
/// asked for.
final class LearnedNames: Sendable {
    /// The names of one cluster; a further one replaces the one with the same place.
    static let capacity = 1024

    /// By `ServerGroup.number` the hashes by place; 0: free. A table is empty until its first name.
    private let tables = Mutex<[[UInt64]]>([])
    /// True once a name was learned.
    private let isUsed = Atomic<Bool>(false)

    /// True if no name was learned: the usual case, which costs one load.
    var isEmpty: Bool { !isUsed.load(ordering: .relaxed) }

    /// Remembers a name.
    ///
    /// - Parameters:
    ///   - labels: The labels before the suffix, in wire form.
    ///   - group: A `ServerGroup.number`.
    ///   - key: Random bits of the process, the same for all workers.
    func insert(_ labels: Span<UInt8>, group: Int, key: UInt64) {
        let hash = Self.hash(labels, key)
        tables.withLock { tables in
            while tables.count <= group { tables.append([]) }  // ends: one more each time
            if tables[group].isEmpty { tables[group] = Array(repeating: 0, count: Self.capacity) }
            tables[group][Self.place(of: hash)] = hash
        }
        isUsed.store(true, ordering: .relaxed)
    }

    /// True if the group's servers have named these labels; `key` is as in `insert`.
    func contains(_ labels: Span<UInt8>, group: Int, key: UInt64) -> Bool {
        let hash = Self.hash(labels, key)
        return tables.withLock { tables in
            guard group < tables.count, !tables[group].isEmpty else { return false }
            return tables[group][Self.place(of: hash)] == hash
        }
    }

    /// The hash of labels, never 0.
    private static func hash(_ labels: Span<UInt8>, _ key: UInt64) -> UInt64 {
        var hash = NameHash(key: key)
        hash.combine(labels, from: 0, count: labels.count)
        return hash.value | 1
    }

    /// The place of a hash in a table: of its upper bits, since the lowest one is always set.
    private static func place(of hash: UInt64) -> Int { Int((hash >> 1) % UInt64(capacity)) }
}
