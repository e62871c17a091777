import ArgumentParser
import ClusterDiscovery
import DomainNames
import Glibc
import IPAddressing
import Inventory
import InventoryFile
import LinuxSystem
import NetworkPlanning

/// `namebridge init`: writes a first configuration from what is there.
struct Init: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a first configuration from what is there.",
        discussion: """
            Takes over what other resolvers of this host know of clusters: "server=/.../" lines of dnsmasq, stub \
            domains of a Corefile, routing domains of systemd-resolved; asks the API servers of kubeconfig \
            contexts as discover does; and asks you about the rest if it runs in a terminal. The file that it \
            writes has comments and passes check. A file that is there stays, unless --force is given.

            Examples:
              sudo namebridge init
              namebridge init --yes --cluster prod=10.96.0.10 --cluster dev=10.97.0.10
              namebridge init --context prod --context staging --config clusters.yaml
              namebridge init --from /etc/dnsmasq.d --dry-run
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A cluster: its key and the addresses of its DNS servers, such as prod=10.96.0.10 or"
                + " prod=172.17.20.11:30053,172.17.20.12:30053; may be given several times.",
            valueName: "key=servers"), transform: NamedServers.init(reading:))
    var cluster: [NamedServers] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A context of the kubeconfig, whose cluster is asked; may be given several times.",
            valueName: "name"), completion: .custom(ConfigurationCompletion.contexts))
    var context: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("The kubeconfig. (default: where kubectl looks)", valueName: "file"),
        completion: .file())
    var kubeconfig: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A configuration of dnsmasq, CoreDNS or systemd-resolved, or a folder of such files, instead of"
                + " the usual ones; \"none\": none of them. May be given several times.", valueName: "file"),
        completion: .file())
    var from: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A suffix of such a file that leads to a cluster, although it does not look so; may be given"
                + " several times.", valueName: "name"))
    var suffix: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("An address to listen on; may be given several times.", valueName: "address"))
    var listen: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A server for every other name; may be given several times.", valueName: "address"))
    var upstream: [String] = []

    @Flag(name: .long, help: "Ask nothing, although this is a terminal.")
    var yes = false

    @Flag(name: .long, help: "Replace the file that is there; it stays beside the new one, as FILE.old.")
    var force = false

    @Flag(name: .long, help: "Print the configuration, and write no file.")
    var dryRun = false

    @OptionGroup var options: ConfigurationOptions

    func validate() throws {
        for text in listen + upstream where Endpoint(text, defaultPort: 53) == nil {
            throw ValidationError(
                Endpoint.hasWrongPort(text)
                    ? "\"\(text)\": a port is 1 to 65535."
                    : "\"\(text)\" is no address, such as 172.16.0.5 or 127.0.0.1:5353.")
        }
        for text in suffix where (try? DomainName(parsing: text)) == nil {
            throw ValidationError("\"\(text)\" is no domain name.")
        }
        if Set(cluster.map(\.key)).count < cluster.count {
            throw ValidationError("Give each --cluster a key of its own.")
        }
        if Set(context).count < context.count { throw ValidationError("Name each --context once.") }
    }

    func run() throws {
        let file = NewConfigurationFile(path: options.path)
        if !dryRun, !force, file.exists {
            printError("namebridge: \(options.path) is there already; it stays as it is")
            printError("Write beside it with --config FILE, look with --dry-run, or replace it with --force.")
            throw ExitStatus.usage
        }
        let draft = try draft()
        if draft.keys.isEmpty { throw Self.nothingFound(draft) }
        let text = draft.text
        let problems = NewConfigurationFile.problems(of: text, name: options.path)
        for problem in problems { printError(Style.error.paint(problem)) }
        if dryRun {
            print(text, terminator: "")
        } else if !problems.contains(where: { $0.severity == .error }) {
            let old = try file.write(text)
            if let old { print("The file that was there is kept as \(old).") }
            printNextSteps(draft)
        } else {
            printError("namebridge: \(options.path): not written, since it would have errors")
        }
        if problems.contains(where: { $0.severity == .error }) { throw ExitStatus.problem }
    }

    // MARK: - The draft

    /// All that was given, found and answered.
    private func draft() throws -> ConfigurationDraft {
        var draft = ConfigurationDraft()
        let interview = interview
        draft.clusters = cluster.map { DraftCluster(key: $0.key, dns: $0.servers, source: "--cluster") }
        var found = ConfigurationDraft()
        found.clusters = draft.clusters
        let suffixes = Set(suffix.compactMap { try? DomainName(parsing: $0) })
        let rules = try importedRules()
        for suffix in suffixes where !rules.rules.contains(where: { $0.suffix == suffix }) {
            printError(
                Style.warning.paint("namebridge: warning: no file that was read has the suffix \(suffix)"))
        }
        found.take(rules) { suffixes.contains($0) }
        let given = draft.clusters.count
        draft.remarks = found.remarks
        var others = draft
        others.clusters = Array(found.clusters.dropFirst(given))
        interview?.nameClusters(in: &others)
        draft.clusters = Array(found.clusters.prefix(given)) + others.clusters
        try discover(into: &draft, interview)
        if draft.keys.isEmpty, let cluster = interview?.cluster() { draft.clusters.append(cluster) }
        DraftServers.report(on: draft.clusters)
        complete(&draft, interview)
        return draft
    }

    /// The rules of the files that were named, or of the usual ones.
    private func importedRules() throws -> ForwardingRules {
        var all: [ForwardingRules] = []
        for path in from where path != "none" {
            do throws(FileError) {
                all += try ImportSources.rules(of: path)
            } catch {
                printError("namebridge: \(error)")
                throw ExitStatus.usage
            }
        }
        if from.isEmpty { all = ImportSources().found() }
        return ForwardingRules(all).withoutThisHost(OwnResolver.isLeftOut)
    }

    /// Asks the clusters of contexts. A cluster that a resolver's rule led to as well is in the file once.
    private func discover(into draft: inout ConfigurationDraft, _ interview: InitInterview?) throws {
        var chosen = context
        if chosen.isEmpty, let interview, Kubectl.program != nil {
            let kubectl = try Kubectl(kubeconfig: kubeconfig, timeout: 15)
            let known = (try? kubectl.contexts()) ?? []
            let current = (try? kubectl.currentContext()).flatMap { known.contains($0) ? $0 : nil }
            if !known.isEmpty {
                chosen = interview.contexts(known, usual: draft.keys.isEmpty ? current ?? "-" : "-")
            }
        }
        if chosen.isEmpty { return }
        let kubectl = try Kubectl(kubeconfig: kubeconfig, timeout: 15)
        let surveys = chosen.map { (ClusterSurvey.asking(context: $0, kubectl), nil as String?) }
        let discovery = Discovery(
            surveys, by: kubectl, file: nil, contexts: (try? kubectl.contexts()) ?? [],
            hostRoutes: HostRoutes.prefixes())
        discovery.printProblems(place: "the file")
        if discovery.found.isEmpty { throw ExitStatus.problem }
        let (found, remarks) = ReachableServers.choose(for: discovery.found)
        draft.take(found)
        for line in remarks {
            printError(line.hasPrefix(" ") ? StyledText(line) : Style.warning.paint(line))
        }
    }

    /// What is left: who answers plain names, and the forwarder's own settings.
    private func complete(_ draft: inout ConfigurationDraft, _ interview: InitInterview?) {
        let choice = listen.isEmpty ? ListenChoice.ofThisHost() : ListenChoice()
        draft.listen = listen.isEmpty ? choice.addresses : listen.compactMap { Endpoint($0, defaultPort: 53) }
        draft.listenReason = choice.reason
        draft.upstream = upstream.compactMap { Endpoint($0, defaultPort: 53) }
        guard let interview, !draft.keys.isEmpty else { return }
        let keys = draft.clusterLocalKeys
        if keys.count > 1 { draft.bareDomain = interview.bareDomain(of: keys) }
        if listen.isEmpty {
            let usual = draft.listen.isEmpty ? DNSSettings.defaultListen : draft.listen
            if let reason = choice.reason { interview.say("\n" + reason) }
            let words = usual.map(\.description).joined(separator: ", ")
            if let answer = interview.endpoints("\nWhere are questions taken?", usual: words) {
                draft.listen = answer
                draft.listenReason = nil
            }
        }
        if upstream.isEmpty {
            draft.upstream =
                interview.endpoints(
                    "\nWhich servers know every other name? (\"-\": none, which is right behind a resolver"
                        + " that sends only cluster names)", usual: "-") ?? []
        }
    }

    /// Nil if nothing is to be asked: this is no terminal, or `--yes`.
    private var interview: InitInterview? {
        guard !yes, isatty(STDIN_FILENO) == 1, isatty(StandardStream.error.rawValue) == 1 else { return nil }
        return InitInterview(
            ask: { question, usual in
                writeError("\(question)\n  [\(usual)] ".printableLines, terminator: "")
                return readLine().map { $0.split(separator: " ").joined(separator: " ") }
            }, say: { printError($0) }, isOwnResolver: OwnResolver.isForwarder)
    }

    // MARK: - What is said

    /// Says what to give; the exit code for it.
    private static func nothingFound(_ draft: ConfigurationDraft) -> ExitCode {
        for remark in draft.remarks { printError("Not taken over: \(remark)") }
        printError("namebridge: no cluster was found here; name one:")
        printError(
            "  namebridge init --cluster prod=ADDRESS     (kubectl get service -n kube-system kube-dns)")
        printError("  namebridge init --context NAME             (kubectl config get-contexts)")
        return ExitStatus.usage
    }

    /// Prints what was written, and the three commands that come next.
    private func printNextSteps(_ draft: ConfigurationDraft) {
        let path = options.path
        let isUsual = path == ConfigurationOptions.usualPath
        let option = isUsual ? "" : " --config \(path)"
        let name = "kubernetes.default.svc.\(draft.keys.first ?? "prod").cluster.local"
        print("\(path): written, with \(draft.keys.joined(separator: ", ")). Next:")
        print("  namebridge query\(option) \(name)     # asks it now, without a running server")
        if isUsual, NewConfigurationFile.hasUnit {
            print("  sudo systemctl enable --now namebridge")
        } else {
            let listeners = draft.listen.isEmpty ? DNSSettings.defaultListen : draft.listen
            let needsRoot = listeners.contains { $0.port < 1024 }
            print("  \(needsRoot ? "sudo " : "")namebridge serve\(option)")
        }
        let listener = draft.listen.first { !$0.address.isUnspecified }
        let address = listener?.address.description ?? "127.0.0.1"
        let port = (draft.listen.first?.port).flatMap { $0 == 53 ? nil : " -p \($0)" } ?? ""
        let asks = ChildProcess.path(of: "dig") == nil ? "namebridge query" : "dig"
        print("  \(asks) @\(address)\(port) \(name)")
        guard let reason = draft.listenReason else { return }
        print(reason)
        if let format = ListenChoice.ofThisHost().format, let server = draft.listen.first {
            print("  namebridge net render\(option) --format \(format.rawValue) --server \(server)")
        }
    }
}

/// `KEY=SERVER,...` on the command line.
struct NamedServers {
    /// The cluster's key.
    let key: String
    /// Its DNS servers.
    let servers: [Endpoint]

    /// - Throws: `ValidationError` that says what to write.
    init(reading argument: String) throws {
        let parts = argument.split(separator: "=", maxSplits: 1)
        let key = parts.first.map(String.init) ?? ""
        guard ClusterKey.isValid(key) else {
            let near = ClusterKey.label(of: key)
            throw ValidationError(
                near.hasPrefix(key) && !key.isEmpty
                    ? "\"\(key)\" is a word of names inside of clusters: write \(near)=ADDRESS"
                    : "a key has lower-case letters, digits and hyphens: write \(near)=ADDRESS")
        }
        let words = parts.dropFirst().flatMap { $0.split(separator: ",") }
        if let word = words.first(where: { Endpoint.hasWrongPort($0) }) {
            throw ValidationError("\"\(word)\": a port is 1 to 65535")
        }
        let servers = words.map { Endpoint($0, defaultPort: 53) }
        if let index = servers.firstIndex(where: { $0 == nil }) {
            throw ValidationError(
                "\"\(words[index])\" is no address: write \(key)=10.96.0.10 or \(key)=10.96.0.10:53")
        }
        guard !servers.isEmpty, servers.allSatisfy({ $0 != nil }) else {
            throw ValidationError("write \(key)=ADDRESS, such as \(key)=10.96.0.10")
        }
        self.key = key
        self.servers = servers.compactMap(\.self)
    }
}
