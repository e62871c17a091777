import AdminServer
import ArgumentParser
import DNSWire
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import JSON
import LDNSBridge
import LinuxSystem

/// `namebridge query`: asks one question, and shows its answer or why there is none.
struct Query: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask one question, and show the answer, or why there is none.",
        discussion: """
            It asks the clusters itself, by the rules of the configuration; no server needs to run. With \
            @SERVER it asks that one as dig does. If there is no answer it shows each decision on the way, \
            and what was probably meant. The exit code is 1 if no server could answer, or the question was \
            refused.

            Words may stand in any order: a name, a type, @ADDRESS or @ADDRESS:PORT, +short, +trace, +tcp.

            Examples:
              namebridge query web.shop.svc.prod.cluster.local
              namebridge query --client 10.0.32.7 _http._tcp.web.shop.svc.cluster.local SRV
              namebridge query --trace -x 10.209.12.7
              namebridge query --demo docs.preview.svc.cluster.local
              namebridge query @127.0.0.1:5300 web.shop.svc.cluster.local +short
            """)

    @Argument(
        help: "The name, or with -x the address; its type (default: A, with -x PTR); @SERVER.",
        completion: .custom(KnownNameCompletion.names))
    var words: [String] = []

    @Flag(name: [.customShort("x"), .long], help: "Ask for the name of an address.")
    var reverse = false

    @Option(
        name: [.customShort("t", allowingJoined: true), .long],
        help: ArgumentHelp("The record type, such as AAAA, SRV or TYPE65.", valueName: "type"))
    var type: String?

    @Option(
        name: [.customShort("p", allowingJoined: true), .long],
        help: ArgumentHelp("The port of @SERVER; default: 53.", valueName: "number"))
    var port: UInt16?

    @Flag(name: .long, help: "Show the data of the answer only, like +short.")
    var short = false

    @Flag(name: .long, help: "Show each decision on the way and the reply as dig does, like +trace.")
    var trace = false

    @Flag(name: .long, help: "Ask as a client over TCP would, like +tcp.")
    var tcp = false

    @Option(name: .long, help: "Ask as the client with this address: it decides about permission and view.")
    var client = "127.0.0.1"

    @OptionGroup var options: ConfigurationOptions

    @OptionGroup var demo: DemoOptions

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    func validate() throws {
        let words = try readWords()
        _ = try question(words)
        _ = try server(words)
        guard IPAddress(client) != nil else { throw ValidationError("\"\(client)\" is not an IP address.") }
        try demo.validate(with: options)
    }

    func run() throws {
        let words = try readWords()
        let report = try report(words)
        let isAnswer = QueryAnswer(report.reply)?.isAnswer == true
        switch output {
        case .text where !isAnswer && detail(words) == .short: printError(report.shortFailure)
        case .text: print(report.text(detail(words)))
        case .json: print(report.json())
        }
        guard isAnswer else { throw ExitStatus.problem }
    }

    /// Asks.
    private func report(_ words: QueryWords) throws -> QueryReport {
        let question = try question(words)
        let isOverTCP = tcp || words.switches.contains(.tcp) || words.switches.contains(.vc)
        if let server = try server(words) {
            var report = DirectQuestion(server: server, overTCP: isOverTCP)
                .ask(question.name, type: question.type)
            if let inventory = (try? Configuration(reading: options.path))?.inventory {
                report.hints = DirectHints(server: server, inventory: inventory)
                    .hints(for: question.name, QueryAnswer(report.reply))
            }
            return report
        }
        guard demo.demo else { return try ask(question, overTCP: isOverTCP, by: options.load(hasDemo: true)) }
        return try demo.withClusters { try ask(question, overTCP: isOverTCP, by: $0) }
    }

    /// Asks by a configuration.
    private func ask(
        _ question: (name: DomainName, type: UInt16), overTCP: Bool, by inventory: Inventory
    ) throws -> QueryReport {
        guard let client = IPAddress(client) else { throw ExitStatus.usage }
        var session = try QuerySession(
            question.name, type: question.type,
            policy: ForwardingPolicy(inventory, hostAddresses: HostAddresses.all()), client: client,
            transport: overTCP ? .tcp : .udp)
        var report = session.run()
        report.hints = session.hints(otherCommand: options.words(isDemo: demo.demo))
        return report
    }

    /// How much people see.
    private func detail(_ words: QueryWords) -> QueryDetail {
        if trace || words.switches.contains(.trace) { return .trace }
        return short || words.switches.contains(.short) ? .short : .answer
    }

    // MARK: - The command line

    /// The words, sorted out.
    private func readWords() throws -> QueryWords {
        do throws(QueryWords.Fault) {
            return try QueryWords(words)
        } catch {
            throw ValidationError(error.description)
        }
    }

    /// The name and type of the command line.
    private func question(_ words: QueryWords) throws -> (name: DomainName, type: UInt16) {
        let typeName = type ?? words.type ?? (reverse ? "PTR" : "A")
        guard let type = Mnemonics.type(named: typeName) else {
            throw ValidationError("\"\(typeName)\" is not a record type; write it like AAAA or TYPE65.")
        }
        guard reverse else {
            try requireName(words.name)
            do throws(DomainNameError) {
                return (try DomainName(parsing: words.name), type)
            } catch {
                throw ValidationError("The name \"\(words.name)\" \(error).")
            }
        }
        guard let address = IPAddress(words.name) else {
            throw ValidationError("\"\(words.name)\" is not an IP address.")
        }
        return (try DomainName(reverseOf: address), type)
    }

    /// Throws if the word is an address, a URL or a name with a port: no cluster has such a name.
    private func requireName(_ name: String) throws {
        if IPAddress(name) != nil {
            throw ValidationError(
                "\"\(name)\" is an address:"
                    + " \"namebridge query\(options.words(isDemo: demo.demo)) -x \(name)\" finds its name.")
        }
        if name.contains("://") {
            throw ValidationError("\"\(name)\" is a URL: give only the host name in it.")
        }
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2, UInt16(parts[1]) != nil {
            throw ValidationError("\"\(name)\" has a port: give only \(parts[0]).")
        }
    }

    /// The server of the command line; nil if the configuration's are asked.
    private func server(_ words: QueryWords) throws -> Endpoint? {
        guard let text = words.server else {
            if port != nil { throw ValidationError("--port goes with @SERVER.") }
            return nil
        }
        guard !demo.demo, options.config == nil else {
            throw ValidationError("@SERVER goes without --config and --demo.")
        }
        guard let server = Self.server(text, defaultPort: port ?? 53) else {
            throw ValidationError(
                "\"@\(text)\" is no server: write it like @172.16.0.5,"
                    + " @172.16.0.5:5300, @[fd00::5]:53 or @relay1.example.com.")
        }
        return server
    }

    /// An address or a name that this host can look up, with a port after `:` or, as dnsmasq has it, `#`.
    private static func server(_ text: String, defaultPort: UInt16) -> Endpoint? {
        let parts = text.split(separator: "#", omittingEmptySubsequences: false).map(String.init)
        guard parts.count < 3, let port = parts.count == 2 ? UInt16(parts[1]) : defaultPort, port > 0 else {
            return nil
        }
        if let server = Endpoint(parts[0], defaultPort: port) { return server }
        // As dig: IPv4 where it is a choice.
        let words = parts[0].split(separator: ":", omittingEmptySubsequences: false)
        let loopback = words.first == "localhost" ? "127.0.0.1" + parts[0].dropFirst(9) : parts[0]
        return Endpoint(loopback, defaultPort: port) ?? HostLookup.endpoint(parts[0], defaultPort: port)
    }
}

extension DomainName {
    /// The name below `in-addr.arpa` or `ip6.arpa` of an address (RFC 1035 section 3.5, RFC 3596
    /// section 2.5).
    init(reverseOf address: IPAddress) throws(DomainNameError) {
        switch address.family {
        case .v4:
            let octets = address.octets.reversed().map(String.init)
            try self.init(parsing: octets.joined(separator: ".") + ".in-addr.arpa")
        case .v6:
            let nibbles = address.octets.flatMap { [$0 >> 4, $0 & 15] }.reversed().map {
                String($0, radix: 16)
            }
            try self.init(parsing: nibbles.joined(separator: ".") + ".ip6.arpa")
        }
    }
}
