import AdminServer
import IPAddressing
import Inventory
import NetworkPlanning
import PacketPath
import PathExplanation
import PathHealth

/// Explains why a path does not carry packets of this host.
struct PathReasoning {
    /// The file.
    private let inventory: Inventory
    /// This host, if it is one of the file's.
    private let hosts: ObservedHosts
    /// Knows which sender this host is.
    private let probe: ExplanationProbe

    /// Reads this host, once for all paths: as a whole as root, else its settings and routes.
    ///
    /// - Parameter tells: True if a message says why a part is not read.
    init(_ inventory: Inventory, tells: Bool) {
        self.inventory = inventory
        var hosts = ObservedHosts(inventory)
        hosts.readThisHost(tells: tells)
        self.hosts = hosts
        probe = ExplanationProbe(inventory)
    }

    /// Why probes of a path are not answered; nil if it has no target.
    func reason(of path: ProbedPath) -> ServerStatus.PathReason? {
        guard let target = path.targets.first?.endpoint else { return nil }
        // Probes that are led to one of several relays do not take this host's routes.
        guard path.origin.mark != 0 else { return reason(from: path.from, to: path.to, target: target) }
        var choices = hosts.choices
        for other in inventory.paths {
            // The file may name their places too, as in "office/relay1".
            let relays = other.relayHosts.map { String($0.split(separator: "/").last ?? "") }
            guard path.relays.allSatisfy(relays.contains) else { continue }
            choices.carrying["\(path.from) -> \(path.to) via \(relays.joined(separator: ", "))"] = path.relays
        }
        let question = question(from: path.from, to: path.to, target: target)
        return ServerStatus.PathReason(Explanation(question, in: inventory, observed: [:], choices: choices))
    }

    /// Why connections to a target do not come about.
    ///
    /// - Parameters:
    ///   - from: The key of the near end, which this host stands in or speaks for.
    ///   - to: The key of the cluster.
    func reason(from: String, to: String, target: Endpoint) -> ServerStatus.PathReason {
        let question = question(from: from, to: to, target: target)
        return ServerStatus.PathReason(
            Explanation(question, in: inventory, observed: hosts.states, choices: hosts.choices))
    }

    /// The question that such a connection is.
    private func question(from: String, to: String, target: Endpoint) -> ExplainedQuestion {
        let place = ExplainedEnd(text: from, place: from, kind: .place)
        let end = ExplainedEnd(text: "\(target)", place: to, kind: .addresses([target.address]))
        return ExplainedQuestion(from: probe.sender(of: place) ?? place, to: end, port: Int(target.port))
    }
}

extension ServerStatus.PathReason {
    /// The reason of an explanation. If packets should arrive by all that is known, something is in the way
    /// on a host that was not read.
    init(_ explanation: Explanation) {
        let decision =
            explanation.decision.map { ("\($0.host), \($0.rule)", $0.evidence.rawValue) } ?? ("", "")
        guard explanation.verdict == .reachable else {
            self.init(
                verdict: explanation.verdict.rawValue,
                code: (explanation.code?.rawValue ?? "", explanation.code?.meaning ?? ""), decision: decision,
                fix: explanation.fix)
            return
        }
        let hosts = explanation.unreadHosts.prefix(3).joined(separator: ", ")
        let read =
            hosts.isEmpty
            ? "look at the server itself: all hosts on the way were read, and pass the packets"
            : "run \"namebridge net observe\" on \(hosts), and \"namebridge explain --state\" with the output"
        self.init(
            verdict: explanation.verdict.rawValue,
            code: ("NOT_OBSERVED", "by the file packets arrive, so something else is in the way"),
            decision: decision, fix: read)
    }
}
