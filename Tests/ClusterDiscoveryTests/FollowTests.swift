import Foundation
import JSON
import LinuxSystem
import Synchronization
import Testing

/// `namebridge follow` with the real kubectl against an API server that changes.
@Suite(.enabled(if: DiscoverRun.kubectlFolder != nil)) struct FollowTests {
    @Test func `nodes that come, change and go are in the facts`() async throws {
        let run = try RunningFollower(FollowRun.flannel(nodes: 3))
        try await run.wait("the first facts") { run.facts.contains("n3: { address: 192.168.0.3") }
        #expect(run.facts.contains("cni: { value: flannel-vxlan"))
        try await run.tell("ADDED", FollowRun.node("n4", "192.168.0.4", pods: "10.244.4.0/24"))
        try await run.wait("a new node") { run.facts.contains("n4: { address: 192.168.0.4, pods: [10.244.4.0/24]") }
        try await run.tell("MODIFIED", FollowRun.node("n4", "192.168.0.99", pods: "10.244.4.0/24"))
        try await run.wait("a changed node") { run.facts.contains("n4: { address: 192.168.0.99") }
        try await run.tell("DELETED", FollowRun.node("n2", "192.168.0.2"))
        try await run.wait("a node that goes") { !run.facts.contains("n2:") }
        #expect(run.report.contains(#""state":"following""#))
    }

    @Test func `an expired version, a cut and an expired login remove nothing`() async throws {
        let run = try RunningFollower(FollowRun.flannel(nodes: 3))
        try await run.wait("the first facts") { run.facts.contains("n3:") }
        run.cluster.cluster.withLock { $0.append("/api/v1/nodes", FollowRun.node("n4", "192.168.0.4")) }
        try await run.tell("ERROR", .object(["kind": .string("Status"), "code": .integer(410)]))
        try await run.wait("a list after HTTP 410") { run.facts.contains("n4:") }
        run.cluster.cluster.withLock { $0.isLoggedOut = true }
        run.server.cut()
        try await run.wait("an expired login") { run.report.contains("does not accept the login") }
        #expect(run.facts.contains("n1:") && run.facts.contains("n4:"))
        run.cluster.cluster.withLock { $0.isLoggedOut = false }
        try await run.wait("a login") { run.report.contains(#""state":"following""#) }
        try await run.tell("ADDED", FollowRun.node("n5", "192.168.0.5"))
        try await run.wait("events again") { run.facts.contains("n5:") }
    }

    @Test func `what contradicts the configuration is not written`() async throws {
        let run = try RunningFollower(
            FollowRun.flannel(nodes: 3),
            more: "  other: { names: [], pods: [192.0.2.0/24], nodes: { o: { address: 192.168.0.4 } } }\n")
        try await run.wait("the first facts") { run.facts.contains("n3:") }
        try await run.tell("ADDED", FollowRun.node("n4", "192.168.0.4", pods: "192.0.2.0/25"))
        try await run.wait("a refusal") { run.report.contains(#""state":"refused""#) }
        #expect(!run.facts.contains("n4:"))
        try await run.tell("MODIFIED", FollowRun.node("n4", "192.168.0.44", pods: "10.244.44.0/24"))
        try await run.wait("facts again") { run.facts.contains("n4:") }
    }

    @Test func `a login that hangs holds up no other cluster, and no stop`() async throws {
        // kubectl runs no login program for a server without TLS: a program in its place does so.
        let run = try RunningFollower(
            FollowRun.flannel(nodes: 3), arguments: ["--timeout", "300s"],
            kubectl: """
                #!/bin/sh
                case "$*" in
                *"--context hanging"*) echo $$ > FOLDER/hanging; exec sleep 100000 ;;
                *"--context failing"*) echo "error: getting credentials: exec: executable aws failed" >&2; exit 1 ;;
                *) exec KUBECTL "$@" ;;
                esac

                """,
            more: ["hanging", "failing"].map { "  \($0): { names: [], follow: { context: \($0) } }\n" }.joined())
        try await run.wait("the login that hangs") { !run.text("hanging").isEmpty }
        try await run.wait("the facts of another login") { run.facts.contains("n3:") }
        try await run.wait("a report of the login that fails") {
            run.text("lib/clusters/failing.json").contains("login program of the kubeconfig failed")
        }
        try await run.tell("ADDED", FollowRun.node("n4", "192.168.0.4", pods: "10.244.4.0/24"))
        try await run.wait("a new node") { run.facts.contains("n4:") }
        let hanging = try #require(Int32(run.text("hanging").trimmingCharacters(in: .newlines)))
        #expect(kill(hanging, 0) == 0 && run.text("lib/clusters/hanging.yaml").isEmpty)
        run.terminate()
        try await run.wait("the end") { !run.isRunning }
        try await run.wait("the end of the login") { kill(hanging, 0) != 0 }
    }

    @Test func `a program is run with the instruction before and after the change of a cluster`() async throws {
        let run = try RunningFollower(
            FollowRun.flannel(nodes: 3), arguments: ["--exec", "FOLDER/hook"],
            more: """
                sites: { office: { networks: [172.16.0.0/18], router: 172.16.0.1 } }
                paths: [{ from: office, to: prod, via: relay, relays: [n1], source: snat }]
                """)
        try await run.wait("the first facts") { run.facts.contains("n3:") }
        let rendered = try run.command(["net", "render", "--host", "office", "--format", "linux", "--record"])
        #expect(rendered.contains("via 192.168.0.1"), "\(rendered)")
        try await run.tell("MODIFIED", FollowRun.node("n2", "192.168.0.22", pods: "10.244.2.0/24"))
        try await run.wait("a change that no router needs to know") { run.facts.contains("192.168.0.22") }
        try await run.tell("MODIFIED", FollowRun.node("n1", "192.168.0.99", pods: "10.244.1.0/24"))
        try await run.wait("the hook") { run.text("log").contains("hook run") }
        #expect(run.text("hooked") == "linux office\n")
        #expect(run.text("before") == rendered)
        #expect(run.text("after").contains("via 192.168.0.99"))
        #expect(try run.command(["net", "render", "--host", "office", "--format", "linux"]) == run.text("after"))
    }
}
