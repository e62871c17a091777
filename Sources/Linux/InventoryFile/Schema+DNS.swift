import IPAddressing
import Inventory

// The schema: one line for each key, in the order of the manual page. A new key needs its line here and its
// field in the model.

extension Field {
    /// The whole file.
    func inventory() -> Inventory? {
        mapping { keys in
            var inventory = Inventory()
            keys.read("dns", into: &inventory.dns) { $0.dnsSettings() }
            keys.read("admin", into: &inventory.admin) { $0.adminSettings() }
            keys.read("browse", into: &inventory.browse) { $0.browseSettings() }
            keys.read("log", into: &inventory.log) { $0.logSettings() }
            keys.read("clusters", into: &inventory.clusters) { $0.entries(named: .key) { $1.cluster($0) } }
            keys.read("merge", into: &inventory.merges) { $0.mergedSuffixes() }
            keys.read("clustersets", into: &inventory.clusterSets) {
                $0.entries(named: .key) { $1.clusterSet($0) }
            }
            keys.read("sites", into: &inventory.sites) { $0.entries(named: .key) { $1.site($0) } }
            keys.read("paths", into: &inventory.paths) { $0.list { $0.networkPath() } }
            inventory.nameRelaysOfAddresses()
            return inventory
        }
    }

    /// `dns`.
    private func dnsSettings() -> DNSSettings? {
        mapping { keys in
            var dns = DNSSettings()
            keys.read("listen", into: &dns.listen) { $0.list(of: .server) }
            keys.read("clients", into: &dns.clients) { $0.list(of: .prefix) }
            keys.read("refuse", into: &dns.refuse, .word)
            keys.read("bare-domain", into: &dns.bareDomain) { $0.list(of: .reference) }
            keys.read("views", into: &dns.views) { $0.views() }
            keys.read("upstream", into: &dns.upstream) { $0.list(of: .server) }
            keys.read("allow-rebinding", into: &dns.allowRebinding) { $0.list(of: .domainName) }
            keys.read("reverse-upstream", into: &dns.reverseUpstream) { $0.list(of: .prefix) }
            keys.read("special-upstream", into: &dns.specialUpstream) { $0.list(of: .domainName) }
            keys.read("extra-labels", into: &dns.extraLabels) { $0.list(of: .key) }
            keys.read("rate-limit", into: &dns.rateLimit) { $0.rateLimit() }
            keys.read("response-rate-limit", into: &dns.responseRateLimit) { $0.responseRateLimit() }
            keys.read("limits", into: &dns.limits) { $0.limits() }
            keys.read("cookie-secret-file", into: &dns.cookieSecretFile, .path)
            keys.read("announce", into: &dns.announce) { $0.serviceAnnouncement() }
            keys.read("workers", into: &dns.workers, .integer(1...256, "a number of threads"))
            keys.read("cache", into: &dns.cache) { $0.cacheSettings() }
            keys.read("max-udp-size", into: &dns.maximumUDPSize, .integer(512...4096, "a number of octets"))
            return dns
        }
    }

    /// `admin`.
    private func adminSettings() -> AdminSettings? {
        mapping { keys in
            var admin = AdminSettings()
            keys.read("listen", into: &admin.listen) { $0.list(of: .adminListener) }
            keys.read("clients", into: &admin.clients) { $0.list(of: .prefix) }
            keys.read("hosts", into: &admin.hosts) { $0.list(of: .name) }
            return admin
        }
    }

    /// `browse`.
    private func browseSettings() -> BrowseSettings? {
        mapping { keys in
            var browse = BrowseSettings()
            keys.read("clients", into: &browse.clients) { $0.list(of: .prefix) }
            return browse
        }
    }

    /// `dns.rate-limit`.
    private func rateLimit() -> RateLimit? {
        mapping { keys in
            var limit = RateLimit()
            keys.read("per-second", into: &limit.perSecond, .integer(0...10_000_000, "a number of questions"))
            keys.read("burst", into: &limit.burst, .integer(1...10_000_000, "a number of questions"))
            keys.read("slip", into: &limit.slip, .integer(0...100))
            return limit
        }
    }

    /// `dns.response-rate-limit`.
    private func responseRateLimit() -> ResponseRateLimit? {
        mapping { keys in
            var limit = ResponseRateLimit()
            keys.read("per-second", into: &limit.perSecond, .integer(0...10_000_000, "a number of replies"))
            keys.read(
                "private-per-second", into: &limit.privatePerSecond,
                .integer(0...10_000_000, "a number of replies"))
            keys.read("slip", into: &limit.slip, .integer(0...100))
            return limit
        }
    }

    /// `dns.cache`.
    private func cacheSettings() -> CacheSettings? {
        mapping { keys in
            var cache = CacheSettings()
            keys.read("size", into: &cache.size, .size)
            keys.read("max-ttl", into: &cache.maximumTTL, .duration)
            keys.read("negative-ttl", into: &cache.negativeTTL, .duration)
            keys.read("stale", into: &cache.stale, .duration)
            return cache
        }
    }

    /// Views without a name are named by their position in the file.
    private func views() -> [View]? {
        list { $0.view() }
    }

    /// One entry of `dns.views`.
    private func view() -> View? {
        mapping { keys in
            var view = View(name: "view\(position + 1)", clients: [])
            keys.read("name", into: &view.name, .name)
            view.clients =
                keys.required("clients", "the prefixes of the clients it is for") { $0.list(of: .prefix) }
                ?? []
            view.bareDomain = keys.value(of: "bare-domain") { $0.list(of: .reference) }
            keys.read("inside", into: &view.inside) { $0.list(of: .reference) }
            keys.read("allow", into: &view.allow) { $0.access() }
            return view
        }
    }

    /// `allow` of a view.
    private func access() -> Access? {
        mapping { keys in
            var access = Access()
            keys.read("clusters", into: &access.clusters) { $0.list(of: .reference) }
            keys.read("namespaces", into: &access.namespaces) { $0.list(of: .key) }
            return access
        }
    }

    /// The position in the list that the value is in; 0 if it is in none.
    private var position: Int {
        guard case .index(let index)? = path.steps.last else { return 0 }
        return index
    }
}
