package import IPAddressing
import Inventory

/// A format of the plan for an administrator who enters it by hand, or for another program.
package enum RenderFormat: String, Hashable, Sendable, CaseIterable {
    // For a host of ours.
    /// Commands, rules, a script of nft, or a unit.
    case shell, iptables, nft, systemd
    // For a relay, or a router that it talks to: what leads packets to relays that work.
    /// BIRD, FRR or keepalived.
    case bird, frr, keepalived
    // For a router that is not ours.
    /// Cisco IOS.
    case ciscoIOS = "cisco-ios"
    /// Huawei VRP.
    case huaweiVRP = "huawei-vrp"
    /// H3C Comware, MikroTik RouterOS, VyOS, or a plain Linux router.
    case h3c, mikrotik, vyos, linux
    // For the owners of clusters and their networks.
    /// Rows for a cloud's route table, or pools of Calico.
    case vpc, calico
    /// A field of kube-proxy's configuration.
    case kubeProxy = "kube-proxy"
    // For resolvers and clients that ask Namebridge.
    /// A resolver of an office: dnsmasq, BIND, Unbound, Knot Resolver, PowerDNS Recursor, CoreDNS, Windows.
    case dnsmasq, bind, unbound, knot, pdns, coredns, ad
    /// A client with systemd-resolved, before systemd 258 and from then on, or NetworkManager.
    case resolved
    case dnsDelegate = "dns-delegate"
    case networkmanager
    /// A client with macOS, its profile, or Windows.
    case macos, mobileconfig, nrpt

    /// What the name in `net render --host NAME` is for this format.
    package var subject: Subject {
        switch self {
        case .shell, .iptables, .nft, .systemd, .bird, .frr, .keepalived: .host
        case .ciscoIOS, .huaweiVRP, .h3c, .mikrotik, .vyos, .linux: .site
        case .vpc, .calico, .kubeProxy: .cluster
        case .dnsmasq, .bind, .unbound, .knot, .pdns, .coredns, .ad, .resolved, .dnsDelegate,
            .networkmanager, .macos, .mobileconfig, .nrpt:
            .resolver
        }
    }

    /// What paths must have as `failover` for this format; nil if it does not matter.
    fileprivate var failover: Failover? {
        switch self {
        case .bird, .frr: .bgp
        case .keepalived: .vrrp
        default: nil
        }
    }

    /// The kind of name that a format needs.
    package enum Subject: String, Hashable, Sendable {
        /// A host, a site or a cluster.
        case host, site, cluster
        /// No name: every resolver gets the same text.
        case resolver
    }
}

/// Why something cannot be rendered.
package enum RenderError: Error, Hashable, Sendable {
    /// No host, site or cluster has that name, or the format needs one.
    case unknownSubject(name: String?, expected: RenderFormat.Subject, known: [String])
    /// That site has no router.
    case noRouter(site: String)
    /// The routers of that site learn their routes by BGP.
    case routesByBGP(site: String)
    /// No path needs anything there.
    case nothing(format: RenderFormat, name: String?)
    /// The configuration listens on all addresses, or on loopback ones alone, `loopback` being the first: the
    /// address for clients must be given.
    case serverAddressNeeded(loopback: Endpoint?)
    /// A profile has a server with a certificate, whose name must be given.
    case certificateNameNeeded
    /// The format has no place for the port.
    case portNotPossible(format: RenderFormat, port: UInt16)
}

extension RenderError: CustomStringConvertible {
    /// What is wrong, and what to do.
    package var description: String {
        switch self {
        case .unknownSubject(let name, let expected, let known):
            (name.map { "\"\($0)\" is no" } ?? "this format needs --host with the name of a")
                + " \(expected.rawValue);"
                + " known: "
                + (known.isEmpty ? "none" : known.joined(separator: ", "))
        case .noRouter(let site):
            "the site \(site) has no router that routes could be entered in: add \"router: ADDRESS\" to it"
        case .routesByBGP(let site):
            "the routers of \(site) learn their routes by BGP (\"failover: bgp\"), so that there are none to"
                + " enter: use --format bird or frr, with the name of the router or a relay"
        case .nothing(let format, let name):
            "no path needs anything in the format \(format.rawValue)\(name.map { " for " + $0 } ?? "")"
                + (format.failover.map { ": set \"failover: \($0.rawValue)\" in its path" } ?? "")
        case .serverAddressNeeded(let loopback?):
            "dns.listen has loopback addresses alone: --server \(loopback) if that resolver runs on this host"
        case .serverAddressNeeded(nil):
            "dns.listen names no single address: say at which one clients ask, with --server ADDRESS"
        case .certificateNameNeeded:
            "a profile of Apple can name servers of DNS over TLS or HTTPS alone, which Namebridge does"
                + " not speak: put a proxy that does in front of it (dnsdist, nginx), give its address"
                + " with --server and the name in its certificate with --server-name"
        case .portNotPossible(let format, let port):
            "the format \(format.rawValue) has no place for port \(port): let Namebridge listen at port 53"
        }
    }
}
