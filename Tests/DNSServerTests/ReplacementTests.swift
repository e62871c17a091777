import DNSServer
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import Synchronization
import TestSupport
import Testing

/// A server whose configuration changes while it runs.
@Suite struct ReplacementTests {
    @Test(arguments: [1, 2])
    func `answers of what stays are kept, those of what changes are not`(workers: Int) throws {
        let (prod, staging) = (try CountedUpstream(), try CountedUpstream())
        let serving = try Serving(["prod": [prod.endpoint], "staging": [staging.endpoint]], workers: workers)
        defer { serving.server.stop() }
        let client = try serving.client()
        /// The addresses of prod and staging; see `CountedUpstream`.
        func ask() throws -> [[UInt8]] {
            try ["prod", "staging"].map { cluster in
                let answer = try #require(try client.ask("web.shop.svc.\(cluster).cluster.local", id: 1))
                #expect(TestMessage.answerCount(answer) == 1)
                return Array(answer.suffix(2))
            }
        }
        let first = try ask()
        #expect(try ask() == first, "both come from the cache")
        let other = try CountedUpstream()
        try serving.replace(["new": [other.endpoint], "prod": [prod.endpoint], "staging": [other.endpoint]])
        let second = try ask()
        #expect(second[0] == first[0], "its answer was kept")
        #expect(second[1][0] == other.tag, "the new server was asked")
        #expect(try ask() == second)
        try serving.replace(["prod": [prod.endpoint]])
        let kept = try #require(try client.ask("web.shop.svc.prod.cluster.local", id: 1))
        #expect(Array(kept.suffix(2)) == first[0])
        let gone = try #require(try client.ask("web.shop.svc.staging.cluster.local", id: 2))
        #expect(TestMessage.rcode(gone) == 5)
    }

    @Test func `questions in flight are answered by the configuration that they came under`() throws {
        // Silent to the first question, so that the second one is sent after the change.
        let upstream = try CountedUpstream(silent: 1)
        let serving = try Serving(["prod": [upstream.endpoint]])
        defer { serving.server.stop() }
        let (client, stream) = (try serving.client(), try StreamClient(serving.bound))
        client.send(TestMessage.question("web.shop.svc.prod.cluster.local", id: 7))
        try stream.send(TestMessage.framed(TestMessage.question("web.shop.svc.prod.cluster.local", id: 8)))
        try serving.wait { $0.inFlight == 1 && $0.engine.joined == 1 }
        for _ in 0..<3 { try serving.replace([:]) }
        let refused = try #require(try serving.client().ask("web.shop.svc.prod.cluster.local", id: 9))
        #expect(TestMessage.rcode(refused) == 5, "the cluster is gone for new questions")
        let answer = try #require(try client.receive())
        #expect(TestMessage.id(answer) == 7 && TestMessage.answerCount(answer) == 1)
        #expect(try stream.receiveIDs(1) == [8])
        try serving.wait { $0.inFlight == 0 }
        let total = serving.server.statistics
        #expect(total.sum { $0.engine.messages } == 3 && total.sum { $0.engine.answered } == 2, "all is counted")
    }

    @Test func `an answer that comes late is not kept by other rules`() throws {
        let upstream = try CountedUpstream(silent: 1)
        let other = try CountedUpstream()
        let serving = try Serving(["prod": [upstream.endpoint]])
        defer { serving.server.stop() }
        let client = try serving.client()
        client.send(TestMessage.question("web.shop.svc.prod.cluster.local", id: 7))
        try serving.wait { $0.inFlight == 1 }
        try serving.replace(["prod": [other.endpoint]])
        #expect(TestMessage.id(try #require(try client.receive())) == 7)
        let next = try #require(try client.ask("web.shop.svc.prod.cluster.local", id: 8))
        #expect(next.suffix(2).first == other.tag)
    }

    @Test func `connections go on, and what they ask next goes by the new configuration`() throws {
        let (old, new) = (try CountedUpstream(), try CountedUpstream())
        let serving = try Serving(["prod": [old.endpoint]])
        defer { serving.server.stop() }
        let stream = try StreamClient(serving.bound)
        func question(_ id: UInt16) -> [UInt8] {
            TestMessage.framed(TestMessage.question("n\(id).shop.svc.prod.cluster.local", id: id))
        }
        for id in 1...20 as ClosedRange<UInt16> {
            try stream.send(question(id))
            guard case .message(let answer) = try stream.receive() else {
                Issue.record("no answer to question \(id)")
                return
            }
            #expect(answer.suffix(2).first == (id > 10 ? new : old).tag)
            if id == 10 { try serving.replace(["prod": [new.endpoint]]) }
        }
    }

    @Test func `addresses come and go, and come again`() throws {
        let upstream = try CountedUpstream()
        let clusters = ["prod": [upstream.endpoint]]
        let serving = try Serving(clusters, workers: 2)
        defer { serving.server.stop() }
        let second = try #require(Endpoint("127.0.0.2:\(serving.bound.port)", defaultPort: 53))
        for round in 0..<3 as Range<UInt16> {
            try serving.replace(clusters, listen: serving.listen + [second])
            #expect(serving.server.boundEndpoints == [serving.bound, second])
            for endpoint in serving.server.boundEndpoints {
                let answer = try DatagramClient(endpoint).ask("a.shop.svc.prod.cluster.local", id: round)
                #expect(TestMessage.id(try #require(answer)) == round)
                let stream = try StreamClient(endpoint)
                let question = TestMessage.question("a.shop.svc.prod.cluster.local", id: round)
                try stream.send(TestMessage.framed(question))
                #expect(try stream.receiveIDs(1) == [round])
            }
            try serving.replace(clusters)
            #expect(throws: (any Error).self) { try StreamClient(second) }
        }
    }

