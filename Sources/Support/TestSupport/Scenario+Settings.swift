import DomainNames
package import Forwarding
import IPAddressing
package import Inventory

extension Scenario {
    /// The inventory of the lines before `---`, in the keywords of the configuration file.
    ///
    /// ```
    /// clients 10.0.0.0/8
    /// bare-domain prod staging
    /// refuse drop
    /// rate-limit 10 2
    /// view 10.0.32.0/21 bare-domain old allow-clusters old allow-namespaces test inside prod
    /// site office 172.16.0.0/18
    /// unmapped office prod                          # a path with "map: false"
    /// path office prod                              # a path that may close
    /// relay office prod relay1 weight 2 map 10.244.0.0/16 10.200.0.0/16   # a relay with a range of its own
    /// host 192.168.10.11                            # addresses of the forwarder's own host
    /// upstream 172.16.1.1
    /// allow-rebinding office.example
    /// reverse-upstream 10.0.0.0/16
    /// special-upstream home.arpa
    /// extra-labels gw
    /// clusterset main zone clusterset.local members prod staging=east prefer staging
    /// merge all.cluster.local clusters prod staging mode union partial
    /// maximum-udp-size 1232
    /// cluster prod domain cluster.local names prod.k8s.example.com dns 172.17.16.10 pods 172.17.32.0/19
    /// cache max-ttl 30 negative-ttl 5 stale 3600    # in seconds; without the line there is no cache
    /// probed                                        # servers may be found dead; see `ScenarioPlayer`
    /// ```
    /// A cluster may have the settings of `cache`, `also corp.internal`, `only-kubernetes-names no` and
    /// `follow CONTEXT`.
    package func inventory() throws(ScenarioError) -> Inventory {
        var inventory = Inventory()
        for line in settings {
            let values = Array(line.words.dropFirst())
            switch line.words[0] {
            case "clients": inventory.dns.clients = try line.prefixes(values)
            case "bare-domain": inventory.dns.bareDomain = values
            case "rate-limit":
                inventory.dns.rateLimit.perSecond = try line.number(values.first)
                inventory.dns.rateLimit.burst = try line.number(values.dropFirst().first)
            case "refuse": inventory.dns.refuse = values == ["drop"] ? .drop : .answer
            case "upstream": inventory.dns.upstream = try line.endpoints(values)
            case "allow-rebinding": inventory.dns.allowRebinding = try line.names(values)
            case "reverse-upstream": inventory.dns.reverseUpstream = try line.prefixes(values)
            case "special-upstream": inventory.dns.specialUpstream = try line.names(values)
            case "extra-labels": inventory.dns.extraLabels = values
            case "maximum-udp-size": inventory.dns.maximumUDPSize = try line.number(values.first)
            case "view":
                let fields = line.fields(
                    values, ["bare-domain", "allow-clusters", "allow-namespaces", "inside"])
                var view = View(
                    name: "view\(inventory.dns.views.count + 1)",
                    clients: try line.prefixes(fields[""] ?? []), bareDomain: fields["bare-domain"])
                view.allow = Access(
                    clusters: fields["allow-clusters"], namespaces: fields["allow-namespaces"])
                view.inside = fields["inside"] ?? []
                inventory.dns.views.append(view)
            case "merge": inventory.merges.append(try line.merge(values))
            case "clusterset": inventory.clusterSets.append(try line.clusterSet(values))
            case "cluster": inventory.clusters.append(try line.cluster())
            case "cache":
                let settings = try line.cacheSettings(values)
                inventory.dns.cache.maximumTTL = settings.maximumTTL ?? inventory.dns.cache.maximumTTL
                inventory.dns.cache.negativeTTL = settings.negativeTTL ?? inventory.dns.cache.negativeTTL
                inventory.dns.cache.stale = settings.stale ?? inventory.dns.cache.stale
            case "site":
                let networks = try line.prefixes(Array(values.dropFirst()))
                inventory.sites.append(Site(key: values.first ?? "", networks: networks))
            case "unmapped", "path":
                inventory.paths.append(
                    Path(
                        ends: .oneWay(from: values.first ?? "", to: values.last ?? ""), carrier: .routed,
                        isMapped: line.words[0] == "path"))
            case "relay": try line.addRelay(to: &inventory)
            case "limits", "probed", "host": continue
            default: throw ScenarioError(line: line.number, text: "no setting is called \(line.words[0])")
            }
        }
        inventory.takeRelayMaps()
        return inventory
    }

