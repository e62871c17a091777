import DomainNames
import IPAddressing

extension InventoryChecker {
    /// Listening addresses, clients, and the servers for every other name.
    mutating func checkDNS() {
        let dns = inventory.dns
        let path: InventoryPath = "dns"
        if dns.listen.isEmpty {
            error(at: path + "listen", "found an empty list, expected at least one address to listen on")
        }
        checkListeners()
        if dns.clients.isEmpty {
            error(
                at: path + "clients",
                "found an empty list, expected at least one prefix: no client could ask")
        }
        refuseDuplicates(dns.clients, at: path + "clients")
        refuseDuplicates(dns.upstream, at: path + "upstream")
        for (index, server) in dns.upstream.enumerated() {
            checkServer(server, at: (path + "upstream")[index], isUpstream: true)
        }
        refuseDuplicates(dns.reverseUpstream, at: path + "reverse-upstream")
        if dns.upstream.isEmpty, !dns.reverseUpstream.isEmpty {
            error(
                at: path + "reverse-upstream",
                "found prefixes, but dns.upstream is empty: no server could be asked for their names")
        }
        checkSpecialNames()
        checkExtraLabels()
        checkBareDomain(dns.bareDomain, at: path + "bare-domain")
        checkRanges()
    }

    /// `dns.special-upstream`: known names, and an upstream to ask.
    private mutating func checkSpecialNames() {
        let names = inventory.dns.specialUpstream
        let path = "dns" + "special-upstream" as InventoryPath
        refuseDuplicates(names, at: path)
        let known = SpecialName.forUpstream.map(\.rawValue)
        for (index, name) in names.enumerated() where !known.contains(name.folded.description) {
            unknown(
                name.description, at: path[index], expected: "a name that is otherwise answered here",
                among: known)
        }
        if inventory.dns.upstream.isEmpty, !names.isEmpty {
            error(
                at: path, "found names, but dns.upstream is empty: no server could be asked for them")
        }
    }

    /// `dns.extra-labels`: each once, and none that is known.
    private mutating func checkExtraLabels() {
        let path = "dns" + "extra-labels" as InventoryPath
        refuseDuplicates(inventory.dns.extraLabels, at: path)
        for (index, label) in inventory.dns.extraLabels.enumerated() where ["svc", "pod"].contains(label) {
            error(
                at: path[index],
                "found \(label), which every cluster has; expected a label besides svc and pod, such as gw")
        }
    }

    /// `dns.listen`: addresses of this host, each once.
    private mutating func checkListeners() {
        let path = "dns" + "listen" as InventoryPath
        refuseDuplicates(inventory.dns.listen.filter { $0.port != 0 }, at: path)
        for (index, listener) in inventory.dns.listen.enumerated()
        where listener.address.isMulticastOrBroadcast {
            error(
                at: path[index], "found \(listener.address), expected an address of this host, not of a group"
            )
        }
    }

    /// Numbers with a lower and an upper limit.
    private mutating func checkRanges() {
        let dns = inventory.dns
        let path: InventoryPath = "dns"
        if let workers = dns.workers, !(1...256).contains(workers) {
            error(at: path + "workers", "found \(workers), expected a number of threads, 1 to 256")
        }
        if !(512...4096).contains(dns.maximumUDPSize) {
            error(at: path + "max-udp-size", "found \(dns.maximumUDPSize), expected 512 to 4096 octets")
        }
        if dns.cache.size != 0, dns.cache.size < 1 << 20 {
            error(
                at: path + "cache" + "size",
                "found \(dns.cache.size) octets, expected at least 1MiB, or 0B to cache no answers")
        }
        checkLimits()
    }

    /// Checks a server that questions are sent to: one of `dns.upstream` or of a cluster.
    mutating func checkServer(_ server: Endpoint, at path: InventoryPath, isUpstream: Bool) {
        let address = server.address.unmapped
        if server.port == 0 {
            error(at: path, "found port 0, expected a port from 1 to 65535 (53 where none is given)")
        } else if address.isUnspecified {
            error(at: path, "found \(address), which names no server, expected the server's own address")
        } else if address.isMulticastOrBroadcast {
            error(at: path, "found \(address), which is the address of a group, expected that of one server")
        } else if address.isResolvedStub, server.port == 53 {
            refuseStub(server, at: path)
        } else if let listener = inventory.dns.listen.firstIndex(where: { takes($0, server) }) {
            error(
                at: path, and: ("dns" + "listen" as InventoryPath)[listener],
                "found \(server), which is where Namebridge itself listens: questions would go round in"
                    + " circles; expected another server")
        } else if isUpstream, address.isLoopback, server.port == 53 {
            refuseStub(server, at: path)
        }
    }

    /// True if what is sent to `server` arrives at `listener`.
    private func takes(_ listener: Endpoint, _ server: Endpoint) -> Bool {
        if listener.takes(server) { return true }
        let address = server.address.unmapped
        return listener.address.isUnspecified && listener.port == server.port
            && listener.address.family == address.family && ownAddresses.contains(address)
    }

    /// Refuses a resolver on this host, whose own servers may include Namebridge.
    private mutating func refuseStub(_ server: Endpoint, at path: InventoryPath) {
        error(
            at: path,
            "found \(server), a resolver on this host, which would ask Namebridge again; expected the"
                + " server behind it (see \"resolvectl status\" or /run/systemd/resolve/resolv.conf)")
    }

