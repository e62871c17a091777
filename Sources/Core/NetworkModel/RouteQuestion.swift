package import IPAddressing
import JSON

/// A question to the kernel: which way does it send a packet? Corresponds to `ip route get`.
package struct RouteQuestion: Hashable, Sendable {
    /// The destination of the packet.
    package var destination: IPAddress

    /// The source and the device of a packet that comes in; nil for one of the host itself.
    package var arrival: Arrival?

    /// The packet's mark.
    package var mark: UInt32

    /// Where a packet that comes in is from.
    package struct Arrival: Hashable, Sendable {
        /// The packet's source address.
        package var source: IPAddress
        /// The incoming device.
        package var device: String

        /// Creates an arrival.
        package init(source: IPAddress, device: String) {
            self.source = source
            self.device = device
        }
    }

    /// Creates a route question.
    package init(destination: IPAddress, arrival: Arrival? = nil, mark: UInt32 = 0) {
        self.destination = destination
        self.arrival = arrival
        self.mark = mark
    }
}

extension RouteQuestion: CommandObject {
    /// As `ip` takes it.
    package func write(to writer: inout some ArgumentWriter) {
        writer.add("route")
        writer.add("get")
        writer.add(destination)
        if let arrival {
            writer.add("from")
            writer.add(arrival.source)
            writer.add("iif")
            writer.add(arrival.device)
        }
        if mark != 0 {
            writer.add("mark")
            writer.add("0x" + String(mark, radix: 16))
        }
    }
}

/// The kernel's answer to a question about a packet.
package enum RouteAnswer: Hashable, Sendable {
    /// The packet is sent to this hop; `route` is the route that it was chosen from.
    case forwarded(NextHop, route: Route)
    /// The packet is for the host itself.
    case delivered
    /// The kernel would not send the packet; the text is the kernel's own.
    case refused(String)
}

extension RouteAnswer {
    /// The answers to `questions`, each asked twice in one batch of `ip -force -j -batch -`: plainly, and
    /// for the route itself (`fibmatch`).
    ///
    /// A command that fails prints no row, and its line number on the error output.
    package static func read(
        _ output: [UInt8], errors: String, to questions: [RouteQuestion]
    ) throws(ReadingError) -> [RouteQuestion: RouteAnswer] {
        let failures = failures(in: errors)
        var lines = output.split(separator: 0x0A).makeIterator()
        var answers: [RouteQuestion: RouteAnswer] = [:]
        for (index, question) in questions.enumerated() {
            var rows: [JSONValue?] = []
            for line in [2 * index + 1, 2 * index + 2] {
                if failures[line] == nil, let text = lines.next() {
                    rows.append(try ReadingError.json(Array(text), of: "ip -j route get").elements?.first)
                } else {
                    rows.append(nil)
                }
            }
            if let failure = failures[2 * index + 1] {
                answers[question] = .refused(failure)
            } else if let row = rows[0] {
                answers[question] = RouteAnswer(
                    row, match: rows[1], family: question.destination.family)
            }
        }
        return answers
    }

    private init(_ row: JSONValue, match: JSONValue?, family: AddressFamily) {
        guard let route = Route(json: match ?? row, family: family), let hop = NextHop(answer: row) else {
            self = .refused("no device")
            return
        }
        let isLocal =
            row["type"]?.string == "local" || row["cache"]?.elements?.contains(.string("local")) == true
        self = isLocal ? .delivered : .forwarded(hop, route: route)
    }

    /// What went wrong, by the number of the line: `Command failed -:3` follows the reason.
    private static func failures(in errors: String) -> [Int: String] {
        var failures: [Int: String] = [:]
        var reason = ""
        for line in errors.split(separator: "\n") {
            let text = line.drop { $0 == " " }
            guard text.hasPrefix("Command failed "), let colon = text.lastIndex(of: ":"),
                let number = Int(text[text.index(after: colon)...])
            else {
                reason = text.hasPrefix("RTNETLINK answers: ") ? String(text.dropFirst(19)) : String(text)
                continue
            }
            failures[number] = reason
        }
        return failures
    }
}

extension NextHop {
    /// The hop that a row of `ip -j route get` names.
    fileprivate init?(answer row: JSONValue) {
        guard let device = row["dev"]?.string else { return nil }
        let gateway = row["gateway"]?.string ?? row["via"]?["host"]?.string
        self.init(gateway: gateway.flatMap { IPAddress($0) }, device: device)
    }
}
