import DNSWire
import DomainNames
import Inventory

/// What the clients of a view may ask of the clusters.
///
/// Everything else gets the same refusal, before a cache or a server is used: neither the answer nor its time
/// nor its text reveals whether the name exists.
struct ViewAccess: Sendable {
    /// Keys of the clusters that may be asked; nil: all.
    private let clusters: Set<String>?

    /// Labels, lower-case; nil: all namespaces.
    private let namespaces: [[UInt8]]?

    /// The access of a configuration.
    init(_ access: Access) {
        clusters = access.clusters.map { Set($0) }
        namespaces = access.namespaces?.map { Array($0.utf8) }
    }

    /// True if the cluster may be asked.
    func permits(cluster: String) -> Bool { clusters?.contains(cluster) ?? true }

    /// True if names may be asked whose namespace can't be told: the answer to a reverse name may name any.
    var permitsAllNamespaces: Bool { namespaces == nil }

    /// True if the name whose labels are before `suffixStart`, an offset into the name after the header of
    /// `message`, is in a permitted namespace, or in no namespace like the cluster's own names.
    ///
    /// Both `<namespace>.svc` and `<namespace>.pod` count, and names below them (Kubernetes DNS-Based Service
    /// Discovery 1.1.0 section 2). A wildcard is no permitted namespace.
    func permits(_ message: Span<UInt8>, suffixStart: Int) -> Bool {
        guard let namespaces else { return true }
        let end = Question.nameStart + suffixStart
        var position = Question.nameStart
        var last: Int?
        var namespace: Int?
        var count = 0
        while position < end {  // a checked name: each label is at least two octets
            namespace = last
            last = position
            count += 1
            position += 1 + Int(message[position])
        }
        guard let last else { return true }
        if Self.isLabel("svc", message, start: last) || Self.isLabel("pod", message, start: last) {
            guard let namespace else { return true }
            return namespaces.contains { Self.isLabel($0, message, start: namespace) }
        }
        if count == 1 { return Self.ownNames.contains { Self.isLabel($0, message, start: last) } }
        guard count == 2, let namespace else { return false }
        return Self.isLabel("dns", message, start: last) && Self.isLabel("ns", message, start: namespace)
    }

    /// The cluster's names at its apex besides `svc` and `pod`.
    private static let ownNames = ["dns-version", "dns", "hostmaster"]

    /// True if the label at `start` is `text`, in any letter case.
    private static func isLabel(_ text: String, _ message: Span<UInt8>, start: Int) -> Bool {
        isLabel(Array(text.utf8), message, start: start)
    }

    /// True if the label at `start` is `label`, which is in lower case, in any letter case.
    private static func isLabel(_ label: [UInt8], _ message: Span<UInt8>, start: Int) -> Bool {
        hasLabel(label, in: message, at: start)
    }
}

/// True if the label at `start` of `octets` is `label`, which is in lower case, in any letter case.
func hasLabel(_ label: [UInt8], in octets: Span<UInt8>, at start: Int) -> Bool {
    guard Int(octets[start]) == label.count else { return false }
    for index in label.indices where foldedOctet(octets[start + 1 + index]) != label[index] { return false }
    return true
}