    /// Checks a list of clusters that answer below the plain cluster domain.
    mutating func checkBareDomain(_ keys: [String], at path: InventoryPath) {
        refuseDuplicates(keys, at: path)
        var domain: (name: String, of: InventoryPath)?
        for (index, key) in keys.enumerated() {
            guard let cluster = clusters[key] else {
                unknown(key, at: path[index], expected: "a cluster", among: clusterKeys)
                continue
            }
            let clusterPath = InventoryPath("clusters") + key
            if cluster.dns.isEmpty, !cluster.isAwaitingServers {
                error(
                    at: path[index], and: clusterPath + "dns",
                    "found \(key), which has no DNS servers, expected a cluster with a \"dns\" list")
            }
            let own = cluster.domain.folded.description
            if let domain, domain.name != own {
                error(
                    at: path[index], and: domain.of,
                    "found \(key), whose domain is \(own), expected the domain of the first cluster of this"
                        + " list, \(domain.name): the same name is put to all of them")
            }
            domain = domain ?? (own, clusterPath + "domain")
        }
    }

    /// Views: who they are for, and which clusters answer them.
    mutating func checkViews() {
        let views = inventory.dns.views
        let path = "dns" + "views" as InventoryPath
        if views.count > View.mostViews {
            error(
                at: path[View.mostViews],
                "found \(views.count) views, expected at most \(View.mostViews): put the clients of views"
                    + " that say the same into one")
        }
        var names: [String: Int] = [:]
        var claims: [IPPrefix: InventoryPath] = [:]
        for (index, view) in views.enumerated() {
            if let earlier = names.updateValue(index, forKey: view.name) {
                error(
                    at: path[index] + "name", and: path[earlier],
                    "found \(quoted(view.name)) a second time, expected a name for each view")
            }
            if view.clients.isEmpty {
                error(at: path[index] + "clients", "found an empty list, expected at least one prefix")
            }
            for (position, prefix) in view.clients.enumerated() {
                let here = (path[index] + "clients")[position]
                if let earlier = claims[prefix] {
                    error(
                        at: here, and: earlier,
                        "found \(prefix) a second time, expected each in one view only")
                } else {
                    claims[prefix] = here
                }
            }
            checkBareDomain(view.bareDomain ?? [], at: path[index] + "bare-domain")
            checkAccess(of: view, at: path[index])
            checkInside(of: view, at: path[index] + "inside")
        }
        warnOfSilentViews()
    }

    /// What a view's clients may ask.
    private mutating func checkAccess(of view: View, at path: InventoryPath) {
        let allow = path + "allow"
        if let namespaces = view.allow.namespaces { refuseDuplicates(namespaces, at: allow + "namespaces") }
        guard let keys = view.allow.clusters else { return }
        refuseDuplicates(keys, at: allow + "clusters")
        for (index, key) in keys.enumerated() where clusters[key] == nil {
            unknown(key, at: (allow + "clusters")[index], expected: "a cluster", among: clusterKeys)
        }
        for (index, key) in (view.bareDomain ?? []).enumerated()
        where clusters[key] != nil && !keys.contains(key) {
            error(
                at: (path + "bare-domain")[index], and: allow + "clusters",
                "found \(key), which these clients may not ask, expected a cluster of allow.clusters")
        }
    }

    /// The clusters that a view's clients stand inside of.
    private mutating func checkInside(of view: View, at path: InventoryPath) {
        refuseDuplicates(view.inside, at: path)
        var claims: [Claim] = []
        for (index, key) in view.inside.enumerated() {
            guard let cluster = clusters[key] else {
                unknown(key, at: path[index], expected: "a cluster", among: clusterKeys)
                continue
            }
            claims += (cluster.pods + cluster.services).map {
                Claim(prefix: $0, path: path[index], owner: key, purpose: "")
            }
        }
        for (outer, inner) in nested(claims) where outer.owner != inner.owner {
            error(
                at: inner.path, and: outer.path,
                "found \(inner.owner), which shares \(inner.prefix) with \(outer.owner): no client stands"
                    + " inside of both; expected one of them")
        }
    }

    /// A view for clients that may not ask at all is without effect.
    private mutating func warnOfSilentViews() {
        let allowed = IPPrefixTable(inventory.dns.clients.map { ($0, true) })
        for (index, view) in inventory.dns.views.enumerated() {
            for (position, prefix) in view.clients.enumerated() {
                let holdsAllowed = inventory.dns.clients.prefix(1000).contains { prefix.contains($0) }
                guard allowed.longestMatch(prefix.address) == nil, !holdsAllowed else { continue }
                warn(
                    at: ((("dns" + "views" as InventoryPath)[index]) + "clients")[position],
                    and: "dns" + "clients",
                    "found \(prefix), which may not ask: expected it inside a prefix of dns.clients")
            }
        }
    }
}

extension Endpoint {
    /// True if a question sent to `server` arrives at a socket that listens here.
    fileprivate func takes(_ server: Endpoint) -> Bool {
        guard port == server.port, port != 0 else { return false }
        let asked = server.address.unmapped
        return address.unmapped == asked
            || (address.isUnspecified && address.family == asked.family && asked.isLoopback)
    }
}

extension IPAddress {
    /// True for the two addresses of systemd-resolved's stub listener (systemd-resolved.service(8)).
    fileprivate var isResolvedStub: Bool {
        family == .v4 && (bits == 0x7F00_0035 || bits == 0x7F00_0036)
    }

    /// True for `224.0.0.0/4`, `255.255.255.255` and `ff00::/8`.
    var isMulticastOrBroadcast: Bool {
        family == .v4 ? bits >> 28 == 0xE || bits == 0xFFFF_FFFF : bits >> 120 == 0xFF
    }
}
