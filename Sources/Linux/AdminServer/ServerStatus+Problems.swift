import Diagnosis
import DomainNames
import IPAddressing
package import JSON

/// What is wrong now.
extension ServerStatus {
    /// Something that is wrong now, with its cause, and what to do about it.
    package struct Problem: Hashable, Sendable {
        /// What is wrong and why, in one line.
        package var words: String
        /// For how long it is so; nil if that is not known.
        package var sinceSeconds: Int?
        /// Names and places that it concerns, such as `names below prod.cluster.local`.
        package var affected: [String] = []
        /// Why it is so, in sentences, as far as that is known.
        package var causes: [String] = []
        /// What is to be done: sentences and commands, the likeliest first.
        package var remedies: [String] = []

        init(
            _ words: String, since seconds: Int? = nil, affected: [String] = [], remedies: [String] = []
        ) {
            self.words = words
            sinceSeconds = seconds
            self.affected = affected
            self.remedies = remedies
        }

        /// Such as `for 12 s`; nil if it is not known, or the words say so already.
        package var age: String? {
            guard let sinceSeconds else { return nil }
            let age = "for \(Figures.duration(seconds: sinceSeconds))"
            return words.contains(age) ? nil : age
        }

        package var json: JSONValue {
            .object([
                ("words", .string(words)), ("since-seconds", .optional(sinceSeconds)),
                ("affected", .array(affected.map { .string($0) })),
                ("causes", .array(causes.map { .string($0) })),
                ("remedies", .array(remedies.map { .string($0) })),
            ])
        }
    }

    /// What is wrong now, the worst first; empty if all is well.
    package var problems: [Problem] {
        groupProblems + listenerProblems + clientProblems + hostProblems
            + followed.filter(\.isStale).map(Self.problem(of:)) + renderingProblems
            + paths.filter(\.isBroken).map(problem(of:)) + networkProblems + reloadProblems
    }

    /// The same as lines.
    package var troubles: [String] { problems.map(\.words) }

    // MARK: - Name servers

    /// Clusters with servers that are down.
    private var groupProblems: [Problem] {
        groups.filter { $0.deadServers > 0 }.map { group in
            let (count, total) = (group.deadServers, group.servers.count)
            let words =
                count == total
                ? "no name server answers"
                : "\(count) of \(total) name servers \(count == 1 ? "is" : "are") down"
            let down = group.servers.filter(\.isDown)
            var problem = Problem(
                "\(group.name): \(words): \(group.downWords)", since: down.compactMap(\.downSeconds).max(),
                affected: count == total ? affectedNames(of: group) : [],
                remedies: ["namebridge doctor asks it in each way"])
            for server in down {
                let found = server.findings(in: group)
                for cause in found.map(\.meaning) where !cause.isEmpty && !problem.causes.contains(cause) {
                    problem.causes.append(cause)
                }
                problem.remedies =
                    server.remedies + found.flatMap { $0.remedies.map(\.line) } + problem.remedies
            }
            return problem
        }
    }

    /// Names that are not answered while no server of the cluster is.
    private func affectedNames(of group: Group) -> [String] {
        let isUpstream = group.domain.isEmpty && group.name == "upstream"
        let names = (group.names + group.also).map { "names below \($0)" }
        let failed = failures.filter { $0.cluster == group.name }.prefix(3).map { failure in
            "\(failure.name) (\(Figures.grouped(failure.count)) failed)"
        }
        return (isUpstream ? ["every name of no cluster"] : names) + failed
    }

    // MARK: - Paths

    /// A path that packets likely do not get through.
    private func problem(of path: Path) -> Problem {
        let down = path.health.filter(\.isDown)
        let ends = Set(down.map(\.to)).union(path.to)
        let affected = groups.filter { ends.contains($0.name) }.flatMap { group in
            group.names.map { "addresses of names below \($0)" }
        }
        var remedies: [String] = []
        if let state = path.state, state.missing > 0 {
            remedies.append(
                "namebridge net status lists what is missing here, namebridge net apply puts it back")
        }
        for reason in down.compactMap(\.reason) where !reason.fix.isEmpty { remedies.append(reason.fix) }
        for health in down {
            remedies.append(
                "namebridge explain \(health.from) \(health.to) names the hop that drops packets")
        }
        return Problem(
            "path \(path.ends): \(path.stateWords)", since: down.map(\.sinceSeconds).max(),
            affected: affected,
            remedies: remedies)
    }

    // MARK: - Clients

