import Foundation
import IPAddressing
import Inventory
import InventoryFile
import JSON
import PacketPath
import PathExplanation
import Testing

/// The networks of the documentation before, half-way and after: what is said of their packets.
@Suite struct PlannedNetworkTests {
    @Test(arguments: cases)
    func `the verdict, the deciding object and the source are right`(_ example: Case) throws {
        let explanation = try explain(example.network, example.from, example.to)
        let text = ExplanationText(explanation).lines.map(\.text).joined(separator: "\n")
        #expect(explanation.verdict == example.verdict, "\(text)")
        #expect(explanation.code == example.code, "\(text)")
        if example.decision.isEmpty {
            #expect(explanation.decision == nil, "\(text)")
        } else {
            let decision = try #require(explanation.decision, "\(text)")
            #expect("\(decision.host), \(decision.rule)".contains(example.decision), "\(text)")
            #expect(!explanation.fix.isEmpty, "\(text)")
        }
        if !example.sources.isEmpty {
            let seen = Set(explanation.exchanges.filter(\.isComplete).map { "\($0.request.last.source)" })
            #expect(seen == Set(example.sources), "\(text)")
        }
    }

    @Test(arguments: [
        ("n0-fixed", "new", "old"), ("n2-broken", "office", "prod/pods"), ("n2-fixed", "office", "prod"),
        ("n3-fixed", "c1", "c3"), ("n4-broken", "office", "shop"), ("n4-fixed", "office", "shop"),
    ])
    func `the text is as recorded`(_ network: String, _ from: String, _ to: String) throws {
        let explanation = try explain(network, from, to)
        let text = ExplanationText(explanation).lines.map(\.text).joined(separator: "\n") + "\n"
        try expectGolden(text, "\(network).txt")
        try expectGolden(explanation.json.text() + "\n", "\(network).json")
    }

    /// A question about a network, and the answer.
    struct Case: CustomTestStringConvertible, Sendable {
        let network: String
        let from: String
        let to: String
        let verdict: Explanation.Verdict
        let code: PathCode?

        /// What decides: a part of the line.
        let decision: String

        /// What destinations see as the source, in the order of the ways that pass.
        var sources: [String] = []

        var testDescription: String { "\(network): \(from) -> \(to)" }
    }

    static let cases: [Case] = [
        // The cloud's table has only its own networks.
        Case(
            network: "n0-broken", from: "new", to: "old/pods", verdict: .unreachable, code: .noRoute,
            decision: "pod-rt-0, no route to 172.26."),
        // Answers may take the other relay, whose kube-proxy drops them.
        Case(
            network: "n0-half", from: "new", to: "old", verdict: .depends, code: .replyBypassesRelay,
            decision: ", route "),
        // MASQUERADE takes the tunnel's address, except for pods on the relay itself.
        Case(
            network: "n0-fixed", from: "new", to: "old", verdict: .reachable, code: .sourceBecomes, decision: "",
            sources: ["10.0.0.19", "10.0.0.3", "172.26.241.64", "172.26.95.0"]),
        Case(
            network: "n1-broken", from: "prod/192.168.5.77", to: "prod/services", verdict: .unknown,
            code: .notObserved, decision: "the file"),
        Case(
            network: "n1-half", from: "n1", to: "prod/pods", verdict: .reachable, code: nil, decision: "",
            sources: ["10.244.1.0", "10.244.1.1"]),
        Case(
            network: "n1-fixed", from: "prod/10.244.1.7", to: "prod/10.244.2.8", verdict: .reachable, code: nil,
            decision: "", sources: ["10.244.1.7"]),
        Case(
            network: "n2-broken", from: "office", to: "prod/172.17.54.238", verdict: .unreachable, code: .noRoute,
            decision: "office-router, no route to 172.17.54.238"),
        Case(
            network: "n2-half", from: "office", to: "prod/pods", verdict: .reachable, code: .sourceBecomes,
            decision: "", sources: ["172.17.14.11", "172.17.33.0"]),
        Case(
            network: "n2-half", from: "office", to: "prod/services", verdict: .unreachable, code: .noRoute,
            decision: "office-router, no route to 172.17.16.10"),
        Case(
            network: "n2-fixed", from: "office", to: "prod", verdict: .reachable, code: .sourceBecomes, decision: "",
            sources: ["172.17.14.11", "172.17.33.0"]),
        Case(
            network: "n3-broken", from: "c1", to: "c3/pods", verdict: .unreachable, code: .noRoute,
            decision: "no route to 10.236."),
        Case(
            network: "n3-half", from: "c1", to: "c3/services", verdict: .unreachable, code: .noRoute,
            decision: "no route to 10.236.0.10"),
        Case(
            network: "n3-half", from: "c1", to: "c3/pods", verdict: .reachable, code: nil, decision: "",
            sources: ["10.234.111.10"]),
        Case(
            network: "n3-fixed", from: "c1", to: "c3/services", verdict: .reachable, code: .sourceBecomes,
            decision: ""),
        // Half of the services: the pod on the other node answers past the node that translated.
        Case(
            network: "n4-broken", from: "office", to: "shop/services", verdict: .depends, code: .replyBypassesRelay,
            decision: "rt-pods, route 192.168.40.0/22 via 10.10.32.5 (vpn)"),
        // What misleads: pods' own addresses all work.
        Case(
            network: "n4-broken", from: "office", to: "shop/pods", verdict: .reachable, code: nil, decision: "",
            sources: ["192.168.40.10"]),
        Case(
            network: "n4-half", from: "office", to: "shop/services", verdict: .reachable, code: .sourceBecomes,
            decision: "", sources: ["10.10.0.11"]),
        Case(
            network: "n4-fixed", from: "office", to: "shop/services", verdict: .reachable, code: .sourceBecomes,
            decision: "", sources: ["10.10.0.11"]),
    ]

    private func explain(_ network: String, _ from: String, _ to: String) throws -> Explanation {
        let inventory = try Self.inventory(network)
        let question = ExplainedQuestion(
            from: try #require(ExplainedEnd(from, in: inventory)), to: try #require(ExplainedEnd(to, in: inventory)))
        return Explanation(question, in: inventory)
    }

    static func inventory(_ name: String) throws -> Inventory {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Networks/\(name).yaml")
        let (inventory, problems) = InventoryFile.read(Array(try Data(contentsOf: file)), name: name)
        return try #require(inventory, "\(problems)")
    }
}

/// Compares `text` with the golden file `name`; with `RECORD_GOLDENS=1` writes it instead.
func expectGolden(_ text: String, _ name: String) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goldens/\(name)")
    if ProcessInfo.processInfo.environment["RECORD_GOLDENS"] == "1" {
        try Data(text.utf8).write(to: file)
        return
    }
    let golden = String(decoding: try Data(contentsOf: file), as: UTF8.self)
    #expect(golden == text, "\(name) differs (RECORD_GOLDENS=1 writes it anew)")
}
