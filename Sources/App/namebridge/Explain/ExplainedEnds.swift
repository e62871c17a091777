import DNSWire
import Diagnosis
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import PathExplanation

/// Reads the two ends of an explained packet; a name is looked up as `query` does it.
struct ExplainedEnds {
    /// The configuration.
    let inventory: Inventory
    /// False if no name server is asked.
    let asks: Bool

    /// The question of a command line.
    func question(
        from: String, to: String, transport: String, size: Int
    ) throws(ExplainedEndError) -> ExplainedQuestion {
        guard let sender = ExplainedEnd(from, in: inventory) else {
            throw .unknown(from, known: known)
        }
        let (target, port) = Self.splitPort(to)
        var question = ExplainedQuestion(
            from: sender, to: sender, transport: transport, port: port, size: size)
        if let destination = ExplainedEnd(target, in: inventory) {
            question.to = destination
        } else {
            question.to = try named(target, sender: sender)
        }
        return question
    }

    /// `TO:PORT`, with an address of IPv6 in brackets.
    static func splitPort(_ text: String) -> (String, Int?) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return (text.filter { $0 != "[" && $0 != "]" }, nil) }
        let host = text[..<colon]
        // An address of IPv6 without brackets has no port.
        if host.contains(":"), !host.hasSuffix("]") { return (text, nil) }
        return (host.filter { $0 != "[" && $0 != "]" }, port)
    }

    /// The names of places and hosts.
    private var known: String {
        (inventory.sites.map(\.key) + inventory.clusters.map(\.key)
            + inventory.hosts.map { "\($0.place)/\($0.host.name)" }).prefix(12).joined(separator: ", ")
    }

    // MARK: - Names

    /// The end that a name stands for: `web.shop.svc.prod.cluster.local`, or `web.shop` of a cluster.
    private func named(
        _ text: String, sender: ExplainedEnd
    ) throws(ExplainedEndError) -> ExplainedEnd {
        guard let name = fullName(text) else { throw .unknown(text, known: known) }
        let client = client(of: sender)
        let found = try ask(name, as: client)
        guard !found.addresses.isEmpty else {
            guard let key = found.cluster else { throw .noAddress(text, found.reason) }
            return ExplainedEnd(text: text, place: key, kind: .part(.services))
        }
        let place =
            found.cluster
            ?? found.addresses.lazy.compactMap { ExplainedEnd.place(of: $0, in: inventory) }.first
        return ExplainedEnd(text: text, place: place ?? "", kind: .addresses(found.addresses))
    }

    /// The name in full: `CLUSTER/SERVICE.NAMESPACE` or, with one cluster, `NAMESPACE/SERVICE`.
    private func fullName(_ text: String) -> DomainName? {
        let parts = text.split(separator: "/").map(String.init)
        guard parts.count == 2 else { return try? DomainName(parsing: text) }
        let cluster = inventory.cluster(parts[0])
        guard let owner = cluster ?? (inventory.clusters.count == 1 ? inventory.clusters.first : nil),
            let suffix = owner.names.first
        else { return nil }
        let service = cluster == nil ? "\(parts[1]).\(parts[0])" : parts[1]
        let isWhole = service.hasSuffix(".svc") || service.hasSuffix(".pod")
        return try? DomainName(parsing: "\(service)\(isWhole ? "" : ".svc").\(suffix)")
    }

    /// An address of the sender, as which the name is asked.
    private func client(of sender: ExplainedEnd) -> IPAddress {
        let own: IPAddress? =
            switch sender.kind {
            case .addresses(let addresses): addresses.first
            case .host(let host): host.host.addresses.first
            case .place, .part:
                inventory.site(sender.place)?.networks.first?.address
                    ?? inventory.cluster(sender.place)?.pods.first?.address
            }
        return own ?? IPAddress(v4: 0x7F00_0001)
    }

    /// What the forwarder's policy makes of a name.
    private struct Lookup {
        /// The addresses, in the order of the answer.
        var addresses: [IPAddress] = []
        /// The cluster that is asked; nil if none is.
        var cluster: String?
        /// Why there is no address.
        var reason = "no address came"
    }

    /// Asks for the addresses of a name by the forwarder's own policy.
    private func ask(_ name: DomainName, as client: IPAddress) throws(ExplainedEndError) -> Lookup {
        var lookup = Lookup()
        let policy = ForwardingPolicy(inventory, hostAddresses: [])
        guard asks else {
            lookup.cluster =
                inventory.clusters.first { cluster in
                    cluster.names.contains { name.isAtOrBelow($0) }
                }?.key
            lookup.reason = "no cluster of the configuration has this name"
            return lookup
        }
        do throws(WireError) {
            var session = try QuerySession(
                name, type: UInt16(RecordType.a), policy: policy, client: client, transport: .udp)
            let report = session.run()
            lookup.cluster = report.route?.groups.map(\.name).first { inventory.cluster($0) != nil }
            if let answer = ProbeAnswer(reading: report.reply) {
                lookup.addresses = answer.addresses
                if answer.rcode == Int(ResponseCode.nameError.rawValue) {
                    lookup.cluster = nil
                    lookup.reason = "the name does not exist"
                }
            }
        } catch {
            throw .noAddress("\(name)", "\(error)")
        }
        return lookup
    }
}

/// Why an end of a packet cannot be told.
enum ExplainedEndError: Error, CustomStringConvertible {
    /// The text is no place, host, address or name.
    case unknown(String, known: String)
    /// The name has no address.
    case noAddress(String, String)

    var description: String {
        switch self {
        case .unknown(let text, let known):
            "\"\(text)\" is no site, cluster, host, address or name; known: \(known)"
        case .noAddress(let name, let reason): "\"\(name)\": \(reason)"
        }
    }
}