    /// Problems with the answers that clients get.
    private var clientProblems: [Problem] {
        var problems: [Problem] = []
        if success.isBad, let percent = success.percent {
            let names = failures.prefix(3).map { "\($0.name): \($0.reason)" }
            problems.append(
                Problem(
                    "only \(percent) of the \(success.questions) questions of the last"
                        + " \(Figures.duration(seconds: success.seconds)) were answered",
                    affected: names, remedies: ["namebridge doctor asks each server in each way"]))
        }
        for refused in refusedClients where refused.isRecent {
            let questions = refused.count == 1 ? "1 question" : "\(refused.count) questions"
            let isShown = !refused.network.isEmpty
            let clients = isShown ? "clients of \(refused.network)" : "some clients"
            problems.append(
                Problem(
                    "\(clients) are refused (\(questions), the last"
                        + " \(Figures.duration(seconds: refused.secondsAgo)) ago): dns.clients does not hold"
                        + " them",
                    affected: [clients],
                    remedies: [
                        "add \(isShown ? refused.network : "them") to dns.clients if they may ask,"
                            + " then namebridge reload"
                    ]))
        }
        return problems
    }

    // MARK: - This host

    /// Addresses that no client reaches.
    private var listenerProblems: [Problem] {
        absentListeners.map { address in
            Problem(
                "dns.listen: this host does not have the address of \(address); it is heard once it has",
                affected: ["clients that ask \(address)"],
                remedies: ["give the host the address, or take it out of dns.listen"])
        }
    }

    /// What the host is short of, and answers that match no question; the words say what to do.
    private var hostProblems: [Problem] {
        let words = shortages.filter(\.isProblem).map(\.words) + [unmatched?.words].compactMap(\.self)
        return words.map { Problem($0) }
    }

    /// A followed cluster whose facts are old.
    private static func problem(of cluster: Followed) -> Problem {
        Problem(
            "\(cluster.cluster): facts are old: \(cluster.words)", since: cluster.ageSeconds,
            remedies: [
                "systemctl status namebridge-follow and its journal say why",
                "namebridge check shows the facts in use",
            ])
    }

    /// Instructions for other devices that are out of date.
    private var renderingProblems: [Problem] {
        renderings.map { rendering in
            Problem(
                rendering.words, affected: [rendering.what],
                remedies: rendering.isGone ? [] : [rendering.command])
        }
    }

    /// What the network agent reports.
    private var networkProblems: [Problem] {
        guard let network, isAgentNeeded else { return [] }
        var problems: [Problem] = []
        if !network.isRunning {
            problems.append(
                Problem(
                    "the network agent has ended", affected: paths.map { "path \($0.ends)" },
                    remedies: ["systemctl start namebridge-agent"]))
        }
        if let trouble = network.trouble { problems.append(Problem("network: \(trouble)")) }
        if let contested = network.contested.first {
            let more = network.contested.count - 1
            problems.append(
                Problem(
                    "network: removed again and again by another program: \(contested)"
                        + (more > 0 ? ", and \(more) more" : ""),
                    remedies: [
                        "let one program alone keep it: the journal of namebridge-agent names the other one"
                    ]))
        }
        let missing = network.wanted - network.present
        if missing > 0, !paths.contains(where: \.isBroken) {
            problems.append(
                Problem(
                    missing == 1 ? "network: 1 object is missing" : "network: \(missing) objects are missing",
                    affected: Array(network.missing.prefix(3)),
                    remedies: ["namebridge net status lists them, namebridge net apply puts them back"]))
        }
        return problems
    }

    /// A configuration that was not taken.
    private var reloadProblems: [Problem] {
        guard let problem = reload.lastProblems.first else { return [] }
        let more = reload.lastProblems.count - 1
        return [
            Problem(
                "the changed configuration was not taken: \(problem)"
                    + (more > 0 ? ", and \(more) more" : ""),
                remedies: ["namebridge check lists every mistake; after the change, namebridge reload"])
        ]
    }
}

extension ServerStatus.Server {
    /// What `namebridge doctor` says of a server in this state.
    fileprivate func findings(in group: ServerStatus.Group) -> [Finding] {
        guard state != Self.looping, let server = Endpoint(address, defaultPort: 53) else { return [] }
        let domain = (try? DomainName(parsing: group.domain)) ?? .root
        return Finding.ofDeadServer(server, cluster: group.name, domain: domain, reason: lastError ?? state)
    }

    /// What to do about a server that forwards to us.
    fileprivate var remedies: [String] {
        state == Self.looping
            ? ["take the suffixes of Namebridge out of the forward zones of \(address)"] : []
    }
}
