import IPAddressing
import LinuxSystem
import Synchronization

/// An HTTP server on loopback that answers by a function, one request after the other, on a thread of its own.
final class StandInServer: Sendable {
    struct Request: Sendable {
        let method: String
        /// Path and query.
        let target: String
        let body: String
    }

    struct Response: Sendable {
        let status: Int
        let body: String
        /// True if the connection stays open after the body: `send` adds to it.
        var isOpen = false
    }

    /// Nil: no answer at all, until the client gives up.
    typealias Responder = @Sendable (Request) -> Response?

    let endpoint: Endpoint
    private let loop: StandInLoop
    private let wake: EventFD
    private let thread: NativeThread

    init(_ respond: @escaping Responder) throws {
        let listener = try StreamSocket.listen(
            on: Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0), sharesPort: false)
        endpoint = try listener.localEndpoint()
        let wake = try EventFD()
        let epoll = try Epoll()
        try epoll.add(wake.descriptor, .readable, token: 0)
        try epoll.add(listener, .readable, token: 1)
        let loop = StandInLoop(listener, epoll, respond)
        self.loop = loop
        thread = try NativeThread(name: "api-server", stackSize: 1 << 20) { loop.run() }
        self.wake = wake
    }

    /// Adds to the body of every open answer to a request whose target begins like this; their number.
    @discardableResult
    func send(_ text: String, to target: String) -> Int { loop.send(text, to: target) }

    /// Ends every open answer.
    func cut() { loop.cut() }

    deinit {
        wake.signal()
        thread.join()
    }
}

/// The thread's part of `StandInServer`.
private final class StandInLoop: Sendable {
    private let listener: FileDescriptor
    private let epoll: Epoll
    private let respond: StandInServer.Responder
    private let streams = Mutex<[Stream]>([])

    /// An open answer.
    private final class Stream: Sendable {
        let target: String
        let socket: FileDescriptor

        init(_ target: String, _ socket: consuming FileDescriptor) {
            self.target = target
            self.socket = socket
        }
    }

    func send(_ text: String, to target: String) -> Int {
        streams.withLock { streams in
            let meant = streams.filter { $0.target.hasPrefix(target) }
            for stream in meant { _ = try? StreamSocket.send(Array(text.utf8).span, on: stream.socket) }
            return meant.count
        }
    }

    func cut() { streams.withLock { $0 = [] } }

    init(_ listener: consuming FileDescriptor, _ epoll: consuming Epoll, _ respond: @escaping StandInServer.Responder) {
        self.listener = listener
        self.epoll = epoll
        self.respond = respond
    }

    func run() {
        var events = EpollEvents(capacity: 4)
        while true {  // ends with the server's life
            guard let count = try? epoll.wait(into: &events, milliseconds: 60_000) else { return }
            for index in 0..<count where events[index].token == 0 { return }
            while let accepted = try? StreamSocket.accept(from: listener) {
                try? serve(accepted.takeDescriptor())
            }
        }
    }

    private func serve(_ socket: consuming FileDescriptor) throws {
        let epoll = try Epoll()
        var events = EpollEvents(capacity: 1)
        try epoll.add(socket, .readable, token: 1)
        var octets: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var request: StandInServer.Request?
        while request == nil {  // ends with the request, or after two seconds without a piece of it
            guard try epoll.wait(into: &events, milliseconds: 2000) > 0 else { return }
            var span = buffer.mutableSpan
            switch try StreamSocket.receive(from: socket, into: &span) {
            case .nothing: continue
            case .end: return
            case .octets(let count): octets += buffer[..<count]
            }
            request = Self.request(String(decoding: octets, as: UTF8.self))
        }
        guard let request else { return }
        guard let response = respond(request) else {
            // The client closes it, or asks no more within five seconds.
            _ = try epoll.wait(into: &events, milliseconds: 5000)
            return
        }
        let head = "HTTP/1.1 \(response.status) Status\r\nContent-Type: application/json\r\nConnection: close\r\n"
        let length = response.isOpen ? "" : "Content-Length: \(response.body.utf8.count)\r\n"
        let text = Array("\(head)\(length)\r\n\(response.body)".utf8)
        var sent = 0
        try epoll.modify(socket, .writable, token: 1)
        while sent < text.count, try epoll.wait(into: &events, milliseconds: 2000) > 0 {
            sent += try StreamSocket.send(text.span.extracting(sent...), on: socket)
        }
        guard response.isOpen else { return }
        try epoll.remove(socket)
        let stream = Stream(request.target, socket)
        streams.withLock { $0.append(stream) }
    }

    /// Nil while a part is missing.
    private static func request(_ text: String) -> StandInServer.Request? {
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let lines = parts[0].split(separator: "\r\n")
        let words = lines[0].split(separator: " ")
        let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).filter(\.isNumber)) }
        guard parts[1].utf8.count >= length ?? 0 else { return nil }
        // kubectl sends what it posts in chunks, the last of which is empty.
        let isChunked = lines.contains { $0.lowercased() == "transfer-encoding: chunked" }
        if isChunked, !parts[1].hasSuffix("0\r\n\r\n") { return nil }
        return StandInServer.Request(
            method: String(words[0]), target: String(words[1]), body: String(parts[1]))
    }
}
