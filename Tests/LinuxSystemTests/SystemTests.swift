import Foundation
import IPAddressing
import LinuxSystem
import Synchronization
import Testing
import Time

@Suite struct SystemTests {
    @Test(arguments: DatagramTests.loopback) func `a stream brings octets and its end`(address: IPAddress) throws {
        let listener = try StreamSocket.listen(on: Endpoint(address: address, port: 0), sharesPort: false)
        let isIdle = try StreamSocket.accept(from: listener) == nil
        #expect(isIdle)
        let epoll = try Epoll()
        var events = EpollEvents(capacity: 4)
        try epoll.add(listener, .readable, token: 1)
        var buffer = [UInt8](repeating: 0, count: 16)
        do {
            let client = try StreamSocket.connect(to: try listener.localEndpoint())
            let result1 = try epoll.wait(into: &events, milliseconds: 2000)
            #expect(result1 == 1)
            let error = client.pendingError()
            #expect(error == nil)
            let sent = try StreamSocket.send(([1, 2, 3] as [UInt8]).span, on: client)
            #expect(sent == 3)
        }
        guard let accepted = try StreamSocket.accept(from: listener) else {
            Issue.record("no connection is waiting")
            return
        }
        let client = accepted.client.address
        #expect(client == address)
        let connection = accepted.takeDescriptor()
        try epoll.add(connection, .readable, token: 2)
        var received: [StreamSocket.Received] = []
        for _ in 0..<2 {
            _ = try epoll.wait(into: &events, milliseconds: 2000)
            var span = buffer.mutableSpan
            received.append(try StreamSocket.receive(from: connection, into: &span))
        }
        #expect(received == [.octets(3), .end])
        #expect(buffer[..<3] == [1, 2, 3])
    }

    @Test func `a taken port is an error with a name`() throws {
        let endpoint = Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)
        let first = try DatagramSocket.listen(on: endpoint, sharesPort: false, reportsLocalAddress: false)
        let taken = try first.localEndpoint()
        do {
            _ = try DatagramSocket.listen(on: taken, sharesPort: false, reportsLocalAddress: false)
            Issue.record("the port was given twice")
        } catch {
            #expect(error == .addressInUse)
            #expect("\(error)" == "Address already in use (EADDRINUSE)")
        }
    }

    @Test func `a signalled eventfd wakes its waiter once`() throws {
        let wake = try EventFD()
        let epoll = try Epoll()
        var events = EpollEvents(capacity: 4)
        try epoll.add(wake.descriptor, .readable, token: 0xFEDC_BA98_7654_3210)
        let result2 = try epoll.wait(into: &events, milliseconds: 0)
        #expect(result2 == 0)
        wake.signal()
        wake.signal()
        let result3 = try epoll.wait(into: &events, milliseconds: 2000)
        #expect(result3 == 1)
        let event = events[0]
        #expect(event.token == 0xFEDC_BA98_7654_3210 && event.readiness == .readable)
        let cleared = [wake.clear(), wake.clear()]
        #expect(cleared == [.taken, .none])
        let result4 = try epoll.wait(into: &events, milliseconds: 0)
        #expect(result4 == 0)
    }

    @Test func `a thread runs its body and can be joined twice`() throws {
        final class Box: Sendable { let value = Mutex(0) }
        let box = Box()
        let thread = try NativeThread(name: "a name longer than fifteen", stackSize: 256 * 1024) {
            box.value.withLock { $0 += 1 }
        }
        thread.join()
        thread.join()
        #expect(box.value.withLock { $0 } == 1)
    }

    @Test func `a thread that nothing waits for gives its stack back`() throws {
        // Each stack is two areas: itself, and the page that guards it.
        func areas() throws -> Int {
            let maps = try FileHandle(forReadingAtPath: "/proc/self/maps")?.readToEnd()
            return try #require(maps).count { $0 == UInt8(ascii: "\n") }
        }
        let before = try areas()
        for _ in 0..<1_000 {
            let done = DispatchSemaphore(value: 0)
            _ = try NativeThread(name: "gone", stackSize: 256 * 1024) { done.signal() }
            done.wait()
        }
        // Other tests need some, too.
        #expect(try areas() < before + 1_000)
    }

    @Test func `random numbers do not repeat across a refill`() {
        let random = KernelRandom()
        #expect(Set((0..<1000).map { _ in random.next() }).count == 1000)
    }

    @Test func `the host has a processor, descriptors and a clock`() throws {
        #expect(ProcessLimits.processorCount >= 1)
        #expect(try ProcessLimits.descriptorLimit() >= 64)
        #expect(try ProcessLimits.raiseDescriptorLimit(to: 64) >= 64)
        let first = MonotonicClock.now
        #expect(first <= MonotonicClock.now)
    }
}