    /// True if a line begins with `keyword`.
    func hasSetting(_ keyword: String) -> Bool { settings.contains { $0.words[0] == keyword } }

    /// What lines `host 192.168.10.11` say.
    func hostAddresses() throws(ScenarioError) -> [IPAddress] {
        var addresses: [IPAddress] = []
        for line in settings where line.words[0] == "host" {
            for word in line.words.dropFirst() {
                addresses.append(try line.endpoint(word, defaultPort: 53).address)
            }
        }
        return addresses
    }

    /// The limits of a line `limits transactions 2 waiters 3 answer-time 3000`.
    package func limits() throws(ScenarioError) -> EngineLimits {
        var limits = EngineLimits()
        for line in settings where line.words[0] == "limits" {
            let fields = line.fields(
                Array(line.words.dropFirst()), ["transactions", "waiters", "answer-time"])
            if let value = fields["transactions"] { limits.transactions = try line.number(value.first) }
            if let value = fields["waiters"] { limits.waiters = try line.number(value.first) }
            if let value = fields["answer-time"] {
                limits.answerMilliseconds = try line.number(value.first)
            }
        }
        return limits
    }
}

extension Scenario.Line {
    /// The cluster of a line `cluster`.
    fileprivate func cluster() throws(ScenarioError) -> Cluster {
        let fields = fields(
            Array(words.dropFirst()),
            [
                "domain", "names", "also", "dns", "pods", "services", "map", "nodes", "cache",
                "only-kubernetes-names", "follow",
            ])
        guard let key = fields[""]?.first else {
            throw ScenarioError(line: number, text: "a cluster needs a key")
        }
        var cluster = Cluster(key: key)
        if let domain = fields["domain"]?.first { cluster.domain = try name(domain) }
        if let names = fields["names"] {
            cluster.names = []
            for text in names { cluster.names.append(try name(text)) }
        }
        cluster.also = try names(fields["also"] ?? [])
        cluster.dns = try endpoints(fields["dns"] ?? [])
        cluster.pods = try prefixes(fields["pods"] ?? [])
        cluster.services = try prefixes(fields["services"] ?? [])
        cluster.addressMap = try map(fields["map"] ?? [])
        for (index, node) in try endpoints(fields["nodes"] ?? []).enumerated() {
            cluster.nodes.append(Node(name: "n\(index)", addresses: [node.address]))
        }
        cluster.follow = fields["follow"]?.first.map { FollowSettings(context: $0) }
        cluster.cache = try cacheSettings(fields["cache"] ?? [])
        cluster.onlyKubernetesNames = fields["only-kubernetes-names"] != ["no"]
        return cluster
    }

    /// The relay of a line `relay`, for the path between its first two words.
    fileprivate func addRelay(to inventory: inout Inventory) throws(ScenarioError) {
        let fields = fields(Array(words.dropFirst()), ["weight", "priority", "map"])
        guard let names = fields[""], names.count == 3 else {
            throw ScenarioError(line: number, text: "a relay needs two ends and a name")
        }
        var relay = Relay(host: names[2])
        relay.addressMap = try map(fields["map"] ?? [])
        if let weight = fields["weight"] { relay.weight = try number(weight.first) }
        if let priority = fields["priority"] { relay.priority = try number(priority.first) }
        let ends = PathEnds.oneWay(from: names[0], to: names[1])
        if let index = inventory.paths.firstIndex(where: { $0.ends == ends }),
            case .relay(var settings) = inventory.paths[index].carrier
        {
            settings.relays.append(relay)
            inventory.paths[index].carrier = .relay(settings)
        } else {
            var settings = RelaySettings(relays: [relay])
            settings.failover = .dns
            inventory.paths.append(Path(ends: ends, carrier: .relay(settings)))
        }
    }

