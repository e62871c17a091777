import Foundation
import Synchronization

/// A cluster's server inside this process, which gives one recorded answer after the other, over UDP and TCP.
final class StandInServer: Sendable {
    /// What to answer next.
    struct Script {
        /// The name, type and class that must be asked, letter case aside, in wire form.
        var question: [UInt8] = []
        /// The whole messages; their IDs are replaced.
        var overUDP: [UInt8] = []
        var overTCP: [UInt8] = []
    }

    let port: Int
    /// What is played, and what was before: the forwarder may ask twice, and the second question come late.
    private let scripts = Mutex((now: Script(), before: Script()))
    private let counts = Mutex((connections: 0, wrongQuestions: 0))
    private let isOver = Mutex(false)

    init() throws {
        port = try FreePort.next(on: ["127.0.0.1"])
        let udp = try TestSocket(.udp, boundTo: "127.0.0.1", port: port)
        let tcp = try TestSocket(.tcp, boundTo: "127.0.0.1", port: port)
        Thread.detachNewThread { self.serveDatagrams(udp) }
        Thread.detachNewThread { self.serveConnections(tcp) }
    }

    /// Lets its threads end.
    func end() { isOver.withLock { $0 = true } }

    func play(_ next: Script) { scripts.withLock { $0 = (next, $0.now) } }

    /// Connections over which what is played was asked; those that look whether TCP works are not counted.
    var connections: Int { counts.withLock { $0.connections } }

    /// Questions that were not those of the script.
    var wrongQuestions: Int { counts.withLock { $0.wrongQuestions } }

    private func serveDatagrams(_ socket: TestSocket) {
        while !isOver.withLock({ $0 }) {
            socket.answerDatagram(within: 100) { answer(to: $0, \.overUDP) }
        }
    }

    private func serveConnections(_ listener: TestSocket) {
        while !isOver.withLock({ $0 }) {
            guard let connection = listener.accept(within: 100) else { continue }
            Thread.detachNewThread {
                var isCounted = false
                while let message = connection.receiveFramed(within: 60_000) {
                    guard let reply = self.answer(to: message, \.overTCP) else { continue }
                    if !isCounted, self.scripted(message) != nil {
                        isCounted = true
                        self.counts.withLock { $0.connections += 1 }
                    }
                    guard (try? connection.sendFramed(reply)) != nil else { return }
                }
            }
        }
    }

    private func answer(to message: [UInt8], _ transport: KeyPath<Script, [UInt8]>) -> [UInt8]? {
        guard let script = scripted(message) else {
            if let reply = answer(message, toProbe: "\u{7}cluster\u{5}local\0\0\u{6}") { return reply }
            if let reply = answer(message, toProbe: "\u{B}dns-version\u{7}cluster\u{5}local\0\0\u{10}") { return reply }
            // The name by which a probe finds loops; silence will do.
            if message.count > 29, folded(message[13..<29]) == Array("namebridge-loop-".utf8) { return nil }
            counts.withLock { $0.wrongQuestions += 1 }
            return nil
        }
        return Array(message[..<2]) + script[keyPath: transport].dropFirst(2)
    }

    /// What is to be said to `message`; nil if it asks something else.
    private func scripted(_ message: [UInt8]) -> Script? {
        let (now, before) = scripts.withLock { $0 }
        return [now, before].first { script in
            let end = 12 + script.question.count
            return !script.question.isEmpty && message.count >= end
                && folded(message[12..<end]) == folded(script.question[...])
        }
    }

    /// An answer without records where `message` asks for this name and type, as the forwarder does to see who lives.
    private func answer(_ message: [UInt8], toProbe probe: String) -> [UInt8]? {
        let end = 12 + probe.utf8.count + 2
        guard message.count >= end, folded(message[12..<(end - 2)]) == Array(probe.utf8) else { return nil }
        return Array(message[..<2]) + [0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0] + message[12..<end]
    }

    private func folded(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        octets.map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 }
    }
}
