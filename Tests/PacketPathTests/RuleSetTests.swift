import Foundation
import NetworkModel
import PacketPath
import Testing

/// What the rules that common programs make do to packets from an office to a cluster and back.
@Suite struct RuleSetTests {
    /// A line of `RuleSets/flows.txt`.
    struct Row: Sendable, CustomTestStringConvertible {
        let rules: String
        let flow: String

        /// `accept`, or what the outcome begins with.
        let outcome: String
        let reason: String

        var testDescription: String { "\(rules): \(flow): \(reason)" }
    }

    static let rows: [Row] = {
        var rules = ""
        return ((try? TestHost.read("flows.txt")) ?? "").split(separator: "\n").compactMap { line in
            if line.hasPrefix("[") { rules = String(line.dropFirst().dropLast()) }
            let parts = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard parts.count == 3 else { return nil }
            return Row(rules: rules, flow: parts[0], outcome: parts[1], reason: parts[2])
        }
    }()

    @Test func `the table of packets has rows`() { #expect(Self.rows.count > 40) }

    @Test(arguments: rows) func `packets have the expected outcome`(row: Row) throws {
        let outcome = try TestHost.outcome(row.flow, on: TestHost.state(row.rules))
        #expect(row.outcome == "accept" ? outcome == "accept" : outcome.hasPrefix(row.outcome), "\(outcome)")
    }

    @Test func `a drop of any of several programs is found, and so are all of them`() throws {
        let state = try TestHost.state("docker.save", "firewalld.json", "nixos.json")
        let walk = PacketWalk(PacketRules(state), routes: RouteLookup(state))
        let trace = walk.trace(try TestHost.flow("tcp 172.16.3.50 > 10.244.2.8", on: state))
        #expect(Set(trace.steps.map(\.rule.table)) == ["filter", "firewalld", "nixos-fw"])
        #expect(trace.verdict == .dropped(by: try #require(trace.steps.first?.rule)))
        #expect(trace.steps.allSatisfy { $0.packet.description == "tcp 172.16.3.50:47001 > 10.244.2.8:18443" })
    }
}