    /// The set of a line `clusterset`.
    fileprivate func clusterSet(_ words: [String]) throws(ScenarioError) -> ClusterSet {
        let fields = fields(words, ["zone", "members", "prefer"])
        var set = ClusterSet(key: fields[""]?.first ?? "")
        if let zone = fields["zone"]?.first { set.zone = try name(zone) }
        for text in fields["members"] ?? [] {
            let parts = text.split(separator: "=").map(String.init)
            set.members.append(.init(cluster: parts[0], id: parts.count > 1 ? try name(parts[1]) : nil))
        }
        set.prefer = fields["prefer"] ?? []
        return set
    }

    /// The suffix of a line `merge`.
    fileprivate func merge(_ words: [String]) throws(ScenarioError) -> MergedSuffix {
        let fields = fields(words, ["clusters", "mode", "partial"])
        let key = fields[""]?.first ?? ""
        var merge = MergedSuffix(key: key, name: try name(key), clusters: fields["clusters"] ?? [])
        merge.mode = fields["mode"] == ["union"] ? .union : .first
        merge.isPartial = words.contains("partial")
        return merge
    }

    /// The settings of cache words.
    fileprivate func cacheSettings(_ words: [String]) throws(ScenarioError) -> ClusterCacheSettings {
        let fields = fields(words, ["max-ttl", "negative-ttl", "stale"])
        var settings = ClusterCacheSettings()
        if let value = fields["max-ttl"] { settings.maximumTTL = .seconds(try number(value.first)) }
        if let value = fields["negative-ttl"] { settings.negativeTTL = .seconds(try number(value.first)) }
        if let value = fields["stale"] { settings.stale = .seconds(try number(value.first)) }
        return settings
    }

    /// The words after each of `keys`; those before the first one under the empty key.
    fileprivate func fields(_ words: [String], _ keys: Set<String>) -> [String: [String]] {
        var fields: [String: [String]] = [:]
        var key = ""
        for word in words {
            if keys.contains(word) {
                key = word
                fields[key] = fields[key] ?? []
            } else {
                fields[key, default: []].append(word)
            }
        }
        return fields
    }

    /// Prefixes.
    fileprivate func prefixes(_ texts: [String]) throws(ScenarioError) -> [IPPrefix] {
        var prefixes: [IPPrefix] = []
        for text in texts {
            guard let prefix = try? IPPrefix(parsing: text) else {
                throw ScenarioError(line: number, text: "\(text) is no prefix")
            }
            prefixes.append(prefix)
        }
        return prefixes
    }

    /// Inner and outer prefixes in turn.
    private func map(_ texts: [String]) throws(ScenarioError) -> PrefixMap {
        let prefixes = try prefixes(texts)
        var pairs: [PrefixPair] = []
        for index in stride(from: 0, to: prefixes.count - 1, by: 2) {
            guard let pair = PrefixPair(inner: prefixes[index], outer: prefixes[index + 1]) else {
                throw ScenarioError(line: number, text: "\(prefixes[index]) has another length")
            }
            pairs.append(pair)
        }
        return PrefixMap(pairs)
    }

    /// Servers.
    fileprivate func endpoints(_ texts: [String]) throws(ScenarioError) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for text in texts { endpoints.append(try endpoint(text, defaultPort: 53)) }
        return endpoints
    }

    /// An address with a port.
    func endpoint(_ text: String, defaultPort: UInt16) throws(ScenarioError) -> Endpoint {
        guard let endpoint = Endpoint(text, defaultPort: defaultPort) else {
            throw ScenarioError(line: number, text: "\(text) is no address")
        }
        return endpoint
    }

    /// Names.
    fileprivate func names(_ texts: [String]) throws(ScenarioError) -> [DomainName] {
        var names: [DomainName] = []
        for text in texts { names.append(try name(text)) }
        return names
    }

    /// A name.
    fileprivate func name(_ text: String) throws(ScenarioError) -> DomainName {
        guard let name = try? DomainName(parsing: text) else {
            throw ScenarioError(line: number, text: "\(text) is no name")
        }
        return name
    }

    /// A number.
    func number(_ text: String?) throws(ScenarioError) -> Int {
        guard let text, let value = Int(text) else {
            throw ScenarioError(line: number, text: "\(text ?? "nothing") is no number")
        }
        return value
    }
}
