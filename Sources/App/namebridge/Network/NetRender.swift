import ArgumentParser
import IPAddressing
import Inventory
import JSON
import LinuxSystem
import NetworkPlanning

/// `namebridge net render`: the plan in other formats.
struct NetRender: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render",
        abstract: "Write the plan for a person who enters it by hand, or for another program.",
        discussion: """
            Formats for a host: shell, iptables, nft, systemd; for a relay, or a router that it talks to: \
            bird, frr, keepalived. For the router of a site: cisco-ios, huawei-vrp, h3c, mikrotik, vyos, \
            linux. For the owner of a cluster: vpc, calico, kube-proxy. For \
            resolvers: dnsmasq, bind, unbound, knot, pdns, coredns, ad (Windows DNS). For clients: resolved, \
            dns-delegate (systemd 258), networkmanager, macos, mobileconfig (with --server-name), nrpt \
            (Windows).

            Examples:
              namebridge net render --host prod/master1 --format shell
              namebridge net render --host office --format cisco-ios
              namebridge net render --format dnsmasq --server 172.16.0.5
              namebridge net render --format mobileconfig --server-name dns.example.com
            """)

    @OptionGroup var configuration: ConfigurationOptions

    @Option(
        name: .long, help: ArgumentHelp("The host, site or cluster.", valueName: "name"),
        completion: .custom(ConfigurationCompletion.ends))
    var host: String?

    @Option(
        name: .long, help: "The format.", completion: .list(RenderFormat.allCases.map(\.rawValue)),
        transform: RenderFormat.init(reading:))
    var format: RenderFormat

    @Option(
        name: .long,
        help: ArgumentHelp("Where clients ask Namebridge; default: the first single address of dns.listen."))
    var server: String?

    @Flag(
        name: .long,
        help: """
            Keep what is written in the folder of facts: "namebridge status" says when it would be written \
            otherwise, and "follow --exec" runs a program then.
            """)
    var record = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "With --format mobileconfig: the name in the certificate of the proxy for DNS over TLS.",
            valueName: "name"))
    var serverName: String?

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    func validate() throws {
        if serverName != nil, format != .mobileconfig {
            throw ValidationError("--server-name goes with --format mobileconfig.")
        }
        if record, serverName != nil {
            throw ValidationError("--record keeps no --server-name: write one of both.")
        }
    }

    func run() throws {
        var endpoint: Endpoint?
        if let server {
            endpoint = Endpoint(server, defaultPort: 53)
            if endpoint == nil {
                printError("namebridge: --server: \"\(server)\" is no ADDRESS or ADDRESS:PORT")
                throw ExitStatus.usage
            }
        }
        let renderer = Renderer(
            try configuration.load(), server: endpoint, certificateName: serverName)
        let text: String
        do throws(RenderError) {
            text = try renderer.render(format, for: host)
        } catch {
            printError("namebridge: \(error)")
            throw ExitStatus.usage
        }
        switch output {
        case .text: print(text, terminator: "")
        case .json:
            print(
                .object([
                    ("format", .string(format.rawValue)), ("host", .optional(host)), ("text", .string(text)),
                ]))
        }
        if record { try keep(text) }
    }

    /// Records what was written.
    private func keep(_ text: String) throws {
        let rendering = RecordedRendering(
            format: format, host: host, server: server, time: WallClock.seconds, text: text)
        do throws(Errno) {
            try rendering.write(to: StateFolder(forAll: FilePath.fromRoot(FactsFolder.path)))
        } catch {
            printError("namebridge: not recorded in \(FactsFolder.path): \(error)")
            throw ExitStatus.problem
        }
    }
}

extension RenderFormat {
    /// - Throws: `ValidationError` that names the likeliest formats.
    fileprivate init(reading word: String) throws {
        if let format = RenderFormat(rawValue: word) {
            self = format
            return
        }
        let names = RenderFormat.allCases.map(\.rawValue)
        let near =
            nearestSpelling(of: word, among: names) ?? names.first { !word.isEmpty && $0.hasPrefix(word) }
        throw ValidationError(
            near.map { "did you mean \"\($0)\"?" } ?? "known: \(names.joined(separator: ", "))")
    }
}
