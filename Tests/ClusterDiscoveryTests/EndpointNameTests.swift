import Foundation
import IPAddressing
import JSON
import Synchronization
import TestSupport
import Testing

/// Names of pods that are rebuilt: `follow: { endpoints: true }` with the real kubectl and a running server.
@Suite(.enabled(if: DiscoverRun.kubectlFolder != nil)) struct EndpointNameTests {
    private static let slices = "/apis/discovery.k8s.io/v1/endpointslices"
    private static let name = "web.shop.svc.prod.cluster.local"

    /// The cluster's DNS: every name has the address 10.1.0.N, for an hour.
    private final class ClusterDNS: Sendable {
        let last = Mutex<UInt8>(1)

        func start() throws -> TestUpstream {
            try TestUpstream { question, _ in
                var answer = TestMessage.answer(to: question)
                guard answer.count > 16 else { return [answer] }
                answer[answer.count - 1] = self.last.withLock { $0 }
                answer.replaceSubrange(answer.count - 10..<answer.count - 6, with: [0, 0, 14, 16])
                return [answer]
            }
        }
    }

    private static func slice(_ version: Int) -> JSONValue {
        .object([
            "metadata": StandInCluster.metadata(
                "web-x", namespace: "shop", labels: ["kubernetes.io/service-name": "web"]),
            "endpoints": .array([.object(["addresses": .array([.string("10.1.0.\(version)")])])]),
        ])
    }

    @Test func `a rebuilt pod's new address is answered, and the old one never again`() async throws {
        let dns = ClusterDNS()
        let upstream = try dns.start()
        var cluster = FollowRun.flannel(nodes: 1)
        cluster.append(Self.slices, Self.slice(1))
        let run = try RunningFollower(unstarted: cluster)
        // Cached answers are right for an hour, however slow this machine is: only what is forgotten changes.
        try run.write(
            """
            dns: { listen: ["127.0.0.1:0"], workers: 1, cache: { max-ttl: 1h } }
            clusters:
              prod:
                dns: ["\(upstream.endpoint)"]
                follow: { context: prod, kubeconfig: FOLDER/kubeconfig, endpoints: true }

            """, to: "namebridge.yaml")
        let user = geteuid() == 0 ? ["--user", "root"] : []
        try run.start(["serve", "--control", "FOLDER/c.sock"] + user)
        try await run.wait("the server") { run.text("log-serve").contains("serving clusters") }
        try run.follow(["--control", "FOLDER/c.sock"])
        // Other prefixes of a cluster make answers invalid as well.
        try await run.wait("the first facts") { run.text("log-serve").contains("reloaded generation=2") }
        let client = try Self.client(of: run)
        func address() throws -> UInt8? { try client.ask(Self.name, id: 7)?.last }
        for version in UInt8(1)...3 {
            dns.last.withLock { $0 = version }
            if version > 1 {
                // Later on a second purge may be due that the turn before has led to.
                if version == 2 { #expect(try address() == 1, "cached, since nothing was told yet") }
                try await run.tell("MODIFIED", Self.slice(Int(version)), to: Self.slices)
            }
            try await run.wait("the address \(version)") { (try? address()) == version }
            for _ in 0..<100 { #expect(try address() == version) }
        }
    }

    /// Asks the server at the address that its log says.
    private static func client(of run: RunningFollower) throws -> DatagramClient {
        let words = run.text("log-serve").split { $0 == " " || $0 == "\n" }
        let word = try #require(words.first { $0.hasPrefix("address=127.0.0.1:") })
        return try DatagramClient(try #require(Endpoint(String(word.dropFirst(8)), defaultPort: 53)))
    }
}
