import ArgumentParser
import Glibc
import Inventory
import JSON
import NetworkModel
import PathExplanation

/// `namebridge explain`: why packets between two ends arrive, or do not.
struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say why packets from one place to another arrive, or why not, and what to change.",
        discussion: """
            FROM is a site, a cluster, a host or an address; TO is the same, a part of a cluster \
            (CLUSTER/pods, CLUSTER/services, CLUSTER/dns) or a name, which is looked up by the rules of the \
            configuration. First comes the verdict, then the object that decides and what to change, then \
            each step of the packet and of its answer with its evidence: planned (from the file), read \
            (from this host's kernel, or one that "net observe" has read), assumed (general knowledge). With \
            --probe the packets are sent for real as well, from this host, and told beside the verdict.

            The exit code is 0 if all packets arrive, 1 if none or not all do, 2 for wrong usage, 3 if it is \
            not known, or if a packet that was sent does something else than the verdict says.

            Examples:
              namebridge explain office prod/services
              namebridge explain office web.shop.svc.prod.cluster.local:80
              namebridge explain office prod/web.shop:80 --brief
              sudo namebridge explain office prod/services --state observed/
              namebridge explain prod/master1 10.244.2.8:8080 --protocol udp --output json
              sudo namebridge explain prod/master1 staging/dns --probe
            """)

    @Argument(
        help: "The sender: SITE, CLUSTER, [PLACE/]HOST, or [PLACE/]ADDRESS.",
        completion: .custom(ConfigurationCompletion.ends))
    var from: String

    @Argument(
        help: "The destination: the same, CLUSTER/pods|services|dns, or a name; with :PORT.",
        completion: .custom(ConfigurationCompletion.ends))
    var to: String

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .long, help: "The protocol: tcp, udp or icmp.")
    var `protocol` = ExplainedProtocol.tcp

    @Option(name: .long, help: "The size of the packet in octets, with the header of IP.")
    var size = 60

    @Flag(name: .long, help: "Write the verdict, the decision and the fix, without the steps.")
    var brief = false

    @Flag(name: .long, help: "Ask no name server: an address of the name's cluster stands for a name.")
    var offline = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Read the states of other hosts from the files of this folder, which \"net observe\" wrote.",
            valueName: "folder"))
    var state: String?

    @Flag(name: .long, help: "Read no kernel: every host counts as \"net apply\" makes it.")
    var planned = false

    @Flag(
        name: .long,
        help: """
            Send the packets for real, and compare: FROM must be this host, one of its addresses, or the \
            place that it stands in. A packet of TCP begins a connection and resets it.
            """)
    var probe = false

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    func validate() throws {
        guard (28...65_535).contains(size) else { throw ValidationError("--size is 28 to 65535 octets.") }
        if planned, state != nil { throw ValidationError("--planned reads no state: leave --state out.") }
    }

    func run() throws {
        let inventory = try options.load()
        var question = try question(in: inventory)
        let prober = probe ? ExplanationProbe(inventory) : nil
        if let prober { question.from = try sender(question.from, prober) }
        var hosts = ObservedHosts(inventory)
        if !planned {
            if let state { try hosts.read(folder: state) }
            // What this host is now counts more than what a file says of it.
            hosts.readThisHost()
        }
        let explanation = Explanation(
            question, in: inventory, observed: hosts.states, choices: hosts.choices)
        try write(prober?.probing(explanation) ?? explanation)
    }

    /// The sender as this host can be it.
    /// - Throws: `ExitStatus.usage`, after a message, if it is another host.
    private func sender(_ end: ExplainedEnd, _ prober: ExplanationProbe) throws -> ExplainedEnd {
        guard let sender = prober.sender(of: end) else {
            let own = prober.ownAddresses.sorted().prefix(4).map { "\($0)" }.joined(separator: ", ")
            printError(
                "namebridge: --probe sends from this host (\(own)), and \"\(end.text)\" is not this host:"
                    + " run it there, or leave --probe out")
            throw ExitStatus.usage
        }
        return sender
    }

    /// The question of the command line.
    /// - Throws: `ExitStatus.usage`, after a message, if an end is not known.
    private func question(in inventory: Inventory) throws -> ExplainedQuestion {
        let ends = ExplainedEnds(inventory: inventory, asks: !offline)
        do throws(ExplainedEndError) {
            return try ends.question(from: from, to: to, transport: `protocol`.rawValue, size: size)
        } catch {
            printError("namebridge: \(error)")
            throw ExitStatus.usage
        }
    }

    /// Writes the explanation in the chosen form.
    /// - Throws: The exit code, unless packets arrive.
    private func write(_ explanation: Explanation) throws {
        switch output {
        case .json: print(explanation.json)
        case .text:
            let text = ExplanationText(explanation, width: TerminalSize.columns ?? 100)
            for line in brief ? text.brief : text.lines { print(line.styled) }
        }
        if explanation.isContradicted { throw ExitStatus.unknown }
        switch explanation.verdict {
        case .reachable: return
        case .unreachable, .depends: throw ExitStatus.problem
        case .unknown: throw ExitStatus.unknown
        }
    }
}

/// The protocols that can be explained.
enum ExplainedProtocol: String, CaseIterable, ExpressibleByArgument {
    case tcp, udp, icmp
}

extension ExplanationText.Line {
    /// The line with its colour.
    fileprivate var styled: StyledText {
        switch kind {
        case .verdict(.reachable): StyledText(text, .success)
        case .verdict(.unknown): StyledText(text, .warning)
        case .verdict, .problem: StyledText(text, .error)
        case .heading: StyledText(text, .heading)
        case .label, .step, .note: StyledText(text)
        }
    }
}
