import DNSServer
import HTTP
import IPAddressing
import Inventory
import Testing
import Time

@testable import AdminServer
@testable import Forwarding

/// `/ready` and `/health`.
@Suite struct AdminPagesTests {
    /// What has become of a server.
    enum Fate { case answers, dead, looping }

    @Test(
        arguments: [
            ([.answers, .answers], 200, ["ready"], "all answer"),
            ([.answers, .dead], 200, ["ready"], "one cluster can be asked"),
            ([.looping, .answers], 200, ["ready"], "and here the other one"),
            ([.dead, .dead], 503, ["c0: 192.0.2.1:53 is dead (no answer)", "c1: 192.0.2.2:53 is dead"], "none answers"),
            ([.looping, .dead], 503, ["c0: 192.0.2.1:53 is looping (came back)"], "who forwards to us answers nothing"),
            ([.looping, .looping], 503, ["c1: 192.0.2.2:53 is looping (came back)"], "all forward to us"),
            ([], 503, ["no name server is configured"], "there is no server to ask"),
        ] as [([Fate], Int, [String], String)])
    func `ready says whether a cluster can be asked, and why not`(
        fates: [Fate], code: Int, words: [String], reason: String
    ) throws {
        let clusters = try fates.indices.map { index in
            Cluster(key: "c\(index)", dns: [try #require(Endpoint("192.0.2.\(index + 1)", defaultPort: 53))])
        }
        let inventory = Inventory(clusters: clusters)
        let server = try DNSServer(
            listen: [Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)], policy: ForwardingPolicy(inventory),
            workers: 1)
        for (health, fate) in zip(server.board.servers, fates) {
            switch fate {
            case .answers: break
            case .dead: health.markDead("no answer")
            case .looping: health.markLooping("came back", at: MonotonicTime(nanoseconds: 1))
            }
        }
        let loopback = IPAddress(v4: 0x7F00_0001)
        let pages = AdminPages(ServerControl(server, version: "1", inventory: inventory))
        let text = String(
            decoding: try #require(pages.respond(.init(path: "/ready", client: loopback))).octets(isHead: false), as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 \(code) "), "\(reason): \(text)")
        for word in words { #expect(text.contains(word), "\(reason): \(text)") }
        let far = try #require(IPAddress("198.51.100.9"))
        let shown = String(
            decoding: try #require(pages.respond(.init(path: "/ready", client: far))).octets(isHead: false), as: UTF8.self)
        #expect(shown.hasPrefix("HTTP/1.1 \(code) ") && !shown.contains("192.0.2."), "what other hosts see: \(shown)")
        let health = try #require(pages.respond(.init(path: "/health", client: loopback))).octets(isHead: false)
        #expect(String(decoding: health, as: UTF8.self).hasPrefix("HTTP/1.1 200 "), "it runs all the same")
    }
}
