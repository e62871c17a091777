/// A question from one host to an address, and what came of it.
struct Probe: Hashable, CustomStringConvertible {
    let host: String
    let address: String
    var port = ProbeSockets.port

    /// How many questions over UDP are asked, one after the other; a network that works loses none.
    static let datagrams: Int32 = 20

    /// Services have ports alone: what answers an echo request to one is not what serves it.
    var isOfService: Bool { port != ProbeSockets.port }
    var description: String { "\(host) -> \(address)" + (isOfService ? ":\(port)" : "") }

    /// What worked.
    struct Outcome: Equatable, CustomStringConvertible {
        /// The address that the far side saw; nil if nothing came back.
        var tcp: String?
        var udp: String?

        /// How many of the questions over UDP were answered.
        var datagrams: Int

        /// An echo request; nil if none was sent.
        var echo: Bool?

        /// An echo request of 1,400 octets that may not be cut; nil if none was sent.
        var large: Bool?

        /// What TCP said where it failed.
        var error: String?

        var isWhole: Bool {
            tcp != nil && udp != nil && datagrams == Probe.datagrams && echo != false && large != false
        }
        var isBroken: Bool { tcp == nil && udp == nil && echo != true && large != true }

        /// True if everything works, and the far side saw one of `sources`.
        func isWhole(from sources: Set<String>) -> Bool {
            isWhole && [tcp, udp].allSatisfy { $0.map(sources.contains) == true }
        }

        var description: String {
            let echoes = [("echo", echo), ("1400", large)].map { name, works in
                works.map { " \(name) \($0 ? "yes" : "no")" } ?? ""
            }
            return "tcp \(tcp ?? error ?? "-") udp \(udp ?? "-") \(datagrams)" + echoes.joined()
        }
    }
}

extension Lab {
    /// Asks all at once, and waits as long as an answer may take on a busy machine.
    func probe(_ probes: [Probe]) throws -> [(probe: Probe, outcome: Probe.Outcome)] {
        try run(probes, milliseconds: 8_000)
    }

    /// Asks all at once where nothing is expected to come back.
    func probeInVain(_ probes: [Probe]) throws -> [(probe: Probe, outcome: Probe.Outcome)] {
        try run(probes, milliseconds: 700)
    }

    private func run(_ probes: [Probe], milliseconds: Int32) throws -> [(probe: Probe, outcome: Probe.Outcome)] {
        let outcomes = try sockets.run(probes.map { (space(of: $0.host), $0) }, milliseconds: milliseconds)
        return zip(probes, outcomes).map { ($0, $1) }
    }

    /// Sends fifty megaoctets over TCP, each compared with what was sent; how many arrived.
    func transfer(from: String, to: String, at address: String) -> Int {
        ProbeSockets.transfer(
            from: space(of: from), to: space(of: to), address: address, octets: 50_000_000, milliseconds: 30_000)
    }

    /// Each host to each of the addresses of others.
    func pairs(_ addresses: [String: String], where isWanted: (String, String) -> Bool = { _, _ in true }) -> [Probe] {
        addresses.keys.sorted().flatMap { from in
            addresses.sorted { $0.key < $1.key }.filter { $0.key != from && isWanted(from, $0.key) }
                .map { Probe(host: from, address: $0.value) }
        }
    }
}
