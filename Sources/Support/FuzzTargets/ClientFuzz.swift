import Forwarding

/// `terms` and a client's message: asked twice, so that the second one may be answered from the cache.
///
/// Bit 0 of `terms`: over TCP. Bits 1 and 2: from which view, or from a client that may not ask. The rest:
/// how the servers behave.
enum ClientFuzz {
    /// Addresses of clients of each view, and of one that may not ask.
    private static let clients: [UInt32] = [0x0A00_0007, 0x0A00_0107, 0xC000_0207, 0x0A00_0008]

    /// The errors with this input.
    static func objections(to input: [UInt8]) -> [String] {
        guard let terms = input.first else { return [] }
        let message = Array(input.dropFirst())
        let transport: Transport = terms & 1 == 1 ? .tcp : .udp
        let client = clients[Int(terms >> 1 & 3)]
        let servers = servers(Int(terms >> 3 & 7))
        var play = EnginePlay()
        let first = play.ask(message, client: client, over: transport, servers)
        let second = play.ask(message, client: client, over: transport, servers)
        if (first == nil) != (second == nil) { play.object("a reply once, and none the other time") }
        return play.objections
    }

    /// One of several behaviours of the servers.
    private static func servers(_ choice: Int) -> EnginePlay.Servers {
        let pointer: [UInt8] = [0xC0, 12]
        switch choice {
        case 0, 1:
            let data: [UInt8] = [0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 172, 17, 16, 9]
            return .echo(flags: 0x8400, counts: [0, 1, 0, 0, 0, 0], records: pointer + data)
        case 2:
            let data: [UInt8] = [0, 6, 0, 1, 0, 0, 0, 30, 0, 24]
            let rest = pointer + pointer + [UInt8](repeating: 0, count: 20)
            return .echo(flags: 0x8403, counts: [0, 0, 0, 1, 0, 0], records: pointer + data + rest)
        case 3: return .echo(flags: 0x8600, counts: [0, 0, 0, 0, 0, 0], records: [])
        case 4: return .echo(flags: 0x8402, counts: [0, 0, 0, 0, 0, 0], records: [])
        case 5: return .fail(.refused)
        case 6: return .echo(flags: 0x8401, counts: [0, 0, 0, 0, 0, 0], records: [])
        default: return .silent
        }
    }
}
