/// A form in which the plan is given to somebody who enters it by hand, or to another program.
package enum RenderFormat: String, Hashable, Sendable, CaseIterable {
    // For a host of ours.
    case shell, iptables, nft, systemd
    // For a router that is not ours.
    case ciscoIOS = "cisco-ios"
    case huaweiVRP = "huawei-vrp"
    case h3c, mikrotik, vyos, linux
    // For the owners of clusters and their networks.
    case vpc, calico
    case kubeProxy = "kube-proxy"
    // For resolvers and clients that shall ask Namebridge.
    case dnsmasq, bind, unbound, resolved, windows, macos

    /// What the name in `net render --host NAME` is for this format.
    package var subject: Subject {
        switch self {
        case .shell, .iptables, .nft, .systemd: .host
        case .ciscoIOS, .huaweiVRP, .h3c, .mikrotik, .vyos, .linux: .site
        case .vpc, .calico, .kubeProxy: .cluster
        case .dnsmasq, .bind, .unbound, .resolved, .windows, .macos: .resolver
        }
    }

    package enum Subject: String, Hashable, Sendable {
        case host, site, cluster
        /// None: every resolver gets the same.
        case resolver
    }
}

/// Why something cannot be rendered.
package enum RenderError: Error, Hashable, Sendable {
    /// No host, site or cluster has that name, or the format needs one.
    case unknownSubject(name: String?, expected: RenderFormat.Subject, known: [String])
    /// There is nothing to enter there.
    case nothing(format: RenderFormat, name: String?)
    /// The configuration listens on all addresses: which one clients shall ask has to be said.
    case serverAddressNeeded
}

extension RenderError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownSubject(let name, let expected, let known):
            "\(name.map { "\"\($0)\" is no" } ?? "this format needs the name of a") \(expected.rawValue);"
                + " known: "
                + (known.isEmpty ? "none" : known.joined(separator: ", "))
        case .nothing(let format, let name):
            "no path needs anything in the format \(format.rawValue)\(name.map { " for " + $0 } ?? "")"
        case .serverAddressNeeded:
            "dns.listen names no single address: say at which one clients ask, with --server ADDRESS"
        }
    }
}
