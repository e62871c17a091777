import DNSWire
import DomainNames
import IPAddressing
import Inventory
import LDNSBridge

/// What one cluster has under a name.
struct NameFinding: Hashable {
    /// The cluster's key.
    let cluster: String
    /// The whole name, as clients ask for it.
    let name: DomainName
    /// What the name is; nil if the cluster does not have it, or gave no answer.
    var kind: Kind?
    /// The addresses, in the order of the answer, each once.
    var addresses: [Address] = []
    /// Where the name leads, of an alias; nil for others.
    var target: DomainName?
    /// The ports of its SRV records, each once, in order.
    var ports: [UInt16] = []
    /// Why there is no answer; nil if there is one.
    var failure: String?

    /// The kinds of names that a cluster has.
    enum Kind: String {
        /// One address for the whole service.
        case clusterIP = "ClusterIP"
        /// The addresses of its endpoints.
        case headless
        /// An alias.
        case externalName = "ExternalName"
        /// One endpoint of a service.
        case endpoint
        /// A pod, by its address.
        case pod
        /// One or the other: the file names no ClusterIPs of the cluster.
        case service
        /// It exists, without addresses.
        case empty = "no addresses"
    }

    /// An address as the client gets it.
    struct Address: Hashable {
        /// What it connects to.
        let outer: IPAddress
        /// The address inside of the cluster, if it is another one.
        let inner: IPAddress?
    }

    /// True if the cluster has the name.
    var isFound: Bool { kind != nil }
}

extension NameFinding {
    /// Takes in the reply to a question for the name; an absent one is a failure.
    ///
    /// - Parameters:
    ///   - inner: What an outer address stands for.
    mutating func take(_ reply: [UInt8]?, type: UInt16, inner: (IPAddress) -> IPAddress?) {
        guard let reply, let message = try? MessageOracle(reply) else {
            failure = failure ?? "no reply"
            return
        }
        switch ResponseCode(Int(message.rcode)) {
        case .noError: break
        case .nameError: return
        default:
            let reason = ExtendedError.first(in: reply).map { String(decoding: $0.text, as: UTF8.self) } ?? ""
            let code = Mnemonics.rcode(UInt16(message.rcode))
            failure = failure ?? (reason.isEmpty ? code : reason.printable)
            return
        }
        if kind == nil { kind = .empty }
        for record in message.records[.answer] ?? [] { take(record, inner) }
    }

    /// Takes in a record.
    private mutating func take(_ record: ResourceRecord, _ inner: (IPAddress) -> IPAddress?) {
        switch Int(record.type) {
        case RecordType.cname where record.owner == name:
            target = try? DomainName(wire: record.data)
        case RecordType.a, RecordType.aaaa:
            let family: AddressFamily = Int(record.type) == RecordType.a ? .v4 : .v6
            guard record.data.count == family.bitWidth / 8 else { return }
            let bits = record.data.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
            let address = IPAddress(family: family, bits: bits)
            let found = Address(outer: address, inner: inner(address))
            if !addresses.contains(found) { addresses.append(found) }
        case RecordType.srv where record.data.count > 6:
            let port = UInt16(record.data[4]) << 8 | UInt16(record.data[5])
            if !ports.contains(port) { ports.append(port) }
        default: break
        }
    }

    /// Decides the kind once all replies are in.
    ///
    /// - Parameters:
    ///   - services: The ClusterIPs of the cluster, inner and outer; empty if the file names none.
    ///   - labels: The labels before the cluster's suffix.
    mutating func decideKind(services: [IPPrefix], labels: [[UInt8]]) {
        ports.sort()
        guard kind != nil else { return }
        if target != nil {
            kind = .externalName
        } else if labels.last?.elementsEqual("pod".utf8) == true {
            kind = .pod
        } else if addresses.isEmpty {
            kind = .empty
        } else if labels.count > 3 {
            kind = .endpoint
        } else if services.isEmpty {
            kind = .service
        } else {
            // A family without a service prefix in the file says nothing.
            let families = Set(services.map(\.address.family))
            let known = addresses.filter { families.contains(($0.inner ?? $0.outer).family) }
            let isOfServices = (known.isEmpty ? addresses : known).allSatisfy { address in
                services.contains {
                    $0.contains(address.outer) || $0.contains(address.inner ?? address.outer)
                }
            }
            kind = isOfServices ? .clusterIP : .headless
        }
    }
}
