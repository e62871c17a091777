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

    private func run(_ arguments: String, environment: [String: String] = [:]) throws -> Program.Result {
        let file = try TemporaryFile(Self.file)
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
