import AdminServer
import Foundation
import JSON
import LinuxSystem
import Testing

@Suite struct ControlServerTests {
    private static func start(_ path: SocketPath) throws -> ControlServer {
        try ControlServer(path: path.path) { .object([("asked", .string($0.line))]) }
    }

    @Test func `a request is answered, again and again`() throws {
        let path = try SocketPath()
        let server = try Self.start(path)
        defer { server.stop() }
        for _ in 0..<40 {
            let (answer, from) = try ControlClient.ask(.status, at: ["/nonexistent/x.sock", path.path])
            #expect(answer["asked"]?.string == "status")
            #expect(from == path.path)
        }
    }

    @Test func `the socket belongs to its owner and group, and is removed with the server`() throws {
        let path = try SocketPath()
        let server = try Self.start(path)
        let attributes = try FileManager.default.attributesOfItem(atPath: path.path)
        #expect(attributes[.posixPermissions] as? Int == 0o660)
        server.stop()
        server.stop()
        #expect(!FileManager.default.fileExists(atPath: path.path))
        #expect(throws: ControlError.noServer(paths: [path.path])) {
            try ControlClient.ask(.status, at: [path.path])
        }
    }

    @Test func `a folder created for the socket is removed with it, an existing one stays`() throws {
        let place = try SocketPath()
        let folder = place.path + ".d"
        for existed in [false, true] {
            if existed {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            }
            let server = try ControlServer(path: folder + "/x.sock", makesFolder: true) { _ in .null }
            #expect(try FilePath.isSocket(folder + "/x.sock") == true)
            server.stop()
            #expect(FileManager.default.fileExists(atPath: folder) == existed)
        }
    }

    @Test func `a socket left by an ended process is replaced`() throws {
        let path = try SocketPath()
        do { _ = try LocalSocket.listen(at: path.path) }
        #expect(try FilePath.isSocket(path.path) == true)
        #expect(throws: ControlError.noServer(paths: [path.path])) {
            try ControlClient.ask(.status, at: [path.path])
        }
        let server = try Self.start(path)
        defer { server.stop() }
        #expect(try ControlClient.ask(.status, at: [path.path]).path == path.path)
    }

    @Test func `the socket of a running process is left alone`() throws {
        let path = try SocketPath()
        let first = try Self.start(path)
        defer { first.stop() }
        #expect(throws: ControlError.isTaken(path: path.path)) { try Self.start(path) }
        #expect(try ControlClient.ask(.status, at: [path.path]).path == path.path)
    }

    @Test func `a file that is not a socket is left alone`() throws {
        let path = try SocketPath()
        try "text".write(toFile: path.path, atomically: false, encoding: .utf8)
        #expect(throws: ControlError.isNoSocket(path: path.path)) { try Self.start(path) }
        #expect(try String(contentsOfFile: path.path, encoding: .utf8) == "text")
    }

    @Test(
        arguments: [
            ("/nonexistent/folder/x.sock", "no such folder"),
            ("/tmp/" + String(repeating: "x", count: 200), "longer than an address"),
        ])
    func `an unusable path is reported`(path: String, reason: String) {
        #expect(throws: ControlError.self, "\(reason)") {
            try ControlServer(path: path) { _ in .null }
        }
    }

    @Test(
        arguments: [
            (Array("gibberish\n".utf8), "a word that means nothing"),
            ([0xFF, 0x00, 0xC0, 0x80, 0x0A], "octets that are no text"),
            (Array(repeating: UInt8(ascii: "x"), count: 1500), "a line without end"),
            (Array("flush name a..b\n".utf8), "a name that is none"),
        ])
    func `an invalid request gets an error`(octets: [UInt8], reason: String) throws {
        let path = try SocketPath()
        let server = try Self.start(path)
        defer { server.stop() }
        let client = try RawClient(path.path)
        try client.send(octets)
        let answer = try #require(try client.readToEnd(), "\(reason)")
        #expect((try? JSONReader.read(Array(answer.utf8)))?["error"]?.string != nil, "\(reason)")
    }

    @Test(arguments: ["status\n", "status", "status\r\n"])
    func `a line may end with the sending half, too`(line: String) throws {
        let path = try SocketPath()
        let server = try Self.start(path)
        defer { server.stop() }
        let client = try RawClient(path.path)
        try client.send(Array(line.utf8))
        try client.endSending()
        let answer = try #require(try client.readToEnd())
        #expect((try? JSONReader.read(Array(answer.utf8)))?["asked"]?.string == "status")
    }

    @Test func `silent clients block others for at most two seconds`() throws {
        let path = try SocketPath()
        let server = try Self.start(path)
        defer { server.stop() }
        let silent = try (0..<16).map { _ in try RawClient(path.path) }
        try silent[0].send(Array("sta".utf8))
        let late = try RawClient(path.path)
        #expect(try late.readToEnd()?.contains("busy") == true)
        // Each is closed by its deadline, without an answer.
        for client in silent { #expect(try client.readToEnd() == "") }
        #expect(try ControlClient.ask(.status, at: [path.path]).path == path.path)
    }

    @Test func `the error says how long the client waited, and what it received`() throws {
        let path = try SocketPath()
        let server = try ControlServer(path: path.path) { request in
            if request == .reload { ThisProcess.sleep(milliseconds: 1_500) }
            return .null
        }
        defer { server.stop() }
        #expect(throws: ControlError.noAnswer(path: path.path, milliseconds: 1_000)) {
            _ = try ControlClient.ask(.reload, at: [path.path], timeoutMilliseconds: 1_000)
        }
        #expect("\(ControlError.noAnswer(path: "x", milliseconds: 60_000))".contains("within 60 s"))
    }

    @Test func `a user of no permitted group is refused`() throws {
        let path = try SocketPath()
        let server = try ControlServer(path: path.path, mayAsk: { _ in false }) { _ in .null }
        defer { server.stop() }
        do {
            _ = try ControlClient.ask(.status, at: [path.path])
            Issue.record("a stranger was served")
        } catch {
            #expect("\(error)".contains("not allowed"))
        }
    }

    @Test func `root, the own user and members of the own group may ask`() {
        let own = Credentials.own
        let other = own.user + 4711
        #expect(ControlServer.isOneOfUs(Credentials(user: 0, group: other)))
        #expect(ControlServer.isOneOfUs(Credentials(user: own.user, group: other)))
        #expect(ControlServer.isOneOfUs(Credentials(user: other, group: own.group)))
        #expect(ControlServer.isOneOfUs(Credentials(user: other, group: other, otherGroups: [1, own.group])))
        #expect(!ControlServer.isOneOfUs(Credentials(user: other, group: other, otherGroups: [other + 1])))
    }

    @Test func `the kernel identifies the peer`() throws {
        let path = try SocketPath()
        let listener = try LocalSocket.listen(at: path.path)
        let client = try LocalSocket.connect(to: path.path)
        guard let accepted = try LocalSocket.accept(from: listener) else {
            Issue.record("no connection waits")
            return
        }
        let peer = try LocalSocket.peer(of: accepted)
        #expect(peer.user == Credentials.own.user && peer.group == Credentials.own.group)
        _ = client.number
    }
}

