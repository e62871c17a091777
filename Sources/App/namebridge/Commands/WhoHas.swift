import AdminServer
import ArgumentParser
import DomainNames
import Forwarding
import Glibc
import IPAddressing
import Inventory
import JSON
import LinuxSystem
import Time

/// `namebridge who-has`: every cluster that has a name, and what it is there.
struct WhoHas: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "who-has",
        abstract: "Find the clusters that have a name, and what it is there.",
        discussion: """
            All clusters of the configuration are asked at once; no server needs to run, but the state of \
            paths is known to a running one alone. NAME is a service and its namespace, or a longer name: \
            the suffix of a cluster is left out. Clusters and namespaces that the client may not ask are not \
            shown. The exit code is 1 if no cluster has the name, 3 if none of those that answered has it.

            Examples:
              namebridge who-has web.shop
              namebridge who-has db-0.db.shop --output json
              namebridge who-has web.shop --watch
            """)

    @Argument(
        help: "The name, such as web.shop or _http._tcp.web.shop.",
        completion: .custom(KnownNameCompletion.services))
    var name: String

    @Option(name: .long, help: "Ask as the client with this address: it decides about permission and view.")
    var client = "127.0.0.1"

    @Flag(name: .long, help: "Ask again each second, and print each change, until Ctrl-C.")
    var watch = false

    @OptionGroup var options: ConfigurationOptions

    @OptionGroup var demo: DemoOptions

    @OptionGroup var control: ControlOptions

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    func validate() throws {
        _ = try readName()
        guard IPAddress(name) == nil else {
            throw ValidationError(
                "\"\(name)\" is an address:"
                    + " \"namebridge query\(options.words(isDemo: demo.demo)) -x \(name)\""
                    + " finds its name.")
        }
        guard IPAddress(client) != nil else { throw ValidationError("\"\(client)\" is not an IP address.") }
        try demo.validate(with: options)
    }

    func run() throws {
        guard demo.demo else { return try search(options.load(hasDemo: true)) }
        try demo.withClusters(search)
    }

    /// Asks the clusters of `inventory`.
    private func search(_ inventory: Inventory) throws {
        guard let client = IPAddress(client) else { throw ExitStatus.usage }
        let policy = ForwardingPolicy(inventory, hostAddresses: HostAddresses.all())
        guard policy.view(of: client) != nil else {
            printError("namebridge: \(client) may not ask: it is in no prefix of dns.clients")
            throw ExitStatus.problem
        }
        let search = NameSearch(inventory: inventory, policy: policy, client: client)
        let name = try readName()
        guard let labels = search.labels(of: name) else {
            printError("namebridge: \"\(name)\" is no name of a cluster: write it like web.shop".printable)
            throw ExitStatus.usage
        }
        let shown = labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
        guard watch else {
            var found = NameFindings(name: shown, findings: search.findings(labels), paths: pathStates())
            if !found.isFound {
                found.hint = search.hint(
                    for: name, labels, known: knownNames, otherCommand: options.words(isDemo: demo.demo))
            }
            show(found)
            if found.isUnknown { throw ExitStatus.unknown }
            if !found.isFound { throw ExitStatus.problem }
            return
        }
        self.watch(search, labels, shown)
    }

    /// Asks each second, and shows what has changed; ends with a signal.
    private func watch(_ search: NameSearch, _ labels: [[UInt8]], _ shown: String) -> Never {
        var last: NameFindings?
        var seen: [String: (finding: NameFinding, time: MonotonicTime)] = [:]
        while true {
            let now = MonotonicClock.now
            var found = NameFindings(name: shown, findings: search.findings(labels), paths: pathStates())
            for (index, finding) in found.findings.enumerated() {
                guard finding.failure != nil, !finding.isFound, let old = seen[finding.cluster] else {
                    seen[finding.cluster] = (finding, now)
                    continue
                }
                // A silent cluster is shown as it was, with the time since then.
                found.findings[index] = old.finding
                found.findings[index].failure = finding.failure
                found.ages[finding.cluster] = max(1, now.seconds(since: old.time))
            }
            if last?.findings != found.findings || last?.paths.keys != found.paths.keys {
                if output == .text { print(Style.faint.paint(WallClock.text(WallClock.seconds))) }
                show(found)
                fflush(nil)
            }
            last = found
            ThisProcess.sleep(milliseconds: 1000)
        }
    }

    /// Prints what was found.
    private func show(_ found: NameFindings) {
        switch output {
        case .text: print(found.text())
        case .json: print(found.json)
        }
    }

    /// The state of the paths to each cluster, as the running server's probes show it; empty without one.
    private func pathStates() -> [String: String] {
        do throws(ControlError) {
            let answer = try ControlClient.ask(.status, at: control.clientPaths(isDemo: demo.demo)).answer
            let health = ServerStatus(json: answer).paths.flatMap(\.health)
            let states = Dictionary(grouping: health, by: \.to)
            // If one of several paths carries, packets arrive.
            return states.mapValues { paths in
                paths.contains(where: \.isUp) ? "up" : paths.first { $0.isDown }?.state ?? "unknown"
            }
        } catch {
            return [:]
        }
    }

    /// The names that a running server knows; empty without one.
    private var knownNames: [DomainName] {
        KnownNames.read(at: control.clientPaths(isDemo: demo.demo), most: 100_000).map(\.name)
    }

    /// The name of the command line.
    private func readName() throws -> DomainName {
        do throws(DomainNameError) {
            return try DomainName(parsing: name)
        } catch {
            throw ValidationError("The name \"\(name)\" \(error).")
        }
    }
}
