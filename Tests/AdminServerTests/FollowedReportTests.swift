import DNSServer
import Forwarding
import Foundation
import IPAddressing
import Inventory
import LinuxSystem
import Testing

@testable import AdminServer

/// What a server tells of clusters that are followed: in its status, on its page, and to Prometheus.
@Suite struct FollowedReportTests {
    /// A server whose cluster `prod` is followed, with that report of the follower; nil: none.
    private static func told(_ report: String?) throws -> (status: ServerStatus, metrics: String, page: String) {
        let folder = try StateFolder(path: "/tmp/namebridge-reports-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        let address = IPAddress(v4: 0x7F00_0001)
        var cluster = Cluster(key: "prod", dns: [Endpoint(address: address, port: 9)])
        cluster.follow = FollowSettings(context: "prod")
        let inventory = Inventory(clusters: [cluster])
        if let report { try folder.write("prod.json", Array(report.utf8)) }
        let server = try DNSServer(
            listen: [Endpoint(address: address, port: 0)], policy: ForwardingPolicy(inventory), workers: 1)
        let control = ServerControl(
            server, version: "1", inventory: inventory,
            reports: HostReports(agentFile: "/nonexistent", factsFolder: folder.path))
        return (control.status, control.metrics, StatusPage(control.status).document(nonce: "abc"))
    }

    private static func report(_ state: String, age: Int, _ reason: String = "null") -> String {
        #"{"answered":\#(WallClock.seconds - age),"state":"\#(state)","reason":\#(reason),"process":\#(ThisProcess.identifier)}"#
    }

    @Test func `a cluster that has not answered for ten minutes is told everywhere, with the reason`() throws {
        let told = try Self.told(Self.report("failing", age: 70_000, #""the login <has> expired""#))
        #expect(told.metrics.contains("namebridge_follower_up{cluster=\"prod\"} 0\n"))
        #expect(told.metrics.contains("namebridge_facts_age_seconds{cluster=\"prod\"} 700"), "the alert is above 600")
        #expect(told.status.troubles.contains { $0.hasPrefix("prod: facts are old: failing, as of 19 h") })
        #expect(told.page.contains("the login &lt;has&gt; expired"))
        #expect(told.page.contains("<p class=\"alarm\">failing, as of 19 h"))
    }

    @Test func `a cluster that is followed is no trouble, one that no follower reports is`() throws {
        let good = try Self.told(Self.report("following", age: 1))
        #expect(good.metrics.contains("namebridge_follower_up{cluster=\"prod\"} 1\n"))
        #expect(good.status.troubles == [] && good.page.contains("<p>following, as of"))
        let none = try Self.told(nil)
        #expect(none.metrics.contains("namebridge_follower_up{cluster=\"prod\"} 0\n"))
        #expect(!none.metrics.contains("namebridge_facts_age_seconds{"))
        #expect(none.status.troubles.contains { $0.contains("no \"namebridge follow\" reports") })
        // The process of an earlier report may be gone.
        let gone = try Self.told(#"{"answered":\#(WallClock.seconds),"state":"following","process":4194300}"#)
        #expect(gone.metrics.contains("namebridge_follower_up{cluster=\"prod\"} 0\n"))
    }
}
