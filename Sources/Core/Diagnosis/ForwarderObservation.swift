package import IPAddressing

/// What was seen on a host that Namebridge runs on, or shall run on.
package struct ForwarderObservation: Hashable, Sendable {
    /// One for each address of `dns.listen`.
    package var listeners: [Listener] = []
    package var clusters: [ClusterServers] = []

    /// The servers of `dns.upstream`.
    package var upstream: [ServerObservation] = []
    package var host = HostObservation()

    package init() {}

    /// An address that is to be listened at.
    package struct Listener: Hashable, Sendable {
        package var endpoint: Endpoint

        /// Who holds it over UDP and over TCP.
        package var datagrams: [Holder]
        package var streams: [Holder]

        /// What came of questions to it.
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

        /// Nil if it is not to be seen: other users' processes are seen by root alone.
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

    /// What else of the host matters; nil for what cannot be seen or does not matter here.
    package struct HostObservation: Hashable, Sendable {
        /// Such as `prod/relay1`; nil if the host has no part in a path.
        package var networkName: String?
        package var networkObjects = 0

        /// Objects that are not as planned, in words.
        package var networkFaults: [String] = []

        /// Why the network cannot be looked at.
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
