import AdminServer
import Forwarding
import Testing

@testable import namebridge

/// What `namebridge status` prints.
@Suite struct StatusTextTests {
    @Test func `everything the page shows fits into 80 columns, problems first`() {
        let text = Self.shown(StatusText(Self.troubled).text())
        #expect(text == Self.golden, "\(text)")
    }

    @Test func `outer ranges come with the packets that this host translates`() {
        var status = ServerStatus()
        status.groups = [
            .init(name: "prod", servers: []), .init(name: "staging", servers: []), .init(name: "plain", servers: []),
        ]
        status.groups[0].map = [
            .init(inner: "10.244.0.0/16", outer: "10.200.0.0/16"), .init(inner: "10.96.0.0/12", outer: "10.208.0.0/12"),
        ]
        status.groups[0].translatedPackets = 12_345
        status.groups[1].map = [.init(inner: "10.244.0.0/16", outer: "10.201.0.0/16")]
        let text = Self.shown(StatusText(status).text())
        #expect(
            text.contains(
                """
                addresses outside
                  prod     10.244.0.0/16  as 10.200.0.0/16  12 345 packets translated here
                           10.96.0.0/12   as 10.208.0.0/12
                  staging  10.244.0.0/16  as 10.201.0.0/16

                """), "\(text)")
        #expect(!text.contains("plain"), "a cluster without a map")
    }

    private static let golden = """
        namebridge 0.1.0 on relay1  process 4711  up 2 h 13 min  configuration 3
        7 problems:
          !  staging: no name server answers: 172.17.20.11:30053 no answer within 1 s
             affected: docs.preview.svc.staging.cluster.local (17 failed)
             cause: Nothing listens at 172.17.20.11:30053, or a firewall or a missing
             route is in the way.
             do: namebridge doctor asks it in each way
          !  upstream: no name server answers: our question came back from
             [2001:db8:1234:5678:9abc:def0:1234:5678]:53 after 12 hops
             affected: every name of no cluster
             do: take the suffixes of Namebridge out of the forward zones of
             [2001:db8:1234:5678:9abc:def0:1234:5678]:53
             do: namebridge doctor asks it in each way
          !  this host is short of descriptors: 312 times in 2 min 10 s, the last
             question to 10.96.0.10:53 1 s ago; raise LimitNOFILE= of namebridge.service
             (ulimit -n), or set fewer dns.workers or dns.limits.connections
          !  1 204 answers that match no question came in the name of 10.96.0.10:53,
             [fd00::a]:53 in 3 min 5 s, the last 2 s ago: they are forged, or something
             on the way delivers answers twice; find the sender (tcpdump -eni any 'src
             host 10.96.0.10 and udp src port 53'), and have the routers drop source
             addresses that do not belong there
          !  path office -> prod: 2 of 9 objects missing
             do: namebridge net status lists what is missing here, namebridge net apply
             puts it back
          !  network: removed again and again by another program: nft table namebridge
             do: let one program alone keep it: the journal of namebridge-agent names
             the other one
          !  the changed configuration was not taken: namebridge.yaml:4:3: dns.wrokers:
             unknown key, did you mean "workers"?
             do: namebridge check lists every mistake; after the change, namebridge
             reload

        questions               1 204 518  312/s over the last 12 s
          answered of late         99.9 %  of 93 204 in 5 min
                              since start          last 5 min
          from the cache          998 120  82.9 %      77 120  82.7 %
          from servers            205 194  17.0 %      16 067  17.2 %
          answered here             1 187   0.1 %           0   0.0 %
          no server answered           17   0.0 %          17   0.0 %
        ▇▁▄█
        20 s, at most 320/s, 17 without an answer
        cache: 41 208 answers, 11.1 MiB of 64.0 MiB, 83.3 % hits, 0 evicted

        cluster   server              state            RTT     p99    asked  failed
        prod      10.96.0.10:53       answers       812 µs  4.2 ms  205 194       0
                  10.96.0.11:53       without EDNS  1.3 ms       -        0       0
          last error:  10.96.0.11:53 timeout
        staging   172.17.20.11:30053  DEAD               -       -        0       0
          last error:  no answer within 1 s
        upstream  [2001:db8:1234:5678:9abc:def0:1234:5678]:53
                                      LOOPING            -       -        0       0
          last error:  our question came back from
                       [2001:db8:1234:5678:9abc:def0:1234:5678]:53 after 12 hops

        paths
          office -> prod     2 of 9 objects missing  relay, relay1, source translated
          office -> staging  not reported            relay, relay2, source kept
          prod <-> staging   31 objects in place     vxlan, segment 10001, UDP port 4899

        last failures
          17 x  12 s ago  staging: 172.17.20.11:30053 refused
                          docs.preview.svc.staging.cluster.local

        network      38 of 40 objects in place, 5 put back so far
          off        ip -4 route add 172.17.33.0/24 via 172.17.14.11 proto 78
                     nft rule inet namebridge postrouting ip saddr 172.16.0.0/18 ip
                     daddr 172.17.16.0/20 masquerade
          contested  nft table namebridge
          last lost  nft table namebridge
          likely by  nft -f /etc/nftables.conf (process 812)

        time taken        p50     p95     p99  of
          asking prod  950 µs  1.8 ms  4.4 ms  31

        limits hit
          5  questions beyond a network's rate

        answers with an address outside the cluster
          7  prod

        reasons given (EDE)
          1 187  20 Not Authoritative
             17  22 No Reachable Authority

        most asked
          9 120  web.shop.svc.prod.cluster.local
             44  cart.shop.svc.prod.cluster.local

        who asks most
          9 164  172.16.3.7

        worker  questions  in flight  connections
        0       1 204 518          3            0
        all 1   1 204 518          3            0
        """

    @Test(arguments: [20, 60, 80, 100, 120, 400])
    func `no line is longer than the window is wide`(columns: Int) {
        let lines = StatusText(Self.troubled, columns: columns).lines
        for line in lines { #expect(line.text.count <= max(60, columns), "\(line.text)") }
        let heads = lines.first { $0.text.hasPrefix("cluster") }?.text ?? ""
        #expect(heads.contains("p50") == (columns >= 100) && heads.contains("RTT") == (columns >= 80))
    }

    @Test func `problems have colours, and a healthy server has none`() throws {
        let lines = StatusText(Self.troubled).lines
        func style(_ text: String) throws -> Style? { try #require(lines.first { $0.text.contains(text) }).style }
        #expect(try style("7 problems") == .error)
        #expect(try style("staging   172.17.20.11:30053") == .error)
        #expect(try style("10.96.0.11:53  ") == .warning)
        #expect(try style("prod      10.96.0.10:53") == nil)
        #expect(try style("no server answered") == .error)
        #expect(try style("office -> prod ") == .error && style("office -> staging") == nil)
        #expect(try style("prod <-> staging") == .success)
        var fine = Self.troubled
        fine.groups = [fine.groups[0]]
        fine.paths = []
        fine.network = nil
        fine.unmatched = nil
        fine.shortages = []
        fine.reload.lastProblems = []
        #expect(StatusText(fine).lines[1] == .init("All well.", .success))
    }

    @Test func `an empty status has lines, too, and a low window gets the first ones`() {
        let text = Self.shown(StatusText(ServerStatus()).text())
        #expect(text.contains("All well.") && text.contains("No name server is configured."))
        let low = StatusText(Self.troubled).text(rows: 10)
        #expect(low.count == 10 && low.last?.rendered(for: nil).hasSuffix(" more lines") == true)
    }

    /// As it goes to a file.
    private static func shown(_ lines: [StyledText]) -> String { StyledText.joined(lines).rendered(for: nil) }

    @Test func `nothing that is shown moves the cursor`() {
        var status = Self.troubled
        status.failures[0].reason = "bad\u{1B}[2J\u{9B}1m\u{7F}news"
        let text = Self.shown(StatusText(status).text())
        #expect(text.contains(#"bad\u{1b}[2J\u{9b}1m\u{7f}news"#) && !text.contains("\u{1B}"))
    }

    @Test(
        arguments: [
            ("", 5, [""], "nothing"), ("a b", 5, ["a b"], "it fits"), ("aaa bbb", 5, ["aaa", "bbb"], "between words"),
            ("aaaaaaa", 3, ["aaa", "aaa", "a"], "inside a long word"), ("a bbbbb", 3, ["a", "bbb", "bb"], "both"),
            ("ab  cd", 9, ["ab  cd"], "spaces stay"), ("aaa bbb", 7, ["aaa bbb"], "to the last column"),
        ] as [(String, Int, [String], String)])
    func `text is broken between words where it can be`(text: String, width: Int, lines: [String], reason: String) {
        #expect(text.wrapped(width) == lines, "\(reason)")
    }

    /// A relay with much trouble.
    private static var troubled: ServerStatus {
        var status = ServerStatus()
        status.version = "0.1.0"
        status.host = "relay1"
        status.processID = 4711
        status.uptimeSeconds = 7_980
        status.reload.generation = 3
        status.reload.lastProblems = ["namebridge.yaml:4:3: dns.wrokers: unknown key, did you mean \"workers\"?"]
        var worker = ServerStatus.Worker()
        worker.questions = 1_204_518
        worker.hits = 998_120
        worker.answered = 205_194
        worker.local = 1_187
        worker.failed = 17
        worker.inFlight = 3
        status.workers = [worker]
        (status.recentTotal.questions, status.recentTotal.hits) = (93_204, 77_120)
        (status.recentTotal.answered, status.recentTotal.failed) = (16_067, 17)
        (status.success.seconds, status.success.questions, status.success.failed) = (300, 93_204, 17)
        status.shortages = [
            .init(.descriptors, count: 312, sinceSeconds: 130, secondsAgo: 1, server: "10.96.0.10:53")
        ]
        status.unmatched = .init(
            count: 1_204, sinceSeconds: 185, secondsAgo: 2, servers: ["10.96.0.10:53", "[fd00::a]:53"])
        status.recentQuestions = 3_744
        status.recentMilliseconds = 12_000
        status.history = [(1_500, 0), (0, 0), (750, 17), (1_600, 0)].map {
            .init(milliseconds: 5_000, questions: $0.0, failed: $0.1)
        }
        var cache = ServerStatus.Cache()
        (cache.entries, cache.octets, cache.limit, cache.hits, cache.misses) = (41_208, 11_744_051, 64 << 20, 5, 1)
        status.cache = cache
        var prod = ServerStatus.Server(address: "10.96.0.10:53", state: "full", roundTripMicroseconds: 812)
        (prod.asked, prod.answered) = (205_194, 205_194)
        prod.straying = 7
        prod.latency.median = 900
        prod.latency.p99 = 4_200
        var old = ServerStatus.Server(address: "10.96.0.11:53", state: "without EDNS", roundTripMicroseconds: 1_300)
        old.lastError = "10.96.0.11:53 timeout"
        let dead = ServerStatus.Server(address: "172.17.20.11:30053", state: "dead", lastError: "no answer within 1 s")
        let looping = ServerStatus.Server(
            address: "[2001:db8:1234:5678:9abc:def0:1234:5678]:53", state: "looping",
            lastError: "our question came back from [2001:db8:1234:5678:9abc:def0:1234:5678]:53 after 12 hops")
        status.groups = [
            .init(name: "prod", servers: [prod, old]), .init(name: "staging", servers: [dead]),
            .init(name: "upstream", servers: [looping]),
        ]
        status.groups[0].latency.count = 31
        status.groups[0].latency.median = 950
        status.groups[0].latency.p95 = 1_800
        status.groups[0].latency.p99 = 4_400
        status.paths = [
            .init(from: ["office"], to: ["prod"], carrier: "relay", details: ["relay1", "source translated"]),
            .init(from: ["office"], to: ["staging"], carrier: "relay", details: ["relay2", "source kept"]),
            .init(from: ["prod", "staging"], to: [], carrier: "vxlan", details: ["segment 10001, UDP port 4899"]),
        ]
        status.paths[0].state = .init(isKept: true, wanted: 9, missing: 2)
        status.paths[2].state = .init(isKept: true, wanted: 31, missing: 0)
        status.failures = [
            .init(
                cluster: "staging", name: "docs.preview.svc.staging.cluster.local",
                reason: "staging: 172.17.20.11:30053 refused", count: 17, secondsAgo: 12)
        ]
        var network = ServerStatus.NetworkObjects()
        (network.isRunning, network.wanted, network.present, network.healed) = (true, 40, 38, 5)
        network.missing = [
            "ip -4 route add 172.17.33.0/24 via 172.17.14.11 proto 78",
            "nft rule inet namebridge postrouting ip saddr 172.16.0.0/18 ip daddr 172.17.16.0/20 masquerade",
        ]
        network.lastLost = ["nft table namebridge"]
        network.suspicion = "nft -f /etc/nftables.conf (process 812)"
        network.contested = ["nft table namebridge"]
        status.network = network
        status.limits = [.init("rate", "questions beyond a network's rate", 5), .init("loop", "unused", 0)]
        status.extendedErrors = [.init("22", "No Reachable Authority", 17), .init("20", "Not Authoritative", 1_187)]
        status.topNames = [
            .init("web.shop.svc.prod.cluster.local", "", 9_120), .init("cart.shop.svc.prod.cluster.local", "", 44),
        ]
        status.topClients = [.init("172.16.3.7", "", 9_164)]
        return status
    }
}
