import AdminServer
import DNSWire
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import LDNSBridge

/// How much of a report people see.
enum QueryDetail {
    /// The data of the answer, one line each.
    case short
    /// The answer, and where it came from; the way if there is no answer.
    case answer
    /// The way, then the reply as dig prints it.
    case trace
}

/// The report for people.
extension QueryReport {
    /// The text of the report.
    func text(_ detail: QueryDetail = .answer) -> StyledText {
        let answer = QueryAnswer(reply)
        switch detail {
        case .short:
            return .joined((answer?.answers ?? []).map { StyledText($0.data.printable) })
        case .trace: return .joined(way() + [reasonRow].compactMap(\.self) + wholeReply() + hintLines())
        case .answer:
            guard let answer, answer.isAnswer else {
                return .joined([failureLine] + reasonLines(answer) + hintLines() + [StyledText("")] + way())
            }
            return .joined(recordLines(answer) + [origin(answer)] + hintLines())
        }
    }

    /// The line that says that there is no answer.
    var failureLine: StyledText {
        StyledText("no answer: \(question) (\(QueryAnswer(reply)?.rcode ?? "no reply"))".printable, .error)
    }

    /// The same with its reason, for those who want data alone.
    var shortFailure: StyledText { .joined([failureLine] + reasonLines(QueryAnswer(reply))) }

    // MARK: The answer

    /// The records in columns, or that there are none.
    private func recordLines(_ answer: QueryAnswer) -> [StyledText] {
        guard !answer.answers.isEmpty else {
            let words =
                answer.rcode == "NXDOMAIN"
                ? "no such name: \(question) (NXDOMAIN)"
                : "no record of this type: \(question) (NOERROR, the name exists)"
            return [StyledText(words.printable, .warning)] + reasonLines(answer)
        }
        var table = TextTable([.left, .left, .right, .left])
        for record in answer.answers {
            table.add([
                record.name.printable, record.type, Figures.duration(seconds: record.ttl),
                record.data.printable,
            ])
        }
        let lines = zip(table.paddedRows, answer.answers).map { row, record in
            let data = Style.heading.paint(record.data.printable)
            let line =
                row[0] + "  " + Style.success.paint(row[1]) + "  " + Style.faint.paint(row[2]) + "  " + data
            guard let note = note(about: record) else { return line }
            return line + Style.faint.paint("  " + note)
        }
        return lines + reasonLines(answer)
    }

    /// What an outer address stands for; nil for other data.
    private func note(about record: QueryAnswer.Record) -> String? {
        innerAddresses.first { "\($0.outer)" == record.data }.map { "\($0.inner) inside \($0.cluster)" }
    }

    /// Which server answered, and after what time.
    private func origin(_ answer: QueryAnswer) -> StyledText {
        let last = exchanges.last { exchange in
            if case .answer = exchange.outcome { return true }
            return false
        }
        let place = last.map { "from \($0.group) \($0.server) over \($0.transport.word)" } ?? "answered here"
        let cut = answer.isTruncated ? ", truncated: ask with +tcp" : ""
        return Style.faint.paint("\(place), \(milliseconds(nanoseconds))\(cut)".printable)
    }

    /// The Extended DNS Error.
    private func reasonLines(_ answer: QueryAnswer?) -> [StyledText] {
        guard let error = answer?.error else { return [] }
        let words = withoutHint(String(decoding: error.text, as: UTF8.self).printable)
        return [StyledText("  reason: \(words.isEmpty ? error.inWords : "\(words) (\(error.purpose))")")]
    }

    /// A reason without the name that a client may have meant, if the hints say it as well.
    private func withoutHint(_ words: String) -> String {
        guard !hints.isEmpty, let hint = words.firstRange(of: "; did you mean ") else { return words }
        return String(words[..<hint.lowerBound])
    }

    /// The hints.
    private func hintLines() -> [StyledText] { hints.map { Style.heading.paint("  " + $0.printable) } }

    // MARK: The way

    /// The steps as comment lines.
    private func way() -> [StyledText] {
        let client = client.map { ", by \($0)" } ?? ""
        var lines = [row("question", "\(question)\(client) over \(transport.word)")]
        if self.client != nil { lines.append(row("view", view ?? "none")) }
        if let route { lines += rows(of: route) }
        for exchange in exchanges { lines += rows(of: exchange) }
        for (outer, inner, cluster) in innerAddresses {
            lines.append(row("address", "\(outer) is \(inner) inside \(cluster)"))
        }
        lines.append(row("time", milliseconds(nanoseconds)))
        return lines
    }

    /// The Extended DNS Error as a comment line; nil if there is none.
    private var reasonRow: StyledText? {
        ExtendedError.first(in: reply).map { row("reason", "EDE \(withoutHint($0.inWords))") }
    }

    /// The reply as dig prints it.
    private func wholeReply() -> [StyledText] {
        guard !reply.isEmpty else { return [row("reply", "none")] }
        do throws(LDNSError) {
            return [StyledText("\n" + (try MessageText.present(reply)))]
        } catch {
            return [row("reply", "\(reply.count) octets that libldns does not read: \(error)")]
        }
    }

    private func rows(of route: RouteReport) -> [StyledText] {
        let kind = route.decision.rawValue
        var lines = route.suffix.map { [row("suffix", $0)] } ?? []
        lines.append(row("decision", route.reason.map { "\(kind): \(withoutHint($0))" } ?? kind))
        for group in route.groups {
            let servers = group.servers.map(\.description).joined(separator: ", ")
            let title = route.decision == .upstream ? "resolvers" : "cluster"
            lines.append(row(title, "\(group.name): \(servers)"))
        }
        if let mapping = route.mapping {
            lines.append(row("mapping", "\(mapping.outer) <-> \(mapping.inner)"))
        }
        return lines
    }

    private func rows(of exchange: Exchange) -> [StyledText] {
        let place = "\(exchange.group) \(exchange.server) over \(exchange.transport.word)"
        let asked = row(
            "asked", "\(place): \(exchange.question), at \(milliseconds(exchange.sentNanoseconds))")
        switch exchange.outcome {
        case nil:
            return [asked, row("answered", "nothing")]
        case .failure(let reason, let after):
            return [asked, row("failed", "\(reason), after \(milliseconds(after))")]
        case .answer(let rcode, let records, let octets, let isTruncated, let after):
            let counted =
                "\(records) answer record\(records == 1 ? "" : "s")\(isTruncated ? ", truncated" : "")"
            return [
                asked,
                row("answered", "\(rcode), \(counted), \(octets) octets, after \(milliseconds(after))"),
            ]
        }
    }

    /// A comment line with its title.
    private func row(_ title: String, _ text: String) -> StyledText {
        let padding = String(repeating: " ", count: max(1, 11 - title.utf8.count))
        return ";; " + Style.heading.paint(title) + padding + text.printable
    }

    /// Such as `1.3 ms`.
    private func milliseconds(_ nanoseconds: Int64) -> String {
        let tenths = (nanoseconds + 50_000) / 100_000
        return "\(tenths / 10).\(tenths % 10) ms"
    }
}

extension Transport {
    /// In the usual spelling.
    var word: String { self == .udp ? "UDP" : "TCP" }
}
