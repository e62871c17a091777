/// What the tests ask: two clusters that both call themselves `cluster.local`, an office's name server, and the
/// forwarder between them. Started once, by the first test that needs it.
final class OfficeNetwork: Sendable {
    /// Served by Knot DNS.
    static let prod = ClusterZone(name: "prod", number: 234)
    /// Served by NSD.
    static let staging = ClusterZone(name: "staging", number: 235)

    /// Where each server listens, on 127.0.0.1.
    let prodPort: Int
    let stagingPort: Int
    /// BIND 9, which has `example.net` and forwards cluster names to `port`.
    let namedPort: Int
    /// The forwarder, also on ::1.
    let port: Int
    /// A second forwarder, with the same clusters and without a server for other names.
    let isolatedPort: Int
    let folder: TemporaryFolder

    /// Ports of the cluster `dead`, with no server.
    private let closedPorts: [Int]
    /// The server of the cluster `silent`: it answers health probes, and no other question.
    private let silent: StandInServer
    private let servers: [ServerProcess]

    private static let shared = Result { try OfficeNetwork() }
    private static let forwarders = Result { try shared.get().startForwarders() }

    /// The network, or why it could not be started.
    static func running() throws -> OfficeNetwork {
        _ = try forwarders.get()
        return try shared.get()
    }

    /// The name servers alone.
    static func withoutForwarders() throws -> OfficeNetwork { try shared.get() }

    private init() throws {
        folder = try TemporaryFolder()
        prodPort = try FreePort.next()
        stagingPort = try FreePort.next()
        namedPort = try FreePort.next()
        port = try FreePort.next()
        isolatedPort = try FreePort.next()
        closedPorts = [try FreePort.next(), try FreePort.next()]
        silent = try StandInServer()
        servers = try [
            RealServers.knot(Self.prod, port: prodPort, in: folder),
            RealServers.nsd(Self.staging, port: stagingPort, in: folder),
            RealServers.named(port: namedPort, forwarder: port, in: folder),
        ]
    }

    private func startForwarders() throws -> [ServerProcess] {
        try [
            RealServers.namebridge("namebridge", configuration, port: port, in: folder),
            RealServers.namebridge("namebridge-isolated", isolatedConfiguration, port: isolatedPort, in: folder),
        ]
    }

    private var clusters: String {
        """
        clusters:
          prod:
            names: [prod.cluster.local, prod.k8s.example.com]
            dns: ["127.0.0.1:\(prodPort)"]
            services: [\(Self.prod.services.joined(separator: ", "))]
            pods: [\(Self.prod.pods.joined(separator: ", "))]
          staging:
            dns: ["127.0.0.1:\(stagingPort)"]
            services: [\(Self.staging.services.joined(separator: ", "))]
            pods: [\(Self.staging.pods.joined(separator: ", "))]
          dead:
            dns: [\(closedPorts.map { "\"127.0.0.1:\($0)\"" }.joined(separator: ", "))]
            services: [10.249.0.0/18]
          silent:
            dns: ["127.0.0.1:\(silent.port)"]
        """ + "\n"
    }

    private var configuration: String {
        """
        dns:
          listen: ["127.0.0.1:\(port)", "[::1]:\(port)"]
          clients: [127.0.0.0/26, "::1/128"]
          bare-domain: [prod, staging]
          views:
            - { name: west, clients: [127.0.0.2/32], bare-domain: [staging] }
            - { name: north, clients: [127.0.0.3/32], bare-domain: [dead, staging] }
            - { name: west-of-west, clients: [127.0.0.4/32], bare-domain: [] }
          upstream: ["127.0.0.1:\(namedPort)"]
          workers: 2
          cache: { size: 0B }
        \(clusters)
        """
    }

    private var isolatedConfiguration: String {
        """
        dns:
          listen: ["127.0.0.1:\(isolatedPort)"]
          workers: 1
          cache: { size: 0B }
        \(clusters)
        """
    }
}
