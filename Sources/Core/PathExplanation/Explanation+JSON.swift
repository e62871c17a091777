package import JSON
import PacketPath

extension Explanation {
    /// The explanation for programs.
    package var json: JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("from", .string(question.from.text)), ("to", .string(question.to.text)),
            ("verdict", .string(verdict.rawValue)), ("code", .optional(code?.rawValue)),
            ("decided_by", decision?.json ?? .null), ("fix", .optional(fix.isEmpty ? nil : fix)),
            ("notes", .array(notes.map { .string($0) })),
            (
                "traces",
                .array(
                    groups.flatMap { group in
                        group.exchanges.flatMap { exchange in
                            [exchange.request, exchange.reply].compactMap(\.self).map {
                                $0.json(in: group.title)
                            }
                        }
                    })
            ),
        ]
        if !probes.isEmpty { members.append(("probes", .array(probes.map(\.json)))) }
        return .object(members)
    }
}

extension ProbedPacket {
    fileprivate var json: JSONValue {
        let (word, reason): (String, String?) =
            switch answer {
            case .answered: ("answered", nil)
            case .refused: ("refused", nil)
            case .failed(let reason): ("failed", reason)
            case .silent: ("silent", nil)
            }
        return .object([
            ("packet", .string(packet.description)), ("reasoned", .string(verdict.rawValue)),
            ("answer", .string(word)), ("reason", .optional(reason)),
            ("microseconds", .optional(microseconds)), ("agreement", .string(agreement.rawValue)),
            ("evidence", .string(PacketTrace.Evidence.probed.rawValue)),
        ])
    }
}

extension Explanation.Decision {
    fileprivate var json: JSONValue {
        .object([
            ("host", .string(host)), ("role", .string(role)), ("rule", .string(rule)),
            ("evidence", .string(evidence.rawValue)),
        ])
    }
}

extension PathTrace {
    fileprivate func json(in group: String) -> JSONValue {
        .object([
            ("direction", .string(isReply ? "reply" : "forward")),
            ("disposition", .string(disposition.rawValue)),
            ("target", .optional(group.isEmpty ? nil : group)), ("packet", .string(packet.description)),
            ("hops", .array(hops.map(\.json))),
        ])
    }
}

extension PathHop {
    fileprivate var json: JSONValue {
        .object([
            ("host", .string(host)), ("role", .string(role)), ("steps", .array(steps.map(\.json))),
        ])
    }
}

extension PathStep {
    fileprivate var json: JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("stage", .string(stage.rawValue)), ("action", .string(action.rawValue)),
            ("code", .optional(code?.rawValue)), ("rule", .string(rule)), ("next", .optional(next)),
            ("before", .string(before.description)), ("after", .string(after.description)),
        ]
        if let outer { members.append(("outer", .string(outer.description))) }
        members += [
            ("device", .optional(device)), ("mtu", .optional(mtu)), ("evidence", .string(evidence.rawValue)),
        ]
        return .object(members)
    }
}
