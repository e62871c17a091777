import DNSWire
import Forwarding
import IPAddressing
import Inventory
import LDNSBridge

/// The report for people.
extension QueryReport {
    /// The steps as comment lines, then the reply as dig prints it.
    func text() -> StyledText {
        var lines = [
            row("question", "\(question), by \(client) over \(transport.word)"),
            row("view", view ?? "none"),
        ]
        if let route { lines += rows(of: route) }
        for exchange in exchanges { lines += rows(of: exchange) }
        for (outer, inner, cluster) in innerAddresses {
            lines.append(row("address", "\(outer) is \(inner) inside \(cluster)"))
        }
        lines.append(row("time", milliseconds(nanoseconds)))
        if let error = ExtendedError.first(in: reply) { lines.append(row("reason", "EDE \(error.inWords)")) }
        guard !reply.isEmpty else {
            return .joined(lines + [row("reply", "none")])
        }
        do throws(LDNSError) {
            lines.append(StyledText("\n" + (try MessageText.present(reply))))
        } catch {
            lines.append(row("reply", "\(reply.count) octets that libldns does not read: \(error)"))
        }
        return .joined(lines)
    }

    private func rows(of route: RouteReport) -> [StyledText] {
        let kind = route.decision.rawValue
        var lines = route.suffix.map { [row("suffix", $0)] } ?? []
        lines.append(row("decision", route.reason.map { "\(kind): \($0)" } ?? kind))
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
