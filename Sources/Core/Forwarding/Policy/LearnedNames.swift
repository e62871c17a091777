import DNSWire
import DomainNames
import Synchronization

/// Names outside of the Kubernetes schema that clusters' servers have given in answers: questions for them
/// are not denied here, whatever the schema says.
///
/// Shared by all workers. Only servers' answers add to it. A name is remembered by the hash of its labels
/// before the suffix, so that it is known under every suffix of the cluster; a hash that two names share only
/// has one more name asked for.
final class LearnedNames: Sendable {
    /// Names; a further one replaces the one with the same place.
    static let capacity = 4096

    /// The hashes by place; 0: free. Empty until the first name is learned.
    private let hashes = Mutex<[UInt64]>([])
    /// True once a name was learned.
    private let isUsed = Atomic<Bool>(false)

    /// True if no name was learned: the usual case, which costs one load.
    var isEmpty: Bool { !isUsed.load(ordering: .relaxed) }

    /// Remembers a name.
    ///
    /// - Parameters:
    ///   - labels: The labels before the suffix, in wire form.
    ///   - group: A `ServerGroup.number`.
    func insert(_ labels: Span<UInt8>, group: Int) {
        let hash = Self.hash(labels, group)
        hashes.withLock { hashes in
            if hashes.isEmpty { hashes = Array(repeating: 0, count: Self.capacity) }
            hashes[Int(hash % UInt64(Self.capacity))] = hash
        }
        isUsed.store(true, ordering: .relaxed)
    }

    /// True if the group's servers have named these labels.
    func contains(_ labels: Span<UInt8>, group: Int) -> Bool {
        let hash = Self.hash(labels, group)
        return hashes.withLock { $0.isEmpty ? false : $0[Int(hash % UInt64(Self.capacity))] == hash }
    }

    /// The hash of a group's labels, never 0.
    private static func hash(_ labels: Span<UInt8>, _ group: Int) -> UInt64 {
        var hash = NameHash(key: 0)
        hash.combine(labels, from: 0, count: labels.count)
        hash.combine(UInt64(truncatingIfNeeded: group))
        return hash.value | 1
    }
}

extension ForwardingEngine {
    /// Remembers the names in the data of the prepared answer that the schema does not have. Most answers
    /// begin with an address, and have none.
    ///
    /// - Parameter group: A `ServerGroup.number`: the cluster that gave the answer.
    func learnNames(of group: Int) {
        guard prepared.marks.count > 0, Self.hasNameInData(prepared.marks[0]) else { return }
        for index in 0..<prepared.marks.count {
            let mark = prepared.marks[index]
            // Behind the TTL's offset stand TTL and length; in SRV priority, weight and port come first.
            let start: Int
            switch Int(mark.type) {
            case RecordType.cname, RecordType.ptr: start = Int(mark.ttlOffset) + 6
            case RecordType.srv: start = Int(mark.ttlOffset) + 12
            default: continue
            }
            var end = 0
            guard let name = try? FlatName(in: prepared.octets.span, at: start, end: &end),
                let suffixStart = policy.startOfKubernetesSuffix(name.octets.span),
                !policy.schema.canExist(name.octets.span, suffixStart: suffixStart)
            else { continue }
            servers.board.learnedNames.insert(
                name.octets.span.extracting(first: suffixStart), group: group)
        }
    }

    /// True for the types whose names in the data are learned.
    private static func hasNameInData(_ mark: RecordMark) -> Bool {
        switch Int(mark.type) {
        case RecordType.cname, RecordType.ptr, RecordType.srv: true
        default: false
        }
    }
}
