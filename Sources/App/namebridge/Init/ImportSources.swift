import ClusterDiscovery
import Diagnosis
import DomainNames
import IPAddressing
import LinuxSystem

/// The configurations of other resolvers on this host.
struct ImportSources {
    /// Where the host's files are; for tests another folder.
    var root = ""

    /// What a file or folder that a person has named says; all of its files if it is a folder.
    ///
    /// - Throws: If it cannot be read.
    static func rules(of path: String) throws(FileError) -> [ForwardingRules] {
        let names = FileContents.names(in: path).sorted()
        if names.isEmpty {
            let text = String(decoding: try contents(ofFile: path), as: UTF8.self)
            return [ForwardingRules(reading: text, name: path)]
        }
        return names.compactMap { read(path + "/" + $0) }
    }

    /// What the usual files and a running systemd-resolved say.
    func found() -> [ForwardingRules] {
        var files = ["/etc/dnsmasq.conf", "/etc/coredns/Corefile", "/etc/systemd/resolved.conf"]
        for folder in ["/etc/dnsmasq.d", "/etc/NetworkManager/dnsmasq.d"] { files += names(in: folder) }
        files += names(in: "/etc/systemd/resolved.conf.d").filter { $0.hasSuffix(".conf") }
        files += names(in: "/etc/systemd/network").filter { $0.hasSuffix(".network") }
        var found = files.compactMap { Self.read(root + $0) }
        if root.isEmpty, let running = runningResolved { found.append(running) }
        return found
    }

    /// The paths of the files in a folder, but for hidden ones and those that an editor has left.
    private func names(in folder: String) -> [String] {
        FileContents.names(in: root + folder).sorted()
            .filter { !$0.hasPrefix(".") && !$0.hasSuffix("~") }
            .map { folder + "/" + $0 }
    }

    /// What a file says; nil if it cannot be read or says nothing.
    private static func read(_ path: String) -> ForwardingRules? {
        guard let text = TextFile.read(path) else { return nil }
        let rules = ForwardingRules(reading: text, name: path)
        return rules.rules.isEmpty && rules.unusable.isEmpty ? nil : rules
    }

    /// The domains of a running systemd-resolved, some of which are in no file, as those from DHCP or a VPN.
    private var runningResolved: ForwardingRules? {
        guard let path = ChildProcess.path(of: "resolvectl"), let domains = Self.output(path, "domain"),
            let servers = Self.output(path, "dns")
        else { return nil }
        let resolved = ResolvedDomains(reading: domains, servers: servers)
        var rules = ForwardingRules()
        for scope in resolved.domains.keys.sorted() {
            rules.addScope(
                scope, domains: resolved.domains[scope] ?? [], servers: resolved.servers[scope] ?? [])
        }
        return rules
    }

    /// The output of a program within five seconds; nil if it fails.
    private static func output(_ path: String, _ argument: String) -> String? {
        do throws(Errno) {
            let result = try ChildProcess.run(path, [argument], timeout: 5_000, outputLimit: 1 << 20)
            guard case .exit(status: 0) = result.ending else { return nil }
            return String(decoding: result.output, as: UTF8.self)
        } catch {
            return nil
        }
    }
}

/// Who answers at port 53 of this host itself, where questions about a cluster could come back.
enum OwnResolver: Equatable {
    /// Another host, or a server that answers for the cluster of a node.
    case none
    /// Namebridge, or a forwarder of names that is usually led to it.
    case forwarder
    /// Not known: only root sees the processes of other users, and kube-proxy in IPVS mode gives a node the
    /// address of the cluster's DNS service without any process there.
    case unknown

    /// Servers that answer for the cluster of a node, at addresses of the node (NodeLocal DNSCache, CoreDNS).
    private static let clusterServers: Set = ["node-cache", "coredns"]
    /// The beginnings of the names of forwarders.
    private static let forwarders = [
        "namebridge", "dnsmasq", "unbound", "named", "kresd", "pdns_recursor", "systemd-resolve",
    ]

    /// - Parameter process: The name of the process that answers; nil if it is not known.
    init(process: String?) {
        guard let process else {
            self = .unknown
            return
        }
        if Self.clusterServers.contains(process) {
            self = .none
        } else {
            self = Self.forwarders.contains { process.hasPrefix($0) } ? .forwarder : .unknown
        }
    }

    /// Who answers at `server`.
    init(at server: Endpoint) {
        let isHere = HostAddresses.isLocal(server.address)
        let isOwn = server.port == 53 && isHere
        self = isOwn ? OwnResolver(process: SocketOwners().process(at: server)) : .none
    }

    /// True if a forwarder of this host is known to answer at `server`.
    static func isForwarder(at server: Endpoint) -> Bool { OwnResolver(at: server) == .forwarder }

    /// True if another resolver's rule that leads to `server` is left out: at a loopback address an unknown
    /// process is likely a stub.
    static func isLeftOut(_ server: Endpoint) -> Bool {
        switch OwnResolver(at: server) {
        case .none: false
        case .forwarder: true
        case .unknown: server.address.isLoopback
        }
    }

    /// What to say of a cluster's server that this value is about; nil if nothing is wrong with it.
    func warning(of server: Endpoint) -> String? {
        switch self {
        case .none: nil
        case .forwarder: InitInterview.ownResolver(server)
        case .unknown:
            "\(server.shortText) is an address of this host, and what answers there is not known (root sees"
                + " more): if it asks Namebridge, questions come back here"
        }
    }
}

extension ForwardingRules {
    /// The rules but those that lead to a resolver of this host: Namebridge already, or a stub.
    ///
    /// - Parameter isOwnResolver: Whether a resolver of this host answers there.
    func withoutThisHost(_ isOwnResolver: (Endpoint) -> Bool) -> ForwardingRules {
        var others = ForwardingRules()
        others.unusable = unusable
        for var rule in rules {
            let own = rule.servers.filter(isOwnResolver)
            rule.servers.removeAll { own.contains($0) }
            if rule.servers.isEmpty, let server = own.first {
                others.unusable.append(
                    "\(rule.sources.joined(separator: ", ")): \(rule.suffix) leads to \(server.shortText),"
                        + " this host itself")
            }
            others.add(rule)
        }
        return others
    }
}
