import IPAddressing
import LinuxSystem
import Testing

/// A socket that shows of several targets, one after the other, whether they answer.
@Suite struct ProbingSocketTests {
    @Test(arguments: DatagramTests.loopback)
    func `a socket is used for one connection after the other`(address: IPAddress) throws {
        let any = Endpoint(address: address, port: 0)
        let listener = try StreamSocket.listen(on: any, sharesPort: false)
        let closed = try StreamSocket.listen(on: any, sharesPort: false).localEndpoint()
        let socket = try StreamSocket.probing(address.family, from: address)
        let epoll = try Epoll()
        var events = EpollEvents(capacity: 4)
        try epoll.add(socket, [.writable, .onChange], token: 7)
        var seen: [String] = []
        for target in [try listener.localEndpoint(), closed, closed, try listener.localEndpoint()] {
            do throws(Errno) {
                try StreamSocket.begin(to: target, on: socket)
            } catch {
                #expect(error == .connectionRefused)
                seen.append("refused")
                continue
            }
            let count = try epoll.wait(into: &events, milliseconds: 2000)
            #expect(count == 1)
            let error = socket.pendingError()
            seen.append(error == nil ? "answered" : error == .connectionRefused ? "refused" : "\(error, default: "")")
            try StreamSocket.giveUp(on: socket)
        }
        #expect(seen == ["answered", "refused", "refused", "answered"])
        // The far end had nothing to accept.
        let isLeft = try StreamSocket.accept(from: listener) != nil
        #expect(!isLeft)
    }
}
