import IPAddressing
import LinuxSystem
import PathProbing
import Testing

/// Single packets over loopback.
@Suite struct PacketProbeTests {
    @Test(arguments: ["127.0.0.1", "::1"])
    func `what listens answers, what does not refuses, and the rest is silent`(_ host: String) throws {
        let address = try #require(IPAddress(host))
        let any = Endpoint(address: address, port: 0)
        let listener = try StreamSocket.listen(on: any, sharesPort: false)
        let sink = try DatagramSocket.listen(on: any, sharesPort: false, reportsLocalAddress: false)
        let closed = try StreamSocket.listen(on: any, sharesPort: false).localEndpoint()
        let outcomes = PacketProbe.send(
            [
                PacketProbe(to: try listener.localEndpoint(), .connection),
                PacketProbe(to: closed, .connection), PacketProbe(to: closed, .datagram([1, 2])),
                PacketProbe(to: try sink.localEndpoint(), .datagram([1, 2])), PacketProbe(to: any, .echo(size: 84)),
            ], milliseconds: 400)
        #expect(outcomes.map(\.word) == ["answered", "refused", "refused", "silent", "answered"], "\(outcomes)")
    }

    @Test func `more probes than may be open at a time have all an outcome`() throws {
        let address = try #require(IPAddress("127.0.0.1"))
        let listener = try StreamSocket.listen(on: Endpoint(address: address, port: 0), sharesPort: false)
        let probe = PacketProbe(to: try listener.localEndpoint(), .connection, from: IPAddress("127.0.0.9"))
        let outcomes = PacketProbe.send(Array(repeating: probe, count: 150), milliseconds: 2_000)
        #expect(outcomes.count == 150 && outcomes.allSatisfy { $0.word == "answered" })
    }

    /// RFC 1071 says how the sum is made: over the whole message it is 0xFFFF.
    @Test(arguments: [84, 85, 1500]) func `an echo request has the size and sum that it must have`(size: Int) {
        let message = EchoSocket.request(to: .v4, token: 0x1234_5678_9ABC_DEF0, size: size)
        #expect(message.count == size - 20)
        var sum = 0
        for index in stride(from: 0, to: message.count, by: 2) {
            sum += Int(message[index]) << 8 | (index + 1 < message.count ? Int(message[index + 1]) : 0)
        }
        while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }  // ends: each turn makes it smaller
        #expect(sum == 0xFFFF)
    }
}

extension PacketProbe.Outcome {
    /// Without the time.
    fileprivate var word: String {
        switch self {
        case .answered: "answered"
        case .refused: "refused"
        case .failed(let error): error.name == "EACCES" || error.name == "EPERM" ? "answered" : error.name
        case .silent: "silent"
        }
    }
}
