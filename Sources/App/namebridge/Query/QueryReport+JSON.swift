import AdminServer
import DNSWire
import Forwarding
import IPAddressing
import JSON
import LDNSBridge

/// The report for programs.
extension QueryReport {
    /// Everything that `text` shows, and the reply's octets in hexadecimal.
    func json() -> JSONValue {
        .object([
            ("question", .string(question)),
            ("client", .optional(client?.description)),
            ("transport", .string(transport.word)),
            ("view", .optional(view)),
            ("route", route?.json() ?? .null),
            ("exchanges", .array(exchanges.map { $0.json() })),
            (
                "addresses",
                .array(
                    innerAddresses.map { outer, inner, cluster in
                        .object([
                            ("outer", .string(outer.description)), ("inner", .string(inner.description)),
                            ("cluster", .string(cluster)),
                        ])
                    })
            ),
            ("microseconds", .integer(Int(nanoseconds / 1000))),
            ("hints", .array(hints.map { .string($0) })),
            ("reply", replyJSON()),
        ])
    }

    /// Null if no reply came.
    private func replyJSON() -> JSONValue {
        guard let answer = QueryAnswer(reply) else { return .null }
        return .object([
            ("rcode", .string(answer.rcode)),
            ("truncated", .boolean(answer.isTruncated)),
            ("answers", .integer(answer.answers.count)),
            ("records", .array(answer.records.map(\.json))),
            ("extendedError", answer.error?.json() ?? .null),
            ("text", .optional(try? MessageText.present(reply))),
            ("wire", .string(reply.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())),
        ])
    }
}

extension ExtendedError {
    fileprivate func json() -> JSONValue {
        .object([
            ("code", .integer(code)),
            ("purpose", .string(purpose)),
            ("text", .string(String(decoding: text, as: UTF8.self))),
        ])
    }
}

extension RouteReport {
    fileprivate func json() -> JSONValue {
        let groups = self.groups.map { group in
            JSONValue.object([
                ("name", .string(group.name)),
                ("servers", .array(group.servers.map { .string($0.description) })),
            ])
        }
        let mapping = self.mapping.map { mapping in
            JSONValue.object([("outer", .string(mapping.outer)), ("inner", .string(mapping.inner))])
        }
        return .object([
            ("kind", .string(decision.rawValue)),
            ("suffix", .optional(suffix)),
            ("groups", .array(groups)),
            ("mapping", mapping ?? .null),
            ("reason", .optional(reason)),
        ])
    }
}

extension QueryReport.Exchange {
    fileprivate func json() -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("server", .string(server.description)),
            ("group", .string(group)),
            ("transport", .string(transport.word)),
            ("question", .string(question)),
            ("sentMicroseconds", .integer(Int(sentNanoseconds / 1000))),
        ]
        switch outcome {
        case nil:
            members.append(("failure", .string("nothing came")))
        case .failure(let reason, let after):
            members += [("failure", .string(reason)), ("microseconds", .integer(Int(after / 1000)))]
        case .answer(let rcode, let records, let octets, let isTruncated, let after):
            members += [
                ("rcode", .string(rcode)), ("answers", .integer(records)), ("octets", .integer(octets)),
                ("truncated", .boolean(isTruncated)), ("microseconds", .integer(Int(after / 1000))),
            ]
        }
        return .object(members)
    }
}
