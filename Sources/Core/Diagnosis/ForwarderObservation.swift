package import IPAddressing

/// The observation of a host that runs Namebridge, or will.
package struct ForwarderObservation: Hashable, Sendable {
    /// One for each address of `dns.listen`.
    package var listeners: [Listener] = []
    package var clusters: [ClusterServers] = []

    /// The servers of `dns.upstream`.
    package var upstream: [ServerObservation] = []
    package var host = HostObservation()

    package init() {}

    /// An address to listen at.
    package struct Listener: Hashable, Sendable {
        package var endpoint: Endpoint

        /// The processes that hold it over UDP and over TCP.
        package var datagrams: [Holder]
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
        package var endpoint: Endpoint

        /// Nil if it is unknown: only root sees other users' processes.
        package var process: Int?
        package var name: String?

        /// True for Namebridge.
        package var isOurs: Bool

        package init(endpoint: Endpoint, process: Int? = nil, name: String? = nil, isOurs: Bool = false) {
            self.endpoint = endpoint
            self.process = process
            self.name = name
            self.isOurs = isOurs
        }

        static let hiddenWords = "a process that only root can see"

        var words: String {
            guard let name, let process else { return Self.hiddenWords }
            return "\(name) (process \(process))"
        }
    }

    /// The servers of one cluster.
    package struct ClusterServers: Hashable, Sendable {
        package var key: String

        /// The zone that they serve, such as `cluster.local`.
        package var domain: String
        package var servers: [ServerObservation]

        package init(key: String, domain: String, servers: [ServerObservation]) {
            self.key = key
            self.domain = domain
            self.servers = servers
        }
    }

    /// Other properties of the host; nil for what cannot be observed or does not matter here.
    package struct HostObservation: Hashable, Sendable {
        /// Such as `prod/relay1`; nil if the host has no part in a path.
        package var networkName: String?
        package var networkObjects = 0

        /// Objects that differ from the plan, in words.
        package var networkFaults: [String] = []

        /// Why the network cannot be observed.
        package var networkObstacle: String?

        /// Entries of the connection table, and the most that there may be.
        package var trackedConnections: Int?
        package var trackedLimit: Int?

        /// Packets that strict reverse path filters have dropped since the start of the host.
        package var reversePathDrops: Int?

        /// Descriptors that the running server may have open.
        package var descriptorLimit: Int?

        package init() {}
    }
}
