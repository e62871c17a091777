import IPAddressing
import NetworkModel

/// Cisco IOS: `ip route PREFIX MASK NEXT-HOP [name NAME]` (IOS IP Routing: Protocol-Independent Command
/// Reference), `ipv6 route PREFIX/LENGTH NEXT-HOP`, whose names not every release takes.
enum CiscoIOSRendering {
    /// The text for the router `name`.
    static func text(_ routes: [RouteAdvice], of name: String) -> String {
        "! \(name)\n"
            + routes.map { route in
                let destination = route.destination
                return route.lines { hop in
                    destination.family == .v4
                        ? "ip route \(destination.address) \(destination.mask) \(hop.address)"
                            + " name \(label(route.because))"
                        : "! \(route.because)\nipv6 route \(destination) \(hop.address)"
                }
            }.joined()
    }

    /// A name is one word of at most 50 characters.
    private static func label(_ because: String) -> String {
        let words = because.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "." })
        return String(words.joined(separator: "-").prefix(50))
    }
}

/// Huawei VRP: `ip route-static ADDRESS MASK NEXT-HOP [description TEXT]`, at most 80 characters of text.
enum HuaweiVRPRendering {
    /// The text for the router `name`.
    static func text(_ routes: [RouteAdvice], of name: String) -> String {
        "# \(name)\n"
            + routes.map { route in
                let destination = route.destination
                let description = "description \(route.because.prefix(80))"
                return route.lines { hop in
                    destination.family == .v4
                        ? "ip route-static \(destination.address) \(destination.mask) \(hop.address)"
                            + " \(description)"
                        : "ipv6 route-static \(destination.address) \(destination.length) \(hop.address)"
                            + " \(description)"
                }
            }.joined()
    }
}

/// H3C Comware: `ip route-static ADDRESS LENGTH NEXT-HOP [description TEXT]`, at most 60 characters of text.
enum H3CRendering {
    /// The text for the router `name`.
    static func text(_ routes: [RouteAdvice], of name: String) -> String {
        "# \(name)\n"
            + routes.map { route in
                let destination = route.destination
                let program = destination.family == .v4 ? "ip" : "ipv6"
                return route.lines { hop in
                    "\(program) route-static \(destination.address) \(destination.length) \(hop.address)"
                        + " description \(route.because.prefix(60))"
                }
            }.joined()
    }
}

/// MikroTik RouterOS 7: `/ip route add dst-address= gateway= comment=`; equal routes share the traffic.
enum MikroTikRendering {
    /// The text for the router `name`.
    static func text(_ routes: [RouteAdvice], of name: String) -> String {
        "# \(name)\n"
            + routes.map { route in
                route.lines { hop in
                    (route.destination.family == .v4 ? "/ip" : "/ipv6") + " route add dst-address="
                        + "\(route.destination) gateway=\(hop.address) check-gateway=ping"
                        + " comment=\"namebridge: \(route.because)\""
                }
            }.joined()
    }
}

/// VyOS 1.4: `set protocols static route PREFIX next-hop ADDRESS`, in configuration mode.
enum VyOSRendering {
    /// The text for the router `name`.
    static func text(_ routes: [RouteAdvice], of name: String) -> String {
        "# \(name)\nconfigure\n"
            + routes.map { route in
                let node = route.destination.family == .v4 ? "route" : "route6"
                let path = "set protocols static \(node) \(route.destination)"
                return "\(path) description 'namebridge: \(route.because)'\n"
                    + route.lines { "\(path) next-hop \($0.address)" }
            }.joined() + "commit\nsave\n"
    }
}

/// A Linux router without Namebridge, with several next hops in one route.
enum LinuxRendering {
    /// The text for the router `name`.
    static func text(_ routes: [RouteAdvice], of name: String) -> String {
        "# \(name); lasts until the next boot\n" + RouteScript.function
            + routes.map { route in
                let hops = route.nextHops.map { NextHop(gateway: $0.address) }
                let line = RouteScript.line(Route(destination: route.destination, nextHops: hops))
                return "\(line)  # \(route.because)\n"
            }.joined()
    }
}
