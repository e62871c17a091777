import IPAddressing
import NetworkModel

extension NetworkWalk {
    /// Notes the packet around the packet where a device wraps it.
    ///
    /// - Returns: The way's end if the tunnel does not know where to send it.
    func wrap(_ way: inout Way, at port: NetworkMap.Port, to hop: IPAddress) -> Way? {
        let machine = map.machines[port.machine]
        let mark = way.mark
        way.markedAt = nil
        guard let device = port.device, let link = machine.state.link(device) else { return nil }
        noteSize(&way, link)
        var outer: (from: IPAddress, to: IPAddress)?
        var datagramPort: Int?
        if let gateway = machine.state.unresolvedNeighbours.first(where: {
            $0.device == device && $0.address == hop
        }) {
            way.stop(
                .neighbourMissing, by: "\(gateway.address) does not answer on \(device)", as: .dropped,
                evidence: machine.evidence)
            return way
        }
        if case .vxlan(let mesh) = link.kind, link.isOurs || machine.holdsNeighbours(of: link, mesh) {
            let neighbour = machine.state.neighbours.first { $0.device == device && $0.address == hop }
            guard let neighbour else {
                way.stop(
                    .neighbourMissing, by: "no entry for \(hop) on \(device)", as: .dropped,
                    evidence: machine.evidence)
                return way
            }
            let entry = machine.state.forwardingEntries.first {
                $0.device == device && $0.mac == neighbour.mac
            }
            guard let entry else {
                way.stop(
                    .forwardingEntryMissing, by: "no entry for \(neighbour.mac) on \(device)", as: .dropped,
                    evidence: machine.evidence)
                return way
            }
            let own = mesh.local ?? machine.address(of: mesh.underlay, toward: entry.destination)
            outer = own.map { ($0, entry.destination) }
            datagramPort = mesh.port
        } else if machine.knowledge.tunnels.contains(device) {
            let far = map.owner(of: hop, near: map.places[port.machine])
            if let target = far.flatMap({ map.machines[$0.machine].firstAddress(hop.family) }),
                let own = machine.firstAddress(hop.family)
            {
                outer = (own, target)
            }
        }
        guard let outer else { return nil }
        way.wrapLast(
            in: Packet(from: outer.from, to: outer.to, transport: link.kind.wrapping), device: device,
            evidence: machine.evidence == .planned && !link.isOurs ? .assumed : machine.evidence)
        guard let datagramPort, followsTunnels else { return nil }
        let around = Packet(
            from: outer.from, to: outer.to, transport: "udp",
            ports: (source: Self.tunnelSourcePort, destination: datagramPort))
        return carry(&way, in: around, mark, from: port.machine)
    }

    /// Follows `around`, the packet around that of `way`, from the machine with the tunnel's device.
    ///
    /// - Parameter mark: The mark of the packet inside.
    /// - Returns: The way's end if it is lost; nil if it arrives, or if it is not known.
    private func carry(_ way: inout Way, in around: Packet, _ mark: PartlyKnown, from machine: Int) -> Way? {
        // A device in a namespace sends by the host that it was made in.
        let isOwn = map.machines[machine].routes.isOwn(around.source)
        let sender = isOwn ? machine : map.owner(of: around.source, near: map.places[machine])?.machine
        guard let sender, map.machines[sender].evidence == .read else { return nil }
        var first = Way(around, as: .request, from: .machine(sender))
        // Within one namespace the packet around it has its mark, and it gets the mark that that one has at
        // the other end (skb_scrub_packet).
        if isOwn { (first.mark, first.markedAt) = (mark, sender) }
        return carry(&way, by: first)
    }

    /// The source port of a tunnel's packets, of which the kernel draws one for each connection inside: rules
    /// do not tell them apart.
    private static var tunnelSourcePort: Int { 49_152 }

    /// Follows the packet around a packet, which counts where it was read what becomes of it.
    ///
    /// - Returns: The way's end if the packet around its packet is lost; nil if that one arrives, or if it is
    ///   not known.
    private func carry(_ way: inout Way, by first: Way) -> Way? {
        let around = first.packet
        var outside = self
        outside.followsTunnels = false
        var found: [Way] = []
        outside.follow(first, into: &found)
        let arrived = found.filter { $0.trace.disposition == .delivered }
        if let one = arrived.first {
            let end = one.trace.hops.last?.machine
            let isOneEnd = arrived.allSatisfy { $0.trace.hops.last?.machine == end }
            way.mark = arrived.dropFirst().reduce(one.mark) { $0.merged($1.mark) }
            way.markedAt = isOneEnd ? end : nil
            return nil
        }
        let decided = found.lazy.filter { way in
            way.trace.culprit?.step.evidence == .read
                || way.trace.hops.allSatisfy { map.machines[$0.machine].evidence == .read }
        }.compactMap(\.trace.culprit).first
        guard let (hop, step) = decided, !found.contains(where: { $0.trace.disposition == .unknown }) else {
            return nil
        }
        way.trace.disposition = .dropped
        if way.trace.hops.last?.machine != hop.machine {
            way.trace.hops.append(PathHop(host: hop.host, role: hop.role, steps: [], machine: hop.machine))
        }
        let last = PathStep(
            stage: step.stage, action: .drop, code: step.code, rule: "\(around) of the tunnel: \(step.rule)",
            before: way.packet, after: way.packet, outer: around, device: step.device, evidence: step.evidence
        )
        way.trace.hops[way.trace.hops.count - 1].steps.append(last)
        return way
    }

    /// Notes a packet that is larger than the device lets through.
    private func noteSize(_ way: inout Way, _ link: Link) {
        guard let mtu = link.mtu, size > mtu, !way.trace.isReply, let hop = way.trace.hops.indices.last else {
            return
        }
        let machine = map.machines[way.trace.hops[hop].machine]
        way.trace.hops[hop].steps.append(
            PathStep(
                stage: .egress, action: .accept, code: .mtu,
                rule: "\(size) octets do not fit: the sender is told to send at most \(mtu)",
                before: way.packet, after: way.packet, device: link.name, mtu: mtu,
                evidence: machine.evidence == .planned ? .assumed : machine.evidence))
    }
}

extension Machine {
    /// True if a tunnel of another owner works by permanent entries alone: it asks no other host.
    fileprivate func holdsNeighbours(of link: Link, _ mesh: VXLANLink) -> Bool {
        evidence == .read && !mesh.isLearning
            && !state.forwardingEntries.contains { $0.device == link.name && $0.isForUnknown }
    }

    /// The address that other hosts reach it by; nil if it has none of the family.
    func firstAddress(_ family: AddressFamily) -> IPAddress? {
        state.addresses.first { $0.address.family == family && !$0.address.isLoopback && !$0.isLinkLocal }?
            .address
    }
}

extension LinkKind {
    /// The protocol of packets around packets.
    var wrapping: String {
        switch self {
        case .vxlan: "vxlan"
        case .veth: "ethernet"
        case .other(let kind): kind.isEmpty ? "tunnel" : kind
        }
    }
}
