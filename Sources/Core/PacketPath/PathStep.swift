import IPAddressing

/// One event on a packet's way through a machine.
package struct PathStep: Hashable, Sendable {
    /// The part of the machine.
    package var stage: Stage
    /// What happens to the packet.
    package var action: Action
    /// The meaning of the step; nil for an ordinary one.
    package var code: PathCode?
    /// The object that decides, in the syntax of the program that shows it.
    package var rule: String
    /// The machine with the next hop's address; nil if there is no next hop, or it is not known.
    package var next: String?
    /// The packet before the step.
    package var before: Packet
    /// The packet after the step.
    package var after: Packet
    /// The addresses of the packet around it, in a tunnel.
    package var outer: Packet?
    /// The device that the packet comes in by or leaves by.
    package var device: String?
    /// The largest packet of that device, in octets.
    package var mtu: Int?
    /// How the step is known.
    package var evidence: PacketTrace.Evidence
    /// True for a route that another program has made and that takes the packet from a route of ours.
    package var isDiverted = false
    /// What the check of the packet's source found; nil if it did not drop the packet.
    package var sourceFault: SourceFault?

    /// Why the kernel drops a packet because of its source: `fib_validate_source`, and `rp_filter` in
    /// Documentation/networking/ip-sysctl.
    package enum SourceFault: Hashable, Sendable {
        /// It is an address of the host itself.
        case ownAddress
        /// No route leads to it; `rp_filter` 2 lets no such packet pass.
        case noRoute
        /// Packets for it leave by another device, and `rp_filter` is 1.
        case anotherDevice
        /// The device has no IPv4 address: there 2 is as strict as 1.
        case bareDevice
    }

    /// The parts of a machine, in the order of the kernel.
    package enum Stage: String, Hashable, Sendable {
        case ingress, conntrack, prerouting, service, route, rpFilter = "rp_filter", input
        case forwarding, forward, output, postrouting, egress, neighbour, encapsulation, delivery
    }

    /// What happens to a packet.
    package enum Action: String, Hashable, Sendable {
        case accept, forward, deliver, translate, encapsulate, drop, unknown
    }
}

/// A machine on the way of a packet.
package struct PathHop: Hashable, Sendable {
    /// The machine's name.
    package var host: String
    /// What it is, as in `relay`.
    package var role: String
    /// What happens there, in order.
    package var steps: [PathStep]
    /// Index of the machine in its network.
    package var machine: Int
}

/// One way of a packet, from its source to where it ends.
package struct PathTrace: Hashable, Sendable {
    /// True for the answer.
    package var isReply: Bool
    /// The packet as it is sent.
    package var packet: Packet
    /// The machines in order.
    package var hops: [PathHop] = []
    /// How it ends.
    package var disposition: Disposition

    /// How a way ends.
    package enum Disposition: String, Hashable, Sendable {
        /// The packet arrives.
        case delivered
        /// A rule, a filter or a table drops it.
        case dropped
        /// No route leads on.
        case lost
        /// It arrives where no connection waits for it.
        case bypassed
        /// A rule is not understood, or a machine not known.
        case unknown
    }

    /// The steps of all machines.
    package var steps: [PathStep] { hops.flatMap(\.steps) }

    /// The step that ends it; nil if the packet arrives.
    package var culprit: (hop: PathHop, step: PathStep)? {
        for hop in hops {
            for step in hop.steps {
                guard let code = step.code, !code.isInformation else { continue }
                return (hop, step)
            }
        }
        return nil
    }

    /// The packet that arrives, or that is lost.
    package var last: Packet { steps.last?.after ?? packet }

}

/// A request and its answer.
package struct PathExchange: Hashable, Sendable {
    /// The way of the request.
    package var request: PathTrace
    /// The way of the answer; nil if the first packet of the request does not arrive. Where the request is
    /// not delivered although there is one, a later packet is lost.
    package var reply: PathTrace?

    /// True if the answer arrives.
    package var isComplete: Bool {
        request.disposition == .delivered && reply?.disposition == .delivered
    }

    /// The trace that does not end well; nil if both do.
    package var failed: PathTrace? {
        request.disposition == .delivered ? (isComplete ? nil : reply) : request
    }
}
