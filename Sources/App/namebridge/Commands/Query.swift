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

/// `namebridge query`: asks one question and shows each decision on the way.
struct Query: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask one question, and show each decision on the way to its answer.",
        discussion: """
            It asks the clusters itself, by the rules of the configuration; no server needs to run. The exit \
            code is 1 if no server could answer, or the question was refused.

            Examples:
              namebridge query web.shop.svc.prod.cluster.local
              namebridge query --client 10.0.32.7 _http._tcp.web.shop.svc.cluster.local SRV
              namebridge query -x 10.209.12.7
              namebridge query --demo docs.preview.svc.cluster.local
            """)

    @Argument(help: "The name, or with -x the address.")
    var name: String

    @Argument(help: "The record type, such as AAAA, SRV or TYPE65. (default: A, with -x PTR)")
    var type: String?

    @Flag(name: [.customShort("x"), .long], help: "Ask for the name of an address.")
    var reverse = false

    @Flag(name: .long, help: "Ask as a client over TCP would.")
    var tcp = false

    @Option(name: .long, help: "Ask as the client with this address: it decides about permission and view.")
    var client = "127.0.0.1"

    @OptionGroup var options: ConfigurationOptions

    @OptionGroup var demo: DemoOptions

    @Option(name: .long, help: "How to write the result: text or json.")
    var output = OutputForm.text

    func validate() throws {
        _ = try readQuestion()
        guard IPAddress(client) != nil else { throw ValidationError("\"\(client)\" is not an IP address.") }
        try demo.validate(with: options)
    }

    func run() throws {
        let question = try readQuestion()
        guard let client = IPAddress(client) else { throw ExitStatus.usage }
        guard demo.demo else {
            try ask(question, as: client, by: options.load())
            return
        }
        let clusters = try RunningDemo(zoneFolder: demo.demoZones, usesFixedPorts: false)
        defer { _ = clusters }
        try ask(question, as: client, by: clusters.inventory)
    }

    /// Asks the question and prints the report.
    private func ask(
        _ question: (name: DomainName, type: UInt16), as client: IPAddress, by inventory: Inventory
    ) throws {
        var session = try QuerySession(
            question.name, type: question.type,
            policy: ForwardingPolicy(inventory, hostAddresses: HostAddresses.all()), client: client,
            transport: tcp ? .tcp : .udp)
        let report = session.run()
        switch output {
        case .text: print(report.text())
        case .json: print(report.json())
        }
        guard report.isAnswer else { throw ExitStatus.problem }
    }

    /// The name and type of the command line.
    private func readQuestion() throws -> (name: DomainName, type: UInt16) {
        let typeName = type ?? (reverse ? "PTR" : "A")
        guard let type = Mnemonics.type(named: typeName) else {
            throw ValidationError("\"\(typeName)\" is not a record type; write it like AAAA or TYPE65.")
        }
        guard reverse else {
            do throws(DomainNameError) {
                return (try DomainName(parsing: name), type)
            } catch {
                throw ValidationError("The name \"\(name)\" \(error).")
            }
        }
        guard let address = IPAddress(name) else {
            throw ValidationError("\"\(name)\" is not an IP address.")
        }
        return (try DomainName(reverseOf: address), type)
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

extension QueryReport {
    /// True if a server's answer came, a denial included.
    fileprivate var isAnswer: Bool {
        guard let header = try? MessageHeader(reading: reply.span) else { return false }
        return header.rcode == ResponseCode.noError.rawValue
            || header.rcode == ResponseCode.nameError.rawValue
    }
}
