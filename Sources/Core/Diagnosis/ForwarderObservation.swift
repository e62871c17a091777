package import IPAddressing

/// The observation of a host that runs Namebridge, or will.
package struct ForwarderObservation: Hashable, Sendable {
    /// One for each address of `dns.listen`.
    package var listeners: [Listener] = []
    /// The servers of each cluster.
    package var clusters: [ClusterServers] = []

    /// The servers of `dns.upstream`.
    package var upstream: [ServerObservation] = []
    /// Rules of other resolvers of this host that lead past the server.
    package var bypasses: [Bypass] = []
    /// Other properties of the host.
    package var host = HostObservation()

    package init() {}

    /// An address to listen at.
    package struct Listener: Hashable, Sendable {
        /// The address.
        package var endpoint: Endpoint

        /// The processes that hold it over UDP and over TCP.
        package var datagrams: [Holder]
        /// The processes that hold it over TCP.
        package var streams: [Holder]

        /// The outcomes of questions to it.
        package var answers: ServerObservation

        package init(endpoint: Endpoint, datagrams: [Holder], streams: [Holder], answers: ServerObservation) {
            self.endpoint = endpoint
            self.datagrams = datagrams
            self.streams = streams
            self.answers = answers
        }
    }

    /// A process and its socket.
    package struct Holder: Hashable, Sendable {
        /// Where the socket is bound.
        package var endpoint: Endpoint

        /// Nil if it is unknown: only root sees other users' processes.
        package var process: Int?
        /// The process's name.
        package var name: String?

        /// True for Namebridge.
        package var isOurs: Bool

        package init(endpoint: Endpoint, process: Int? = nil, name: String? = nil, isOurs: Bool = false) {
            self.endpoint = endpoint
            self.process = process
            self.name = name
            self.isOurs = isOurs
        }

        /// The words for a process that is not known.
        static let hiddenWords = "a process that only root can see"

        /// The process for messages.
        package var words: String {
            guard let name, let process else { return Self.hiddenWords }
            return "\(name) (process \(process))"
        }
    }

    /// The servers of one cluster.
    package struct ClusterServers: Hashable, Sendable {
        /// The cluster's key.
        package var key: String

        /// The zone that they serve, such as `cluster.local`.
        package var domain: String
        /// The observation of each server.
        package var servers: [ServerObservation]

        package init(key: String, domain: String, servers: [ServerObservation]) {
            self.key = key
            self.domain = domain
            self.servers = servers
        }
    }

    /// A rule of another resolver of this host that sends names of a cluster to that cluster's own servers,
    /// such as a `server=` line of dnsmasq that was there before.
    package struct Bypass: Hashable, Sendable {
        /// The places of the rule, such as `/etc/dnsmasq.conf:12`.
        package var sources: [String]
        /// The suffix of the names.
        package var suffix: String
        /// The server that they are sent to.
        package var server: Endpoint
        /// The key of the cluster whose server it is.
        package var cluster: String

        package init(sources: [String], suffix: String, server: Endpoint, cluster: String) {
            self.sources = sources
            self.suffix = suffix
            self.server = server
            self.cluster = cluster
        }
    }

    /// A path that carries no packets, as probes of the running server show.
    package struct DownPath: Hashable, Sendable {
        /// As in `office -> prod via relay1`.
        package var name: String
        /// What the probes show, as in `no answer from 10.96.0.10:53`.
        package var cause: String
        /// Why that is, by the reasoning of `namebridge explain`.
        package var reason: String
        /// What makes packets arrive; empty if that is not known.
        package var fix: String

        package init(name: String, cause: String, reason: String, fix: String) {
            self.name = name
            self.cause = cause
            self.reason = reason
            self.fix = fix
        }
    }

    /// Other properties of the host; nil for what cannot be observed or does not matter here.
    package struct HostObservation: Hashable, Sendable {
        /// Such as `prod/relay1`; nil if the host has no part in a path.
        package var networkName: String?
        /// The number of objects in this host's plan.
        package var networkObjects = 0

        /// Objects that differ from the plan, in words.
        package var networkFaults: [String] = []

        /// Why the network cannot be observed.
        package var networkObstacle: String?

        /// The paths that the running server finds to be down.
        package var downPaths: [DownPath] = []

        /// Entries of the connection table, and the most that there may be.
        package var trackedConnections: Int?
        /// The most entries of the connection table.
        package var trackedLimit: Int?

        /// Packets that strict reverse path filters have dropped since the start of the host.
        package var reversePathDrops: Int?

        /// Descriptors that the running server may have open.
        package var descriptorLimit: Int?

        package init() {}
    }
}
