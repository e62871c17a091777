package import DomainNames
package import IPAddressing

/// How the forwarder listens, which clients it answers and from where.
package struct DNSSettings: Hashable, Sendable {
    /// The addresses listened on, for UDP and TCP. Default: `0.0.0.0:53` and `[::]:53`.
    package var listen: [Endpoint]

    /// Who may ask. Default: loopback, RFC 1918, unique local (RFC 4193) and link-local addresses.
    package var clients: [IPPrefix]

    /// The reply to clients that may not ask. Default: `answer`.
    package var refuse = Refusal.answer

    /// Keys of the clusters that answer names below the plain cluster domain, in this order. Default: none.
    package var bareDomain: [String]

    /// Other `bareDomain` lists for some clients; the longest matching prefix wins. Default: none.
    package var views: [View]

    /// The servers for every other name; if there are none such questions are refused. Default: none.
    package var upstream: [Endpoint]

    /// Names below which answers from `upstream` may hold addresses inside a cluster; elsewhere such answers
    /// are not given (DNS rebinding). Default: none.
    package var allowRebinding: [DomainName] = []

    /// Private prefixes, of no cluster, whose reverse names `upstream` knows; the others are answered here
    /// (RFC 6303). Default: none.
    package var reverseUpstream: [IPPrefix] = []

    /// Names of `SpecialName.forUpstream` that `upstream` is asked for; the others are answered here.
    /// Default: none.
    package var specialUpstream: [DomainName] = []

    /// Labels that clusters may have directly below their domain besides `svc` and `pod`, in lower case:
    /// names below them are not denied here. Default: none.
    package var extraLabels: [String] = []

    /// How many questions each network of clients may have sent to servers.
    package var rateLimit = RateLimit()

    /// How often a network of clients gets the same reply.
    package var responseRateLimit = ResponseRateLimit()

    /// Limits on what clients may use.
    package var limits = DNSLimits()

    /// The path of the file with the secrets of our cookies (RFC 9018); nil: a random secret of this process.
    package var cookieSecretFile: String?

    /// Addresses that this forwarder shares with others; nil: none.
    package var announce: ServiceAnnouncement?

    /// The number of worker threads, 1...256. Nil, the default: one per core.
    package var workers: Int?

    /// The cache of answers.
    package var cache: CacheSettings

    /// The largest UDP answer, in octets, 512...4096, whatever size the client offers. Default: 1232, which
    /// no path has to fragment (RFC 9715 section 3).
    package var maximumUDPSize: Int

    package init(
        listen: [Endpoint] = Self.defaultListen, clients: [IPPrefix] = Self.defaultClients,
        bareDomain: [String] = [], views: [View] = [], upstream: [Endpoint] = [], workers: Int? = nil,
        cache: CacheSettings = CacheSettings(), maximumUDPSize: Int = 1232
    ) {
        self.listen = listen
        self.clients = clients
        self.bareDomain = bareDomain
        self.views = views
        self.upstream = upstream
        self.workers = workers
        self.cache = cache
        self.maximumUDPSize = maximumUDPSize
    }

    /// Port 53 on every address of the host.
    package static let defaultListen = [
        Endpoint(address: IPAddress(v4: 0), port: 53), Endpoint(address: IPAddress(v6: 0), port: 53),
    ]

    /// Loopback, RFC 1918, link-local and unique local addresses of both families.
    package static let defaultClients = [
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
        "::1/128", "fc00::/7", "fe80::/10",
    ].compactMap { try? IPPrefix(parsing: $0) }
}

/// The reply to a client that may not ask at all.
package enum Refusal: String, Hashable, Sendable, CaseIterable {
    /// REFUSED, with the reason.
    case answer
    /// Nothing.
    case drop
}

/// How many questions the clients of one network, a /24 or a /56, may ask over UDP that the cache can't
/// answer. Each worker counts for itself.
package struct RateLimit: Hashable, Sendable {
    /// Questions a second in the long run; 0, the default: no limit. A resolver in front of the forwarder
    /// asks for a whole office from one address.
    package var perSecond = 0

    /// Questions at once, 1 or more. Default: 20,000.
    package var burst = 20_000

    /// Every such question beyond the limit is answered with TC, the others are dropped; 0: all are dropped.
    /// Default: 2.
    package var slip = 2

    package init() {}
}

