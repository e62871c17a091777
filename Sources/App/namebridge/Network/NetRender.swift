import ArgumentParser
import IPAddressing
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
            resolvers and clients: dnsmasq, bind, unbound, resolved, windows, macos.

            Examples:
              namebridge net render --host prod/master1 --format shell
              namebridge net render --host office --format cisco-ios
              namebridge net render --format dnsmasq --server 172.16.0.5
            """)

    @OptionGroup var configuration: ConfigurationOptions

    @Option(name: .long, help: ArgumentHelp("The host, site or cluster.", valueName: "name"))
    var host: String?

    @Option(name: .long, help: "The format.")
    var format: RenderFormat

    @Option(
        name: .long,
        help: ArgumentHelp("Where clients ask Namebridge; default: the first single address of dns.listen."))
    var server: String?

    func run() throws {
        var endpoint: Endpoint?
        if let server {
            endpoint = Endpoint(server, defaultPort: 53)
            if endpoint == nil {
                printError("namebridge: --server: \"\(server)\" is no ADDRESS or ADDRESS:PORT")
                throw ExitStatus.usage
            }
        }
        let renderer = Renderer(try configuration.load(), server: endpoint)
        do throws(RenderError) {
            print(try renderer.render(format, for: host), terminator: "")
        } catch {
            printError("namebridge: \(error)")
            throw ExitStatus.usage
        }
    }
}

extension RenderFormat: ExpressibleByArgument {}
