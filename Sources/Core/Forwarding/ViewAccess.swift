import DNSWire
import DomainNames
import Inventory

/// What the clients of a view may ask of the clusters.
///
/// Everything else is refused alike, before a cache or a server is looked at: neither the answer nor its
/// time nor its text tells whether the name exists.
struct ViewAccess: Sendable {
    /// Keys of the clusters that may be asked; nil: all.
    private let clusters: Set<String>?

    /// Labels, lower-case; nil: all namespaces.
    private let namespaces: [[UInt8]]?

    init(_ access: Access) {
        clusters = access.clusters.map { Set($0) }
        namespaces = access.namespaces?.map { Array($0.utf8) }
    }

    func permits(cluster: String) -> Bool { clusters?.contains(cluster) ?? true }

    /// True where a reverse name may be asked: its answer may name any namespace.
    var permitsReverseNames: Bool { namespaces == nil }

    /// True where the name whose labels stand before `suffixStart`, an offset into the name behind the header
    /// of `message`, lies in a permitted namespace, or in none as the cluster's own names do.
    ///
    /// Both `<namespace>.svc` and `<namespace>.pod` count, and what is below (Kubernetes DNS-Based Service
    /// Discovery 1.1.0 section 2). A wildcard is no permitted namespace.
    func permits(_ message: Span<UInt8>, suffixStart: Int) -> Bool {
        guard let namespaces else { return true }
        let end = Question.nameStart + suffixStart
        var position = Question.nameStart
        var last = -1
        var namespace = -1
        var count = 0
        while position < end {  // a checked name: each label is at least two octets
            namespace = last
            last = position
            count += 1
            position += 1 + Int(message[position])
        }
        guard last >= 0 else { return true }
        if Self.isLabel("svc", message, last) || Self.isLabel("pod", message, last) {
            return namespace < 0 || namespaces.contains { Self.isLabel($0, message, namespace) }
        }
        if count == 1 { return Self.ownNames.contains { Self.isLabel($0, message, last) } }
        return count == 2 && Self.isLabel("dns", message, last) && Self.isLabel("ns", message, namespace)
    }

    /// What a cluster has at its apex besides `svc` and `pod`.
    private static let ownNames = ["dns-version", "dns", "hostmaster"]

    private static func isLabel(_ text: String, _ message: Span<UInt8>, _ start: Int) -> Bool {
        isLabel(Array(text.utf8), message, start)
    }

    /// True where the label at `start` is `label`, which is in lower case, in any case.
    private static func isLabel(_ label: [UInt8], _ message: Span<UInt8>, _ start: Int) -> Bool {
        guard Int(message[start]) == label.count else { return false }
        for index in label.indices where foldedOctet(message[start + 1 + index]) != label[index] {
            return false
        }
        return true
    }
}
