import IPAddressing
import NetworkModel

extension ChainRun {
    /// The packet's value of `key`.
    func value(of key: PacketKey, in state: PacketState) -> PacketValue {
        let packet = state.packet
        switch key {
        case .address(let side, let family):
            if let family, family != packet.family { return .absent }
            return .address(side == .source ? packet.source : packet.destination)
        case .port(let side, let transport):
            let name = packet.transport
            guard transport == nil ? ["tcp", "udp"].contains(name) : transport == name else { return .absent }
            return .number(UInt64(side == .source ? packet.sourcePort : packet.destinationPort))
        case .originalAddress(let side):
            guard isConnectionKnown(state) else { return .absent }
            let original = state.flow.original
            return .address(side == .source ? original.source : original.destination)
        case .originalPort(let side):
            guard isConnectionKnown(state) else { return .absent }
            let original = state.flow.original
            return .number(UInt64(side == .source ? original.sourcePort : original.destinationPort))
        case .transport: return .word(packet.transport)
        case .family: return .words(packet.family == .v4 ? ["ipv4", "ip"] : ["ipv6", "ip6"])
        case .device(let direction): return device(direction, state)
        case .mark(let mask, let isOfConnection):
            let bits = (isOfConnection ? state.connectionMark : state.mark).masked(mask)
            return bits.map { .number(UInt64($0)) } ?? .unknown
        case .connection(let key): return connection(key, state)
        case .flags(let mask):
            guard packet.transport == "tcp" else { return .absent }
            return .number(UInt64((state.flow.state == .new ? 2 : 16) & mask))
        case .messageType(let family):
            guard packet.isOfICMP, packet.family == family else { return .absent }
            return .words(packet.messageTypes(isAnswer: state.flow.isAnswer))
        case .ofICMP: return packet.isOfICMP ? .unknown : .absent
        case .reversePath(let kind, let heedsMark): return reversePath(kind, heedsMark, state: state)
        case .addressType(let side):
            return .word(walk.routes.type(of: side == .source ? packet.source : packet.destination))
        case .packetType: return .word("host")
        case .constant: return .word("")
        case .random, .unknown: return .unknown
        }
    }

    /// The device's name; empty before the route is chosen, and for packets of the host itself.
    private func device(_ direction: PacketKey.Direction, _ state: PacketState) -> PacketValue {
        let isThere: Bool
        switch (direction, state.hook) {
        case (.incoming, .output), (.incoming, .postrouting), (.incoming, .egress):
            isThere = state.flow.course == .forwarded
        case (.outgoing, .ingress), (.outgoing, .prerouting), (.outgoing, .input): isThere = false
        default: isThere = true
        }
        guard isThere else { return .word("") }
        let name = direction == .incoming ? state.flow.inDevice : state.flow.outDevice
        return name.map { .word($0) } ?? .unknown
    }

    /// True once connection tracking has seen the packet: it comes at priority -200.
    private func isConnectionKnown(_ state: PacketState) -> Bool {
        let isEarly = state.hook == .prerouting || state.hook == .output
        return state.isTracked && state.flow.state != .invalid && state.hook != .ingress
            && !(isEarly && hook.priority < -200)
    }

    /// The packet's value of a key of connection tracking.
    private func connection(_ key: PacketKey.ConnectionKey, _ state: PacketState) -> PacketValue {
        guard isConnectionKnown(state) else {
            // Without a connection a packet counts as invalid, unless a rule has excluded it.
            return key == .state ? .word(state.isTracked ? "invalid" : "untracked") : .absent
        }
        switch key {
        case .state: return .word(state.flow.state.rawValue)
        case .direction: return .word(state.flow.isReply ? "reply" : "original")
        case .status:
            var words: Set<String> = ["confirmed"]
            if state.flow.original.destination != state.flow.connectedTo { words.insert("dnat") }
            if state.flow.state != .new { words.formUnion(["seen-reply", "assured"]) }
            return .words(words)
        }
    }

    /// The packet's value of a reverse path condition.
    private func reversePath(
        _ kind: PacketKey.ReversePath, _ heedsMark: Bool, state: PacketState
    ) -> PacketValue {
        let mark = heedsMark ? state.mark.masked(.max) : 0
        guard let mark else { return .unknown }
        var query = RouteLookup.Query(state.packet.source, source: state.packet.destination, mark: mark)
        guard kind != .loose else { return Self.exists(walk.routes.decide(query)?.route != nil) }
        guard let device = state.flow.inDevice else { return .unknown }
        if kind == .throughDevice { query.outDevice = device }
        let route = walk.routes.decide(query)?.route
        return Self.exists(route?.nextHops.contains { $0.device == device } ?? false)
    }

    /// The words `exists` and `missing`.
    private static func exists(_ truth: Bool) -> PacketValue { .word(truth ? "exists" : "missing") }
}

extension Flow {
    /// The destination of the connection at the far end, after translation.
    fileprivate var connectedTo: IPAddress { isReply ? packet.source : inside.destination }
}
