import ArgumentParser
import Diagnosis
import DomainNames
import IPAddressing
import Inventory
import JSON

/// `namebridge doctor`: finds why names are not answered, and says what to add where.
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find why names are not answered, and show which line to add where.",
        discussion: """
            On the forwarder it examines the sockets, the clusters' servers and the host. With --suffix it \
            examines a client instead, without any configuration: whether its resolvers forward the \
            suffix, and whether something rejects the answers. Nothing is changed. The exit code is 1 if \
            there is a problem.

            Examples:
              sudo namebridge doctor
              namebridge doctor --suffix prod.cluster.local --forwarder 172.16.0.5
              namebridge doctor --suffix prod.cluster.local web.shop.svc.prod.cluster.local
              namebridge doctor --suffix prod.cluster.local --resolver 172.16.0.1 -o json
            """)

    @Argument(
        help: "With --suffix: a name whose address is compared. (default: kubernetes.default.svc.SUFFIX)")
    var name: String?

    @Option(
        name: .long, help: ArgumentHelp("Examine a client of this cluster's suffix.", valueName: "domain"),
        completion: .custom(ConfigurationCompletion.suffixes))
    var suffix: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "With --suffix: where Namebridge answers, to compare with.", valueName: "host[:port]"))
    var forwarder: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "With --suffix: a resolver to examine, instead of those in resolv.conf; may be repeated.",
            valueName: "host[:port]"))
    var resolver: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "With --suffix: read resolv.conf and nsswitch.conf below this folder, as of a container.",
            valueName: "folder"))
    var root = "/"

    @OptionGroup var options: ConfigurationOptions

    @OptionGroup var control: ControlOptions

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    func validate() throws {
        guard let suffix else {
            guard name == nil, forwarder == nil, resolver.isEmpty, root == "/" else {
                throw ValidationError("A name, --forwarder, --resolver and --root go with --suffix.")
            }
            return
        }
        let domain = try Self.domain(suffix)
        if let name, try !Self.domain(name).isAtOrBelow(domain) {
            throw ValidationError("\"\(name)\" is not below \(suffix).")
        }
        for text in resolver + [forwarder].compactMap({ $0 }) { _ = try Self.server(text) }
    }

    func run() throws {
        let report = DoctorReport(findings: try findings())
        switch output {
        case .text: print(report.text())
        case .json: print(report.json())
        }
        if !report.isFine { throw ExitStatus.problem }
    }

    /// The findings of the forwarder, or of a client with `--suffix`.
    private func findings() throws -> [Finding] {
        if let suffix {
            var inspection = try inspection(of: suffix)
            inspection.progress = show("asking the resolvers of this client about \(suffix)")
            defer { show("")(0, 0) }
            return ClientDiagnosis(inspection.run()).findings
        }
        var inspection = ForwarderInspection(
            inventory: try options.load(), controlPaths: control.clientPaths())
        let servers = inspection.inventory.clusters.reduce(0) { $0 + inspection.servers(of: $1).count }
        inspection.progress = show("asking \(servers) name server\(servers == 1 ? "" : "s") in each way")
        defer { show("")(0, 0) }
        return ForwarderDiagnosis(inspection.run()).findings.map(naming)
    }

    /// The finding with the configuration that was read, in place of the usual one, in its remedies.
    private func naming(_ finding: Finding) -> Finding {
        let usual = "/etc/namebridge/namebridge.yaml"
        var finding = finding
        for index in finding.remedies.indices where finding.remedies[index].file.hasPrefix(usual) {
            finding.remedies[index].file = options.path + finding.remedies[index].file.dropFirst(usual.count)
        }
        return finding
    }

    /// Tells a person who waits how far the questions are, in one line that is erased with the words "";
    /// where that is no terminal, at their beginning.
    private func show(_ words: String) -> Interrogation.Progress {
        guard StandardStream.error.isTerminal else {
            if !words.isEmpty { printError("doctor: \(words), for three seconds at most") }
            return { _, _ in }
        }
        return { done, all in
            replaceErrorLine(
                with: words.isEmpty
                    ? StyledText("") : StyledText("doctor: \(words): \(done) of \(all) questions", .faint))
        }
    }

    /// The examination of a client of this suffix.
    private func inspection(of suffix: String) throws -> ClientInspection {
        let domain = try Self.domain(suffix)
        let name = name ?? "kubernetes.default.svc.\(suffix)"
        return ClientInspection(
            suffix: domain, name: try Self.domain(name), forwarder: try forwarder.map(Self.server),
            resolvers: try resolver.map(Self.server), root: root)
    }

    /// A domain name of the command line.
    private static func domain(_ text: String) throws -> DomainName {
        do throws(DomainNameError) {
            return try DomainName(parsing: text)
        } catch {
            throw ValidationError("The name \"\(text)\" \(error).")
        }
    }

    /// A server of the command line: an address, or a host's name that this host can look up.
    private static func server(_ text: String) throws -> Endpoint {
        guard let endpoint = Endpoint(text, defaultPort: 53) ?? HostLookup.endpoint(text, defaultPort: 53)
        else {
            throw ValidationError(
                "\"\(text)\" is no address, and no name that this host can look up; write it like 172.16.0.5,"
                    + " [fd00::5]:53 or relay1.example.com.")
        }
        return endpoint
    }
}
