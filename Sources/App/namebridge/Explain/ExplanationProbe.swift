import DNSWire
import DomainNames
import IPAddressing
import Inventory
import LDNSBridge
import LinuxSystem
import PacketPath
import PathExplanation
import PathProbing

/// Sends the packets of an explanation from this host, to see whether they do what is reasoned of them.
struct ExplanationProbe {
    /// The file.
    let inventory: Inventory
    /// The addresses of this host.
    let ownAddresses: Set<IPAddress>

    init(_ inventory: Inventory) {
        self.inventory = inventory
        ownAddresses = Set(NetworkInterfaces.all.map(\.address).filter { !$0.isLoopback })
    }

    /// The packets of one explanation that are sent at most.
    private static let mostPackets = 16
    /// How long an answer may take, in milliseconds.
    private static let timeoutMilliseconds = 2_000

    /// The sender as this host can be it: itself, one of its addresses, or its address in the site.
    /// Nil if packets of the sender do not come from this host.
    func sender(of end: ExplainedEnd) -> ExplainedEnd? {
        switch end.kind {
        case .host(let host):
            return host.host.addresses.contains(where: ownAddresses.contains) ? end : nil
        case .addresses(let addresses):
            return addresses.contains(where: ownAddresses.contains) ? end : nil
        case .part: return nil
        case .place:
            let host = inventory.hosts.first { host in
                host.place == end.place && host.host.addresses.contains(where: ownAddresses.contains)
            }
            if let host { return ExplainedEnd(text: end.text, place: end.place, kind: .host(host)) }
            let networks = inventory.site(end.place)?.networks ?? []
            let own = ownAddresses.sorted().filter { address in networks.contains { $0.contains(address) } }
            return own.isEmpty
                ? nil : ExplainedEnd(text: end.text, place: end.place, kind: .addresses(own))
        }
    }

    /// The explanation, with what its packets did.
    func probing(_ explanation: Explanation) -> Explanation {
        let question = explanation.question
        var packets = Array(explanation.packets.prefix(Self.mostPackets))
        let isNamed = if case .addresses = question.from.kind { true } else { false }
        let probes = packets.map { probed -> PacketProbe in
            let packet = probed.packet
            return PacketProbe(
                to: Endpoint(address: packet.destination, port: UInt16(clamping: packet.destinationPort)),
                content(of: packet, question), from: isNamed ? packet.source : nil)
        }
        let outcomes = PacketProbe.send(probes, milliseconds: Self.timeoutMilliseconds)
        for (index, outcome) in outcomes.enumerated() {
            switch outcome {
            case .answered(let time):
                packets[index].answer = .answered
                packets[index].microseconds = time
            case .refused(let time):
                packets[index].answer = .refused
                packets[index].microseconds = time
            case .failed(let error): packets[index].answer = .failed(error.text)
            case .silent: packets[index].answer = .silent
            }
            // An empty datagram need not be answered.
            packets[index].expectsAnswer = probes[index].content != .datagram([])
        }
        return explanation.with(packets)
    }

    /// What stands for a packet: a connection, a question to a name server, or an echo request.
    private func content(of packet: Packet, _ question: ExplainedQuestion) -> PacketProbe.Content {
        switch packet.transport {
        case "tcp": return .connection
        case "udp":
            guard packet.destinationPort == 53 else { return .datagram([]) }
            let domain = inventory.cluster(question.to.place)?.domain ?? .root
            do throws(LDNSError) {
                var random = SystemRandomNumberGenerator()
                return .datagram(
                    try QuestionMessage.make(
                        domain, type: UInt16(RecordType.soa),
                        id: UInt16.random(in: 0...(.max), using: &random),
                        payloadSize: 1232))
            } catch {
                return .datagram([])
            }
        default: return .echo(size: question.size)
        }
    }
}
