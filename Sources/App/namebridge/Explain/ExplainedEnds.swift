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
            throw unknown(from)
        }
        let (target, port) = try Self.splitPort(to)
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
    static func splitPort(_ text: String) throws(ExplainedEndError) -> (String, Int?) {
        let bare = text.filter { $0 != "[" && $0 != "]" }
        guard let colon = text.lastIndex(of: ":") else { return (bare, nil) }
        let host = text[..<colon]
        // An address of IPv6 without brackets has no port, and one that ends with a bracket none either.
        if text.hasSuffix("]") || (host.contains(":") && !host.hasSuffix("]")) { return (bare, nil) }
        guard let port = Int(text[text.index(after: colon)...]), (1...65_535).contains(port) else {
            throw .port(String(text[text.index(after: colon)...]), of: text)
        }
        return (host.filter { $0 != "[" && $0 != "]" }, port)
    }

    /// The error for a text that means nothing here.
    private func unknown(_ text: String) -> ExplainedEndError {
        .unknown(text, near: near(text), known: known)
    }

    /// The place, host or part of a cluster that was probably meant; nil if none is near.
    private func near(_ text: String) -> String? {
        let parts = inventory.clusters.flatMap { cluster in
            ExplainedEnd.Part.allCases.map { "\(cluster.key)/\($0.rawValue)" }
        }
        let hosts = inventory.hosts.map { "\($0.place)/\($0.host.name)" }
        let places = inventory.sites.map(\.key) + inventory.clusters.map(\.key)
        // What is right before the slash counts as right.
        let end = text.firstIndex(of: "/").map { text[...$0] } ?? ""
        let same = (parts + hosts).filter { !end.isEmpty && $0.hasPrefix(end) }
        if !same.isEmpty {
            let last = String(text.dropFirst(end.count))
            return nearestSpelling(of: last, among: same.map { String($0.dropFirst(end.count)) })
                .map { end + $0 }
        }
        return nearestSpelling(of: text, among: places + parts + hosts)
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
        guard let name = fullName(text) else { throw unknown(text) }
        let client = client(of: sender)
        let found = try ask(name, as: client)
        guard !found.addresses.isEmpty else {
            guard let key = found.cluster else {
                throw .noAddress(text, found.reason, near: near(text))
            }
            var end = ExplainedEnd(text: text, place: key, kind: .part(.services))
            end.fullName = "\(name)"
            if asks {
                end.remark =
                    "\(name) has no address now (\(found.reason)): another service of \(key) stands for it"
            }
            return end
        }
        let place =
            found.cluster
            ?? found.addresses.lazy.compactMap { ExplainedEnd.place(of: $0, in: inventory) }.first
        var end = ExplainedEnd(text: text, place: place ?? "", kind: .addresses(found.addresses))
        end.fullName = "\(name)"
        return end
    }

    /// The name in full: `CLUSTER/SERVICE.NAMESPACE` or, with one cluster, `NAMESPACE/SERVICE`.
    private func fullName(_ text: String) -> DomainName? {
        let parts = text.split(separator: "/").map(String.init)
        guard parts.count == 2 else { return try? DomainName(parsing: text) }
        let cluster = inventory.cluster(parts[0])
        // A service has a namespace: PLACE/WORD is a host or a part, or a mistake.
        let isPlace = cluster != nil || inventory.site(parts[0]) != nil
        guard !isPlace || (cluster != nil && parts[1].contains(".")) else { return nil }
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
        for type in [RecordType.a, RecordType.aaaa] where lookup.addresses.isEmpty {
            do throws(WireError) {
                var session = try QuerySession(
                    name, type: UInt16(type), policy: policy, client: client, transport: .udp)
                let report = session.run()
                lookup = self.lookup(report)
                // Only a name that is there may have addresses of the other family.
                guard ProbeAnswer(reading: report.reply)?.rcode == 0 else { return lookup }
            } catch {
                throw .noAddress("\(name)", "\(error)", near: nil)
            }
        }
        return lookup
    }

    /// What a question of the forwarder has given.
    private func lookup(_ report: QueryReport) -> Lookup {
        var lookup = Lookup()
        lookup.cluster = report.route?.groups.map(\.name).first { inventory.cluster($0) != nil }
        if let answer = ProbeAnswer(reading: report.reply) {
            lookup.addresses = answer.addresses
            let isMissing = answer.rcode == Int(ResponseCode.nameError.rawValue)
            if isMissing { lookup.cluster = nil }
            lookup.reason =
                Self.reason(report)
                ?? (isMissing ? "the name does not exist" : "no address: \(answer.words)")
        } else {
            lookup.reason = Self.reason(report) ?? lookup.reason
        }
        return lookup
    }

    /// Why there is no address, as `query` shows it; nil if it shows no reason.
    private static func reason(_ report: QueryReport) -> String? {
        if let reason = report.route?.reason { return reason }
        if let error = ExtendedError.first(in: report.reply) { return error.inWords }
        guard case .failure(let reason, _)? = report.exchanges.last?.outcome,
            let server = report.exchanges.last?.server
        else { return nil }
        return "\(server): \(reason)"
    }
}

/// Why an end of a packet cannot be told.
enum ExplainedEndError: Error, CustomStringConvertible {
    /// The text is no place, host, address or name.
    case unknown(String, near: String?, known: String)
    /// The name has no address.
    case noAddress(String, String, near: String?)
    /// What follows the colon is no port.
    case port(String, of: String)

    var description: String {
        switch self {
        case .unknown(let text, let near, let known):
            "\"\(text)\" is no site, cluster, host, address or name"
                + (near.map { "; did you mean \"\($0)\"?" } ?? "; known: \(known)")
        case .noAddress(let name, let reason, let near):
            "\"\(name)\": \(reason)" + (near.map { "; did you mean \"\($0)\"?" } ?? "")
        case .port(let port, let text):
            "\"\(text)\": \"\(port)\" is no port: a port is 1 to 65535"
        }
    }
}
