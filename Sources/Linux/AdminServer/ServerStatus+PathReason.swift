package import JSON

extension ServerStatus {
    /// Why a path is down, as `namebridge explain` reasons it from this host.
    package struct PathReason: Hashable, Sendable {
        /// `reachable`, `unreachable`, `depends` or `unknown`.
        package var verdict: String
        /// As in `NO_ROUTE`; empty if packets arrive by all that is known.
        package var code: String
        /// What the code means, in a few words.
        package var meaning: String
        /// The object that decides, as in `relay1, net.ipv4.ip_forward = 0`; empty if nothing is in the way.
        package var decidedBy: String
        /// `planned`, `read` or `assumed`.
        package var evidence: String
        /// What makes the packets arrive.
        package var fix: String

        package init(
            verdict: String, code: (word: String, meaning: String),
            decision: (object: String, evidence: String),
            fix: String
        ) {
            self.verdict = verdict
            self.code = code.word
            meaning = code.meaning
            decidedBy = decision.object
            evidence = decision.evidence
            self.fix = fix
        }
    }
}

extension ServerStatus.PathReason {
    /// As in `no route leads to the destination (NO_ROUTE) at relay1, route ...`.
    package var words: String {
        let what = code.isEmpty ? verdict : "\(meaning) (\(code))"
        return decidedBy.isEmpty ? what : "\(what) at \(decidedBy) [\(evidence)]"
    }

    /// The same with what to do, to be appended to a cause.
    package var appendix: String { "; \(words)" + (fix.isEmpty ? "" : "; fix: \(fix)") }

    package var json: JSONValue {
        .object([
            ("verdict", .string(verdict)), ("code", .string(code)), ("meaning", .string(meaning)),
            ("decided-by", .string(decidedBy)), ("evidence", .string(evidence)), ("fix", .string(fix)),
        ])
    }

    /// `nil` if the JSON has no reason.
    package init?(json: JSONValue) {
        guard case .object = json, let verdict = json["verdict"]?.string else { return nil }
        self.init(
            verdict: verdict, code: (json["code"]?.string ?? "", json["meaning"]?.string ?? ""),
            decision: (json["decided-by"]?.string ?? "", json["evidence"]?.string ?? ""),
            fix: json["fix"]?.string ?? "")
    }
}