/// How often a network of clients, a /24 or a /56, gets a reply for one name over UDP without a cookie:
/// forged questions make us send many replies to the owner of the forged address. Each worker counts
/// for itself.
package struct ResponseRateLimit: Hashable, Sendable {
    /// For public addresses, replies a second for one name; 0: no limit. An address that has come by TCP
    /// within the hour has its own limit, ten times as high. Default: 200.
    package var perSecond = 200

    /// The same for private addresses; see `IPAddress.isPrivate`. Default: 0, no limit: the clients allowed
    /// there are on the owner's networks, and many of them ask for the same names.
    package var privatePerSecond = 0

    /// Every such reply beyond the limit becomes one with TC, the others are dropped; 0: all are dropped. A
    /// private address always gets TC. Default: 1, since a reply with TC is no longer than its question.
    package var slip = 1

    /// A network gets replies for all names together at this many times the rate of one name.
    package static let names: Int64 = 20

    package init() {}
}

/// What the clients of a view may ask of the clusters.
package struct Access: Hashable, Sendable {
    /// Keys of the clusters that may be asked; nil: all.
    package var clusters: [String]?

    /// The Kubernetes namespaces whose names may be asked, in any of these clusters; nil: all. With a list
    /// no reverse names may be asked: their answers name services.
    package var namespaces: [String]?

    package init(clusters: [String]? = nil, namespaces: [String]? = nil) {
        self.clusters = clusters
        self.namespaces = namespaces
    }
}

/// Split horizon: what some clients get instead of the general settings.
package struct View: Hashable, Sendable {
    /// The most views: the cache has eight bits for the view, and 0 is for clients without one.
    package static let mostViews = 255

    /// Unique among the views; used in logs and metrics. Default: `view1`, `view2`, ... by position.
    package var name: String

    /// The clients that this view is for; never empty in a checked inventory.
    package var clients: [IPPrefix]

    /// Keys of the clusters that answer these clients' names below the plain cluster domain, in this order.
    /// Nil, the default: those of `DNSSettings.bareDomain` that they may ask.
    package var bareDomain: [String]?

    /// Keys of the clusters that these clients stand inside of: they see the inner addresses of clusters with
    /// a `map`. Default: none; what follows from the client's address and from paths holds all the same.
    package var inside: [String] = []

    /// What these clients may ask; everything else is refused alike. Default: everything.
    package var allow = Access()

    package init(name: String, clients: [IPPrefix], bareDomain: [String]? = nil) {
        self.name = name
        self.clients = clients
        self.bareDomain = bareDomain
    }

    /// The clusters that answer its clients' plain names.
    ///
    /// - Parameter general: Those of clients without a view.
    package func bareDomain(over general: [String]) -> [String] {
        bareDomain ?? general.filter { allow.clusters?.contains($0) ?? true }
    }
}

/// How many answers are cached, and for how long.
package struct CacheSettings: Hashable, Sendable {
    /// The memory for answers, in octets; 0 turns the cache off. Default: 64 MiB.
    package var size: Int

    /// The longest time that a positive answer is served. Default: 30 s.
    package var maximumTTL: Duration

    /// The longest time that a negative answer is served (RFC 2308). Default: 5 s.
    package var negativeTTL: Duration

    /// How long past its TTL an answer may be served while no server answers (RFC 8767); 0: never. Default:
    /// one hour.
    package var stale: Duration

    package init(
        size: Int = 64 << 20, maximumTTL: Duration = .seconds(30), negativeTTL: Duration = .seconds(5),
        stale: Duration = .seconds(3600)
    ) {
        self.size = size
        self.maximumTTL = maximumTTL
        self.negativeTTL = negativeTTL
        self.stale = stale
    }
}

/// The cache settings of one cluster that differ from the general `CacheSettings`; nil: as there. The memory
/// is shared by all clusters.
package struct ClusterCacheSettings: Hashable, Sendable {
    /// The longest time that a positive answer is served.
    package var maximumTTL: Duration?

    /// The longest time that a negative answer is served (RFC 2308).
    package var negativeTTL: Duration?

    /// How long past its TTL an answer may be served while no server answers (RFC 8767); 0: never.
    package var stale: Duration?

    package init(maximumTTL: Duration? = nil, negativeTTL: Duration? = nil, stale: Duration? = nil) {
        self.maximumTTL = maximumTTL
        self.negativeTTL = negativeTTL
        self.stale = stale
    }

    /// These settings, completed with those of `general`.
    package func over(_ general: CacheSettings) -> CacheSettings {
        CacheSettings(
            size: general.size, maximumTTL: maximumTTL ?? general.maximumTTL,
            negativeTTL: negativeTTL ?? general.negativeTTL, stale: stale ?? general.stale)
    }
}