/// A path for a socket in a folder of its own, which goes with this value.
final class SocketPath: Sendable {
    let path: String
    private let folder: URL

    init() throws {
        folder = URL(filePath: "/tmp/namebridge-test-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        path = folder.appending(path: "control.sock").path
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }
}

/// A client that sends what it likes.
final class RawClient {
    private let socket: FileDescriptor
    private let epoll: Epoll

    init(_ path: String) throws {
        let socket = try LocalSocket.connect(to: path)
        let epoll = try Epoll()
        try epoll.add(socket, .readable, token: 0)
        self.socket = socket
        self.epoll = epoll
    }

    func send(_ octets: [UInt8]) throws {
        _ = try StreamSocket.send(octets.span, on: socket)
    }

    func endSending() throws { try StreamSocket.endSending(on: socket) }

    /// The octets received until the server closes the connection, or `milliseconds` pass without any.
    func readToEnd(milliseconds: Int32 = 4000) throws -> String? {
        var events = EpollEvents(capacity: 1)
        var buffer = [UInt8](repeating: 0, count: 4096)
        var text: [UInt8] = []
        while try epoll.wait(into: &events, milliseconds: milliseconds) > 0 {
            var span = buffer.mutableSpan
            do {
                guard case .octets(let count) = try StreamSocket.receive(from: socket, into: &span) else {
                    return String(decoding: text, as: UTF8.self)
                }
                text += buffer[..<count]
            } catch {
                return String(decoding: text, as: UTF8.self)
            }
        }
        return nil
    }
}
