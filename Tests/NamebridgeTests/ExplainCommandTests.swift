import Foundation
import Testing

/// `namebridge explain` and `net plan --matrix` as people call them.
@Suite struct ExplainCommandTests {
    /// A cluster and an office whose name server answers no client.
    private static let file = """
        clusters:
          prod:
            dns: [127.0.0.1:9]
            pods: [10.244.0.0/16]
            services: [10.96.0.0/16]
            cni: flannel-host-gw
            nodes: { n1: { address: 192.168.5.11, pods: [10.244.1.0/24] } }
        sites:
          office: { networks: [172.16.0.0/18], router: 172.16.0.1 }
        paths:
          - { from: office, to: prod, via: relay, relays: [n1] }

        """

    private func run(
        _ arguments: String, environment: [String: String] = [:], replacing change: (String, String)? = nil
    ) throws -> Program.Result {
        let text = change.map { Self.file.replacingOccurrences(of: $0.0, with: "\($0.1)\n    kube-proxy: { mode: none }") }
        let file = try TemporaryFile(text ?? Self.file)
        return try Program.run(
            arguments.split(separator: " ").map(String.init) + ["--config", file.path], environment: environment)
    }

    @Test(arguments: [
        ("prod/pods:99999", "a port is 1 to 65535"), ("prod/pods:x", "a port is 1 to 65535"),
        ("prod/pods:0", "a port is 1 to 65535"), ("[10.244.1.7]:", "a port is 1 to 65535"),
        ("prod/pod", "did you mean \"prod/pods\"?"), ("prod/nosuchhost", "is no site, cluster, host"),
        ("office/nosuchhost", "is no site, cluster, host"),
    ])
    func `what is no destination is wrong usage`(_ target: String, _ words: String) throws {
        for option in ["", " --offline"] {
            let result = try run("explain\(option) --planned office \(target)")
            #expect(result.code == 2 && result.errors.contains(words), "\(option) \(target): \(result)")
        }
    }

    @Test(arguments: ["prod/pods", "prod/pods:80", "prod/10.244.1.7:443", "[10.244.1.7]:80", "prod/n1:22", "10.244.1.7"])
    func `what is a destination is one`(_ target: String) throws {
        let result = try run("explain --planned --offline office \(target)")
        #expect(result.code == 0, "\(target): \(result)")
    }

    @Test func `the reason why a name has no address is that of a query`() throws {
        let result = try run("explain --planned office web.shop:80")
        #expect(result.code == 2 && !result.errors.contains("no address came"), "\(result)")
    }

    @Test func `a place that the file does not know is named`() throws {
        let result = try run("explain --planned office 8.8.8.8")
        #expect(result.code == 1 && result.output.contains("(NO_ROUTE)"), "\(result)")
        #expect(result.output.contains("office -> 8.8.8.8, TCP"), "\(result)")
        #expect(
            result.output.contains("no path of the file leads to 8.8.8.8") && !result.output.contains("at the network"),
            "\(result)")
    }

    @Test func `the exit code is 0 for what arrives, 1 for what does not, 2 for wrong usage, 3 for what is not known`() throws {
        #expect(try run("explain --planned --offline office prod/services").code == 0)
        #expect(try run("explain --planned --offline prod/pods 8.8.8.8").code == 1)
        #expect(try run("explain --planned --offline office nowhere").code == 2)
        #expect(try run("explain --planned --offline --size 9 office prod/pods").code == 2)
        let unknown = try run("explain --planned --offline office prod/services", replacing: ("flannel-host-gw", "calico-bgp"))
        #expect(unknown.code == 3 && unknown.output.contains("(PROXY_MODE_UNKNOWN)"), "\(unknown)")
        let stranger = try run("explain --planned --offline 198.51.100.7 prod/pods")
        #expect(stranger.code == 3 && stranger.output.contains("does not tell where 198.51.100.7 is"), "\(stranger)")
    }

    @Test func `programs read the verdict, what decides, the fix and each step`() throws {
        let result = try run("explain --planned --offline prod/pods 8.8.8.8 --output json")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect(json["verdict"] as? String == "unreachable" && json["code"] as? String == "NO_ROUTE")
        let decision = try #require(json["decided_by"] as? [String: Any])
        #expect(Set(decision.keys).isSuperset(of: ["host", "rule", "evidence"]) && json["fix"] is String)
        let traces = try #require(json["traces"] as? [[String: Any]])
        let trace = try #require(traces.first)
        #expect(trace["direction"] as? String == "forward" && trace["disposition"] as? String == "lost")
        let hop = try #require((trace["hops"] as? [[String: Any]])?.first)
        let step = try #require((hop["steps"] as? [[String: Any]])?.first)
        #expect(hop["host"] is String && hop["role"] is String)
        let members = ["stage", "action", "code", "rule", "before", "after", "device", "mtu", "evidence"]
        #expect(Set(step.keys).isSuperset(of: members), "\(step.keys)")
        #expect((step["before"] as? String)?.hasPrefix("tcp ") == true)
        let whole = try run("explain --planned --offline office prod/services --output json")
        let ways = try #require(
            (try JSONSerialization.jsonObject(with: Data(whole.output.utf8)) as? [String: Any])?["traces"] as? [[String: Any]])
        #expect(Set(ways.compactMap { $0["direction"] as? String }) == ["forward", "reply"])
    }

    @Test(arguments: [60, 80]) func `an explanation is no wider than it may be`(width: Int) throws {
        for target in ["office prod/services", "office prod/pods", "prod/pods 8.8.8.8"] {
            let result = try run("explain --planned --offline \(target)", environment: ["COLUMNS": "\(width)"])
            let wide = result.output.split(separator: "\n").filter { $0.count > width }
            #expect(wide.isEmpty && result.output.contains("["), "\(wide)")
            #expect(!result.output.contains("\u{1B}["), "no colour where no terminal is")
        }
    }

    @Test func `the matrix is no wider than it may be`() throws {
        let whole = try run("net plan --matrix")
        let narrow = try run("net plan --matrix", environment: ["COLUMNS": "60"])
        for result in [whole, narrow] {
            #expect(result.code == 0 && result.output.contains("namebridge-explain(8)"), "\(result)")
            #expect(result.output.contains("# large: "), "\(result)")
        }
        #expect(whole.output.contains("tcp"))
        let table = narrow.output.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(table.allSatisfy { $0.count <= 60 } && table.count > 3, "\(narrow.output)")
    }
}
