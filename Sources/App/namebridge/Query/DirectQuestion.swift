import DNSServer
import DNSWire
import DomainNames
import Forwarding
import Glibc
import IPAddressing
import LDNSBridge
import LinuxSystem
import Time

/// One question to one server, as dig asks it: `namebridge query @SERVER`.
struct DirectQuestion {
    /// The server.
    let server: Endpoint
    /// True: over TCP from the beginning.
    let overTCP: Bool

    /// Milliseconds that each attempt over UDP waits.
    private static let timeout = 1_500
    /// The attempts over UDP.
    private static let attempts = 3
    /// Milliseconds that the attempt over TCP waits.
    private static let timeoutOverTCP = 5_000

    /// Asks, over TCP again if the answer is truncated.
    func ask(_ name: DomainName, type: UInt16) -> QueryReport {
        var report = QueryReport(
            question: "\(name). \(Mnemonics.type(type))", client: nil, transport: overTCP ? .tcp : .udp)
        let started = MonotonicClock.now
        let id = UInt16.random(in: .min ... .max)
        guard let message = try? QuestionMessage.make(name, type: type, id: id, payloadSize: 1232) else {
            return report
        }
        if !overTCP {
            for _ in 0..<Self.attempts where report.reply.isEmpty {
                attempt(message, over: .udp, since: started, in: &report)
            }
        }
        let isTruncated = QueryAnswer(report.reply)?.isTruncated ?? false
        if overTCP || isTruncated { attempt(message, over: .tcp, since: started, in: &report) }
        report.nanoseconds = MonotonicClock.now.nanoseconds(since: started)
        return report
    }

    /// Asks once, and notes the outcome.
    private func attempt(
        _ message: [UInt8], over transport: Transport, since started: MonotonicTime,
        in report: inout QueryReport
    ) {
        let sent = MonotonicClock.now
        var exchange = QueryReport.Exchange(
            server: server, group: "server", transport: transport, question: report.question,
            sentNanoseconds: sent.nanoseconds(since: started))
        let timeout = transport == .tcp ? Self.timeoutOverTCP : Self.timeout
        do throws(ExchangeFailure) {
            let answer = try wait(for: message, over: transport, until: sent.advanced(milliseconds: timeout))
            let after = MonotonicClock.now.nanoseconds(since: sent)
            if let answer, let header = try? MessageHeader(reading: answer.span) {
                report.reply = answer
                exchange.outcome = .answer(
                    rcode: Mnemonics.rcode(UInt16(header.rcode)), records: header.answerCount,
                    octets: answer.count, isTruncated: header.isTruncated, nanoseconds: after)
            } else {
                exchange.outcome = .failure("no answer", nanoseconds: after)
            }
        } catch {
            exchange.outcome = .failure(
                error.words, nanoseconds: MonotonicClock.now.nanoseconds(since: sent))
        }
        report.exchanges.append(exchange)
    }

    /// The answer to `message`; nil if none came in time.
    private func wait(
        for message: [UInt8], over transport: Transport, until end: MonotonicTime
    ) throws(ExchangeFailure) -> [UInt8]? {
        let socket: QuestionSocket
        do throws(Errno) {
            socket = try QuestionSocket(message, to: server, over: transport)
        } catch {
            throw ExchangeFailure(error)
        }
        while true {  // ends: time passes
            // Another question's answer, or a forged one, has another ID or question.
            if let answer = try socket.advance(), answer.prefix(2) == message.prefix(2) { return answer }
            let left = end.nanoseconds(since: MonotonicClock.now)
            guard left > 0 else { return nil }
            var watched = socket.watched
            // Sound: the kernel reads and writes one structure. An interruption is a short wait.
            _ = unsafe poll(&watched, 1, Int32(clamping: left / 1_000_000 + 1))
        }
    }
}
