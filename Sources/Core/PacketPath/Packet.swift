package import IPAddressing

/// The addresses and ports of a packet at one point of its path.
package struct Packet: Hashable, Sendable {
    /// The source address.
    package var source: IPAddress
    /// The destination address.
    package var destination: IPAddress

    /// As nft and iptables call it: `tcp`, `udp`, `icmp`.
    package var transport: String

    /// 0...65535; 0 if the transport has none.
    package var sourcePort: Int
    /// The destination port; 0 if the transport has none.
    package var destinationPort: Int

    /// Creates a packet.
    package init(
        from source: IPAddress, to destination: IPAddress, transport: String = "tcp",
        ports: (source: Int, destination: Int) = (0, 0)
    ) {
        self.source = source
        self.destination = destination
        self.transport = transport
        sourcePort = ports.source
        destinationPort = ports.destination
    }

    /// The family of its addresses.
    package var family: AddressFamily { source.family }

    /// True for an echo request or its reply.
    var isOfICMP: Bool { transport.contains("icmp") }

    /// The type of an echo request or its reply, by number and as nft and iptables call it (RFC 792,
    /// RFC 4443).
    func messageTypes(isAnswer: Bool) -> Set<String> {
        switch (family, isAnswer) {
        case (.v4, false): ["8", "echo-request", "ping"]
        case (.v4, true): ["0", "echo-reply", "pong"]
        case (.v6, false): ["128", "echo-request", "ping"]
        case (.v6, true): ["129", "echo-reply", "pong"]
        }
    }

    /// The packet that answers this one.
    package var reply: Packet {
        Packet(
            from: destination, to: source, transport: transport, ports: (destinationPort, sourcePort))
    }
}

extension Packet: CustomStringConvertible {
    /// As in `tcp 172.16.3.50:40000 > 10.96.5.5:80`.
    package var description: String {
        guard sourcePort != 0 || destinationPort != 0 else {
            return "\(transport) \(source) > \(destination)"
        }
        let (left, right) =
            family == .v6 ? ("[\(source)]", "[\(destination)]") : ("\(source)", "\(destination)")
        return "\(transport) \(left):\(sourcePort) > \(right):\(destinationPort)"
    }
}

/// One packet of a connection on its path through one host.
package struct Flow: Hashable, Sendable {
    /// As it arrives.
    package var packet: Packet

    /// Between the translation of its destination and that of its source, as the chains of `forward` and
    /// `input` see it.
    package var inside: Packet

    /// As it leaves.
    package var leaving: Packet

    /// The first packet of the connection, as it arrived.
    package var original: Packet

    /// True for a packet in the direction of the answers of a connection that the host knows.
    package var isReply: Bool
    /// True for a packet that answers, whether or not the host knows its connection.
    package var isAnswer = false
    /// The state of its connection.
    package var state: ConnectionState

    /// Nil if the host sends it itself, or if the device is not known.
    package var inDevice: String?

    /// Nil if it is for the host itself, or if the device is not known.
    package var outDevice: String?
    /// The mark that it arrives with.
    package var mark: UInt32
    /// The hooks that it passes.
    package var course: Course

    /// The hooks that a packet passes.
    package enum Course: Hashable, Sendable {
        /// It is routed through the host.
        case forwarded
        /// It is for the host itself.
        case delivered
        /// IPVS takes it after the `input` hook and sends it as a packet of the host (`output`).
        case balanced
    }

    /// Creates a flow.
    package init(
        _ packet: Packet, inside: Packet? = nil, inDevice: String?, outDevice: String?,
        course: Course = .forwarded
    ) {
        self.packet = packet
        self.inside = inside ?? packet
        leaving = self.inside
        original = packet
        isReply = false
        state = .new
        self.inDevice = inDevice
        self.outDevice = outDevice
        mark = 0
        self.course = course
    }

    /// True if its destination is translated.
    var isDestinationTranslated: Bool {
        packet.destination != inside.destination || packet.destinationPort != inside.destinationPort
    }

    /// A later packet of the connection in the same direction.
    package var established: Flow {
        var flow = self
        flow.state = .established
        return flow
    }

    /// The packet that answers this one: it arrives by the device that this one leaves by.
    package var reply: Flow {
        var flow = Flow(leaving.reply, inside: inside.reply, inDevice: outDevice, outDevice: inDevice)
        flow.inside.destination = packet.source
        flow.inside.destinationPort = packet.sourcePort
        flow.leaving = packet.reply
        flow.original = original
        flow.isReply = true
        flow.isAnswer = true
        flow.state = .established
        return flow
    }
}

/// The state that connection tracking gives a packet.
package enum ConnectionState: String, Hashable, Sendable {
    case new, established, related, invalid, untracked
}
