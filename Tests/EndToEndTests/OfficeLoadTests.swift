import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// An office's load from addresses of its own, with the packaged configuration: nothing may be lost, and no
    /// answer that fits may be truncated. The large form is `make bench BENCH=--office`.
    @Suite(.serialized) struct OfficeLoad {
        private static let isPossible =
            geteuid() == 0 && Tool.areInstalled("ip", "nsenter", "unshare", "sh")
            && (try? Tool.run(["unshare", "--net", "true"]).status) == 0 && Office.baseline != nil

        @Test(.enabled(if: isPossible, "network namespaces need root, iproute2 and util-linux"))
        func `stub resolvers of one network get every answer`() throws {
            let office = try Office()
            let load = try office.ask(
                "--suffix test.svc.prod.cluster.local --count 50 --pairs --from 10.98.1.1 --clients 200 --rate 400 --seconds 2")
            #expect(load.isPerfect, "\(load)\n\(office.log)")
        }

        @Test(.enabled(if: isPossible, "network namespaces need root, iproute2 and util-linux"))
        func `one resolver in front gets every answer, as fast as it asks`() throws {
            let office = try Office()
            for pace in ["--rate 300", "--rate 3000", "--window 50"] {
                for pairs in ["--pairs", ""] {
                    let load = try office.ask(
                        "--suffix test.svc.prod.cluster.local --count 500 --from 10.98.0.53 --seconds 1 \(pairs) \(pace)")
                    #expect(load.isPerfect, "\(pace): \(load)\n\(office.log)")
                }
            }
        }

        @Test(.enabled(if: isPossible && Tool.areInstalled("dnsperf"), "needs root, iproute2, util-linux and dnsperf"))
        func `two hundred clients behind one address have connections of their own`() throws {
            let report = try Office().askOverTCP(connections: 200)
            #expect(report.contains("Queries completed") && !report.contains("Queries completed:    0"), "\(report)")
            #expect(report.contains("Queries lost:         0 ") && report.contains("Reconnections:        0"), "\(report)")
        }

        @Test(.enabled(if: isPossible, "network namespaces need root, iproute2 and util-linux"))
        func `a dead cluster takes nothing from the others of one resolver in front`() throws {
            let office = try Office()
            let dead = "--suffix test.svc.dead.cluster.local --count 1000000 --from 10.98.0.53 --rate 1500 --seconds 3"
            let live = "--suffix test.svc.prod.cluster.local --count 1000000 --from 10.98.0.53 --rate 500 --seconds 3"
            let loads = try office.askTogether([dead, live])
            #expect(loads[1].isPerfect, "\(loads[1])\n\(office.log)")
            #expect(loads[0].lost == 0 && loads[0].truncated == 0, "\(loads[0])\n\(office.log)")
        }
    }
}

/// Namebridge on a host of its own between an office and two clusters, of which one is silent.
private final class Office {
    private let folder: TemporaryFolder
    private let office: Namespace
    private let servers: [ServerProcess]

    /// What became of a load's questions, as `baseline load` reports it.
    struct Report: Decodable {
        let sent, received, wrong, failed, truncated, lost: Int

        var isPerfect: Bool { sent > 0 && received == sent }
    }

    /// The load generator, which is built with the tests.
    static let baseline: String? = Tool.namebridge.map {
        URL(filePath: $0).deletingLastPathComponent().path + "/baseline"
    }.flatMap { FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil }

    init() throws {
        let folder = try TemporaryFolder()
        let host = try Namespace("host", in: folder)
        let office = try Namespace("office", in: folder)
        try host.join(office)
        try host.add(["10.98.0.1/16"])
        try office.add(["10.98.0.53/16"])
        let addresses = (1...200).map { "address add 10.98.1.\($0)/16 dev cable" }
        try office.run("ip", "-batch", folder.write(addresses.joined(separator: "\n") + "\n", to: "addresses"))
        guard let baseline = Self.baseline else { throw TestFailure("the program baseline is not built") }
        // The bad way to a server loses all that it is sent.
        let commands = ["answer 5301 --records 20 --ttl 5", "delay 5302 5301 --drop 100"]
        let clusters = try commands.map {
            try ServerProcess("baseline", host.prefix + [baseline] + $0.split(separator: " ").map(String.init), in: folder)
        }
        let namebridge = try RealServers.namebridge(
            "namebridge", Self.configuration(), port: 53, in: folder, inside: host)
        servers = clusters + [namebridge]
        (self.folder, self.office) = (folder, office)
    }

    deinit { for server in servers { server.end() } }

    /// The packaged file, with addresses of servers that are here.
    private static func configuration() throws -> String {
        let packaged = try String(contentsOfFile: Tool.packageFile("config/namebridge.yaml"), encoding: .utf8)
        let text = packaged.replacing("dns: [10.96.0.10]", with: "dns: [\"127.0.0.1:5301\"]")
        guard text != packaged else { throw TestFailure("the packaged configuration has no dns: [10.96.0.10]") }
        return text.replacing("\nclusters:\n", with: "\nclusters:\n  dead: { dns: [\"127.0.0.1:5302\"] }\n")
    }

    var log: String { servers.last?.output ?? "" }

    /// Runs a load to its end.
    func ask(_ options: String) throws -> Report { try askTogether([options])[0] }

    /// Asks for a second over so many connections from one address; what dnsperf(1) reports.
    func askOverTCP(connections: Int) throws -> String {
        let names = try folder.write("n1.test.svc.prod.cluster.local A\n", to: "names")
        let result = try office.run(
            "dnsperf", "-s", "10.98.0.1", "-m", "tcp", "-d", names, "-c", "\(connections)", "-q", "\(connections)",
            "-l", "1", "-t", "5")
        return result.output + result.errors
    }

    /// Runs loads at the same time.
    func askTogether(_ loads: [String]) throws -> [Report] {
        guard let baseline = Self.baseline else { throw TestFailure("the program baseline is not built") }
        let commands = loads.enumerated().map { index, options in
            "\(baseline) load 53 --to 10.98.0.1 --records 20 --timeout 5 \(options) > \(folder.path)/load\(index) &"
        }
        try office.run("sh", "-c", commands.joined(separator: "\n") + "\nwait")
        return try loads.indices.map { index in
            let octets = try Data(contentsOf: URL(filePath: "\(folder.path)/load\(index)"))
            return try JSONDecoder().decode(Report.self, from: octets)
        }
    }
}
