import IPAddressing
import PacketPath

/// An explanation as lines for people.
package struct ExplanationText {
    /// The explanation.
    private let explanation: Explanation
    /// The number of columns.
    private let width: Int

    /// One line.
    package struct Line: Hashable, Sendable {
        /// The text.
        package var text: String
        /// What it is.
        package var kind: Kind
    }

    /// What a line is; it decides the colour.
    package enum Kind: Hashable, Sendable {
        case verdict(Explanation.Verdict)
        case label, heading, step, problem, note
    }

    /// - Parameter width: At least 60.
    package init(_ explanation: Explanation, width: Int = 100) {
        self.explanation = explanation
        self.width = max(60, width)
    }

    /// The verdict, the decision and the fix.
    package var brief: [Line] {
        var lines = wrapped(headline, width - 2).enumerated().map { index, text in
            Line(text: (index == 0 ? "" : "  ") + text, kind: .verdict(explanation.verdict))
        }
        if let decision = explanation.decision {
            let role = decision.role.isEmpty || decision.host.hasPrefix("the ") ? "" : "\(decision.role) "
            lines += labelled("decided by", "\(role)\(decision.host), \(decision.rule)", decision.evidence)
        }
        if !explanation.fix.isEmpty { lines += labelled("fix", explanation.fix, nil) }
        for probe in explanation.probes {
            let found = labelled("probe", probe.text, .probed)
            lines += probe.agreement == .disagrees ? found.map { Line(text: $0.text, kind: .problem) } : found
        }
        for note in explanation.notes {
            lines += wrapped(note, width - 13).enumerated().map { index, text in
                Line(text: (index == 0 ? "note" : "").padded(to: 13) + text, kind: .note)
            }
        }
        return lines
    }

    /// Everything.
    package var lines: [Line] {
        brief + explanation.groups.flatMap { [Line(text: "", kind: .step)] + lines(of: $0) }
    }

    /// As in `unreachable: replies bypass the relay (REPLY_BYPASSES_RELAY)`.
    private var headline: String {
        let verdict = explanation.verdict.rawValue
        guard let code = explanation.code else { return verdict }
        guard code != .sourceBecomes else {
            let sources = explanation.exchanges.filter(\.isComplete).map(\.request.last.source)
            var seen: [IPAddress] = []
            for source in sources where !seen.contains(source) { seen.append(source) }
            let text = seen.prefix(3).map(\.description).joined(separator: ", ")
            return "\(verdict): the destination sees \(text) (\(code.rawValue))"
        }
        let counts = explanation.exchanges
        let share =
            explanation.verdict == .depends
            ? ", for \(counts.count { !$0.isComplete }) of \(counts.count)" : ""
        return "\(verdict): \(code.meaning)\(share) (\(code.rawValue))"
    }

    /// A labelled text, on several lines if it is long.
    private func labelled(_ label: String, _ text: String, _ evidence: PacketTrace.Evidence?) -> [Line] {
        let mark = evidence.map { "[\($0.rawValue)]" } ?? ""
        var parts = wrapped(text, width - 13)
        if let last = parts.last, !mark.isEmpty {
            let room = width - 13 - mark.count
            if last.count < room {
                parts[parts.count - 1] = last.padded(to: room) + mark
            } else {
                parts.append("".padded(to: room) + mark)
            }
        }
        return parts.enumerated().map { index, part in
            Line(text: (index == 0 ? label : "").padded(to: 13) + part, kind: .label)
        }
    }

    // MARK: - The walk

    /// The ways to one kind of destination: one that fails, and one that does not.
    private func lines(of group: Explanation.Group) -> [Line] {
        let failed = group.exchanges.filter { !$0.isComplete }
        let complete = group.exchanges.filter(\.isComplete)
        let shown = [failed.first, complete.first].compactMap(\.self)
        var lines: [Line] = []
        for exchange in shown {
            let title = Self.title(
                of: group, named: explanation.question.to.fullName, withCount: lines.isEmpty)
            lines += self.lines(of: exchange, title: title)
        }
        return lines + others(complete)
    }

    /// As in `web.shop.svc.prod.cluster.local, 2 endpoints: fails for 1 of 2`, or `pods: 3 ways, all pass`.
    private static func title(
        of group: Explanation.Group, named name: String?, withCount isFirst: Bool
    ) -> String {
        let all = group.exchanges
        var head = name ?? group.title
        guard isFirst, all.count > 1 else { return head }
        let isOne = Set(all.map(\.request.packet.destination)).count == 1
        let endpoints = Set(all.map(\.request.last.destination)).count
        if isOne, endpoints > 1 { head += (head.isEmpty ? "" : ", ") + "\(endpoints) endpoints" }
        let failed = all.count { !$0.isComplete }
        let passing = isOne && endpoints > 1 ? "all pass" : "\(all.count) ways, all pass"
        let tail = failed == 0 ? passing : "fails for \(failed) of \(all.count)"
        return head.isEmpty ? tail : "\(head): \(tail)"
    }

    /// The destinations that see another source than the one shown.
    private func others(_ complete: [PathExchange]) -> [Line] {
        guard let first = complete.first?.request.last else { return [] }
        var seen: Set<Packet> = [first]
        return complete.map(\.request.last).filter { $0.source != first.source && seen.insert($0).inserted }
            .prefix(4).map { packet in
                Line(text: "  \(packet.destination) sees \(packet.source)", kind: .note)
            }
    }

    /// A request and its answer, with numbered machines.
    private func lines(of exchange: PathExchange, title: String) -> [Line] {
        let (from, to) = (explanation.question.from.name, explanation.question.to.name)
        var number = 0
        var lines = heading(exchange.request, "\(from) -> \(to)", title)
        lines += exchange.request.hops.flatMap { self.lines(of: $0, &number) }
        guard let reply = exchange.reply else { return lines }
        lines += heading(reply, "\(to) -> \(from)", "")
        lines += reply.hops.flatMap { self.lines(of: $0, &number) }
        return lines
    }

    /// As in `office -> prod, TCP 172.16.3.50 -> 10.96.5.5:80`; the title stands below if it does not fit
    /// beside that.
    private func heading(_ trace: PathTrace, _ ends: String, _ title: String) -> [Line] {
        let packet = trace.packet
        func end(_ address: IPAddress, _ port: Int) -> String {
            guard port != 0 else { return "\(address)" }
            return address.family == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)"
        }
        let source = trace.isReply ? end(packet.source, packet.sourcePort) : "\(packet.source)"
        let target = trace.isReply ? "\(packet.destination)" : end(packet.destination, packet.destinationPort)
        let text = "\(ends), \(packet.transport.uppercased()) \(source) -> \(target)"
        let whole = "  " + text + (title.isEmpty ? "" : "      \(title)")
        if whole.count <= width { return [Line(text: whole, kind: .heading)] }
        return (wrapped(text, width - 2) + wrapped(title, width - 2)).filter { !$0.isEmpty }
            .enumerated().map { Line(text: ($0.offset == 0 ? "  " : "    ") + $0.element, kind: .heading) }
    }

    /// The steps of one machine; its name stands at the first.
    private func lines(of hop: PathHop, _ number: inout Int) -> [Line] {
        var lines: [Line] = []
        for step in hop.steps where step.stage != .forwarding || step.code != nil || hop.steps.count == 1 {
            number += 1
            let name = lines.isEmpty ? hop.host : ""
            let place = String(number).padded(before: 4) + "  " + name.padded(to: 16) + " "
            let mark = "[\(step.evidence.rawValue)]"
            let room = width - place.count - 11
            let parts = wrapped(step.line, room)
            for (index, part) in parts.enumerated() {
                let isLast = index == parts.count - 1
                let start = index == 0 ? place : "".padded(to: place.count)
                lines.append(
                    Line(
                        text: start + (isLast ? part.padded(to: room) + " " + mark : part),
                        kind: step.code?.isInformation == false ? .problem : .step))
            }
        }
        return lines
    }

    /// The text in lines of at most `room` columns, broken at spaces.
    private func wrapped(_ text: String, _ room: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > room {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [line]
    }
}

extension PathStep {
    /// As a reader sees it.
    fileprivate var line: String {
        switch stage {
        case .route, .forwarding, .neighbour, .delivery: text
        case .service, .prerouting, .postrouting, .conntrack, .output:
            before == after ? rule : "\(rule): \(change)"
        case .encapsulation, .egress, .input, .ingress, .forward, .rpFilter: rule
        }
    }

    /// As in `172.16.3.50 becomes 172.17.14.11`.
    private var change: String {
        func end(_ address: IPAddress, _ port: Int) -> String {
            port == 0 ? "\(address)" : "\(address):\(port)"
        }
        var parts: [String] = []
        if before.destination != after.destination || before.destinationPort != after.destinationPort {
            parts.append(
                end(before.destination, before.destinationPort) + " -> "
                    + end(after.destination, after.destinationPort))
        }
        if before.source != after.source { parts.append("source \(before.source) becomes \(after.source)") }
        return parts.joined(separator: ", ")
    }
}

extension String {
    /// The text with spaces up to a width.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

    /// The same with the spaces before it.
    func padded(before width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
