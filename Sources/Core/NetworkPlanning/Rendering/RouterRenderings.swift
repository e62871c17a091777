import IPAddressing
import NetworkModel

extension RouterLanguage {
    /// The language of `format`; nil if that is none for routers.
    init?(_ format: RenderFormat) {
        switch format {
        case .ciscoIOS: self = .ciscoIOS
        case .huaweiVRP: self = .huaweiVRP
        case .h3c: self = .h3c
        case .mikrotik: self = .mikrotik
        case .vyos: self = .vyos
        case .linux: self = .linux
        default: return nil
        }
    }

    /// Cisco IOS: `ip route PREFIX MASK NEXT-HOP [name NAME] [track NUMBER]` (IOS IP Routing:
    /// Protocol-Independent Command Reference), `ipv6 route PREFIX/LENGTH NEXT-HOP`, whose names and tracks
    /// not every release takes.
    static let ciscoIOS = RouterLanguage(
        comment: "!", begin: ["configure terminal"], end: ["end", "write memory"], check: ciscoIOSCheck,
        uncheck: { hop in
            hop.isIPv6 ? [] : hop.check.map { ["no track \($0)", "no ip sla \($0)"] } ?? []
        },
        make: { route, hops in
            hops.flatMap { hop in
                let track = hop.check.map { " track \($0)" } ?? ""
                return route.destination.family == .v4
                    ? ["\(ciscoIOSRoute(route.destination, hop)) name \(label(route.because))\(track)"]
                    : ["! \(route.because)", ciscoIOSRoute(route.destination, hop)]
            }
        },
        remove: { route, hops in hops.map { "no " + ciscoIOSRoute(route.destination, $0) } })

    /// A probe each second, and a track that takes the hop's routes out two seconds after the last answer (IP
    /// SLAs Configuration Guide). It notices a dead relay, not one that has lost its rules.
    private static func ciscoIOSCheck(_ hop: RouterHop) -> [String] {
        guard let number = hop.check, !hop.isIPv6 else { return [] }
        return [
            "! routes through \(hop) are out while it does not answer; it may answer and have lost its rules",
            "ip sla \(number)", " icmp-echo \(hop)", " threshold 500", " timeout 500", " frequency 1", "exit",
            "ip sla schedule \(number) life forever start-time now",
            "track \(number) ip sla \(number) reachability", " delay down 1 up 10", "exit",
        ]
    }

    /// The route without its verb and name.
    private static func ciscoIOSRoute(_ destination: IPPrefix, _ hop: RouterHop) -> String {
        destination.family == .v4
            ? "ip route \(destination.address) \(destination.mask) \(hop)"
            : "ipv6 route \(destination) \(hop)"
    }

    /// A name is one word of at most 50 characters.
    private static func label(_ because: String) -> String {
        let words = because.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "." })
        return String(words.joined(separator: "-").prefix(50))
    }

    /// Huawei VRP: `ip route-static ADDRESS MASK NEXT-HOP [description TEXT]`, at most 80 characters of text.
    static let huaweiVRP = RouterLanguage(
        comment: "#", begin: ["system-view"], end: ["# with VRP 8 also: commit", "return", "save"],
        make: { route, hops in
            hops.map { "\(huaweiVRPRoute(route.destination, $0)) description \(route.because.prefix(80))" }
        },
        remove: { route, hops in hops.map { "undo " + huaweiVRPRoute(route.destination, $0) } })

    /// The route without its verb and description.
    private static func huaweiVRPRoute(_ destination: IPPrefix, _ hop: RouterHop) -> String {
        destination.family == .v4
            ? "ip route-static \(destination.address) \(destination.mask) \(hop)"
            : "ipv6 route-static \(destination.address) \(destination.length) \(hop)"
    }

    /// H3C Comware: `ip route-static ADDRESS LENGTH NEXT-HOP [description TEXT]`, at most 60 characters of
    /// text.
    static let h3c = RouterLanguage(
        comment: "#", begin: ["system-view"], end: ["return", "save force"],
        make: { route, hops in
            hops.map { "\(h3cRoute(route.destination, $0)) description \(route.because.prefix(60))" }
        },
        remove: { route, hops in hops.map { "undo " + h3cRoute(route.destination, $0) } })

    /// The route without its verb and description.
    private static func h3cRoute(_ destination: IPPrefix, _ hop: RouterHop) -> String {
        let program = destination.family == .v4 ? "ip" : "ipv6"
        return "\(program) route-static \(destination.address) \(destination.length) \(hop)"
    }

    /// MikroTik RouterOS 7: `/ip route add dst-address= gateway= comment=`; equal routes share the traffic.
    /// The router saves by itself.
    static let mikrotik = RouterLanguage(
        comment: "#", begin: [], end: [],
        make: { route, hops in
            hops.map { hop in
                "\(mikrotikMenu(route)) add dst-address=\(route.destination) gateway=\(hop)"
                    + (route.isThroughTunnel ? "" : " check-gateway=ping")
                    + " comment=\"namebridge: \(route.because)\""
            }
        },
        remove: { route, hops in
            hops.map { hop in
                "\(mikrotikMenu(route)) remove [find dst-address=\(route.destination) gateway=\(hop)"
                    + " comment=\"namebridge: \(route.because)\"]"
            }
        })

    /// The menu that the route is in.
    private static func mikrotikMenu(_ route: RouteAdvice) -> String {
        route.destination.family == .v4 ? "/ip route" : "/ipv6 route"
    }

    /// VyOS 1.4: `set protocols static route PREFIX next-hop ADDRESS`, in configuration mode.
    static let vyos = RouterLanguage(
        comment: "#", begin: ["configure"], end: ["commit", "save", "exit"],
        make: { route, hops in
            ["set \(vyosNode(route)) description 'namebridge: \(route.because)'"]
                + hops.map {
                    "set \(vyosNode(route)) \(route.isThroughTunnel ? "interface" : "next-hop") \($0)"
                }
        },
        remove: { route, hops in
            ["delete \(vyosNode(route)) description"]
                + hops.map {
                    "delete \(vyosNode(route)) \(route.isThroughTunnel ? "interface" : "next-hop") \($0)"
                }
        })

    /// The node of the configuration that holds the route.
    private static func vyosNode(_ route: RouteAdvice) -> String {
        "protocols static \(route.destination.family == .v4 ? "route" : "route6") \(route.destination)"
    }

    /// A Linux router without Namebridge, with several next hops in one route.
    static let linux = RouterLanguage(
        comment: "#",
        begin: ["# for a shell of root; lasts until the next boot"]
            + RouteScript.function.split(separator: "\n").map(String.init),
        isScript: true, end: [],
        make: { route, _ in
            let hops = route.nextHops.map { hop in
                route.isThroughTunnel
                    ? NextHop(gateway: nil, device: "TUNNEL") : NextHop(gateway: hop.address)
            }
            let line = RouteScript.line(Route(destination: route.destination, nextHops: hops))
            return ["\(line)  # \(route.because)"]
        },
        remove: { route, _ in
            let prefixes = [route.destination] + (route.destination.halves.map { [$0.low, $0.high] } ?? [])
            return prefixes.map { "ip route del \($0) proto \(Ownership.routeProtocol)" }
        })
}