    @Test func `an address that is not to be had changes nothing`() throws {
        let upstream = try CountedUpstream()
        let serving = try Serving(["prod": [upstream.endpoint]])
        defer { serving.server.stop() }
        let wildcard = try #require(Endpoint("0.0.0.0:\(serving.bound.port)", defaultPort: 53))
        for (address, reason) in [(upstream.endpoint, "another program listens there"), (wildcard, "needs a restart")] {
            do {
                try serving.replace([:], listen: serving.listen + [address])
                Issue.record("\(address) was bound")
            } catch {
                #expect("\(error)".contains(reason))
            }
        }
        let answer = try serving.client().ask("a.shop.svc.prod.cluster.local", id: 1)
        #expect(TestMessage.answerCount(try #require(answer)) == 1)
    }

    @Test func `unanswered questions fail, however many configurations ago they came`() throws {
        let upstream = try CountedUpstream(silent: .max)
        let serving = try Serving(["prod": [upstream.endpoint]])
        defer { serving.server.stop() }
        let client = try serving.client()
        for id in 0..<12 as Range<UInt16> {  // more than drain at a time
            client.send(TestMessage.question("n\(id).shop.svc.prod.cluster.local", id: id))
            try serving.wait { $0.engine.messages == Int(id) + 1 }
            try serving.replace(["prod": [upstream.endpoint]])
        }
        var failed: Set<UInt16> = []
        for _ in 0..<12 {
            guard let answer = try client.receive(milliseconds: 5000) else { break }
            if TestMessage.rcode(answer) == 2 { failed.insert(TestMessage.id(answer)) }
        }
        #expect(failed.count == 12)
    }

    @Test func `no question is lost while the configuration keeps changing`() throws {
        let upstreams = try (0..<2).map { _ in try CountedUpstream() }
        let serving = try Serving(["prod": [upstreams[0].endpoint]], workers: 2)
        defer { serving.server.stop() }
        let client = try serving.client()
        var answered = 0
        for round in 0..<20 {
            // Every name is asked for the first time, so that all wait for a server while the change is made.
            for id in 0..<50 as Range<UInt16> {
                client.send(TestMessage.question("n\(round)x\(id).shop.svc.prod.cluster.local", id: id))
            }
            try serving.replace(["prod": [upstreams[round % 2].endpoint]])
            for _ in 0..<50 {
                guard let answer = try client.receive(milliseconds: 6_000) else { break }
                if TestMessage.answerCount(answer) == 1 { answered += 1 }
            }
        }
        #expect(answered == 1000)
    }
}

/// A running server with clusters that can be replaced.
private struct Serving {
    let server: DNSServer
    let listen = ["127.0.0.1:0"].compactMap { Endpoint($0, defaultPort: 53) }
    let bound: Endpoint

    init(_ clusters: [String: [Endpoint]], workers: Int = 1) throws {
        server = try DNSServer(
            listen: listen, policy: ForwardingPolicy(Self.inventory(clusters)), workers: workers,
            cacheOctets: 1 << 20, news: { _ in })
        try server.start()
        bound = try #require(server.boundEndpoints.first)
    }

    private static func inventory(_ clusters: [String: [Endpoint]]) -> Inventory {
        Inventory(clusters: clusters.sorted { $0.key < $1.key }.map { Cluster(key: $0.key, dns: $0.value) })
    }

    func client() throws -> DatagramClient { try DatagramClient(bound) }

    func replace(_ clusters: [String: [Endpoint]], listen: [Endpoint]? = nil) throws {
        let policy = ForwardingPolicy(Self.inventory(clusters), after: server.policy)
        let problems = try server.replace(
            DNSServerChange(
                listen: listen ?? self.listen, policy: policy, settings: DNSServerSettings(), cookieSecrets: []))
        #expect(problems == [])
    }

    /// Waits until the first worker's numbers, which may be a tenth of a second old, fulfil `condition`.
    func wait(until condition: (WorkerStatistics) -> Bool) throws {
        let idle = try client()
        for _ in 0..<2000 {
            if let worker = server.statistics.workers.first, condition(worker) { return }
            _ = try idle.receive(milliseconds: 1)
        }
        Issue.record("the numbers never came")
    }
}

/// A name server whose answers tell who gave them: the address ends with its tag, and with a number that grows with each answer.
/// The first clients' questions, not those of probes, get none.
private final class CountedUpstream: Sendable {
    private let upstream: TestUpstream
    let tag: UInt8
    var endpoint: Endpoint { upstream.endpoint }

    private static let lastTag = Atomic<UInt8>(0)

    private final class Counter: Sendable {
        let answered = Atomic<UInt8>(0)
        let silent: Atomic<Int>
        init(_ silent: Int) { self.silent = Atomic(silent) }
    }

    init(silent: Int = 0) throws {
        let counter = Counter(silent)
        let tag = Self.lastTag.wrappingAdd(1, ordering: .relaxed).newValue
        self.tag = tag
        upstream = try TestUpstream { question, _ in
            // Probes ask for the apex and for names that begin with something else.
            let folded = question.map(foldedOctet)
            guard folded.contains(subsequence: TestMessage.wire("shop").dropLast()) else {
                return [TestMessage.answer(to: question, records: 0)]
            }
            if counter.silent.subtract(1, ordering: .relaxed).oldValue > 0 { return [] }
            let number = counter.answered.wrappingAdd(1, ordering: .relaxed).newValue
            return [Array(TestMessage.answer(to: question).dropLast(2)) + [tag, number]]
        }
    }
}

extension [UInt8] {
    fileprivate func contains(subsequence: some Collection<UInt8>) -> Bool {
        indices.contains { self[$0...].starts(with: subsequence) }
    }
}
