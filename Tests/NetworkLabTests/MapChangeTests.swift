import Foundation
import Testing

/// A relay whose clusters get outer addresses, other ones, and none again, with real connections meanwhile.
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare")), .serialized) struct MapChangeTests {
    /// True for all tests of this suite, which take a minute; else those of changes that a user makes.
    private static let isWhole = ProcessInfo.processInfo.environment["NAMEBRIDGE_EVERY_STEP"] != nil

    /// The namespace keeps the translations of open connections, and the host the route to it for as long as there are some.
    @Test(arguments: isWhole ? ["snat", "keep"] : ["keep"])
    func `connections live on when their outer range is replaced, and new ones use the new range`(source: String) async throws {
        let lab = try EqualClusters.lab("mapnew\(source)")
        try EqualClusters.leadBack(lab)
        let text = EqualClusters.configuration(EqualClusters.officePaths(source: source))
        let file = try lab.file("map.yaml", text)
        let before = try lab.snapshot("gate")
        #expect(try lab.net("gate", "apply --config \(file)").code == 0)
        var held: [String: HeldConnections] = [:]
        for (address, pod) in [("10.201.1.7", "p1"), ("fd00:201:1::7", "p1"), ("10.202.1.7", "p2")] {
            held[address] = try HeldConnections(
                from: lab.space(of: "pc"), to: lab.space(of: pod), address: address, port: 9600 + UInt16(held.count))
        }
        // A new range of one family of the first cluster; then a changed inner part beside it, and the old range again.
        let later = text.replacing("10.201.0.0/16", with: "10.205.0.0/16")
        for (step, changed, address) in [
            ("another range", later, "10.205.1.7"),
            ("a part less", later.replacing("      10.96.0.0/16: 10.16.0.0/16\n", with: ""), "10.205.1.7"),
            ("the old range", text, "10.201.1.7"),
        ] {
            _ = try lab.file("map.yaml", changed)
            let applied = try lab.net("gate", "apply --config \(file) --accept-loss 'office->c1'")
            #expect(applied.code == 0, "\(step): \(applied.output)")
            for serverFirst in [false, true] {
                for (target, connections) in held {
                    let alive = connections.exchange(serverFirst: serverFirst)
                    #expect(alive == HeldConnections.count, "\(step): \(alive) of \(target), server first: \(serverFirst)")
                }
            }
            let answers = try lab.probe([Probe(host: "pc", address: address)])
            #expect(answers[0].outcome.isWhole, "\(step): \(answers[0])")
            // The connection of the last probe may have ended by now.
            let again = try lab.net("gate", "apply --config \(file)")
            let isSame = again.output.hasSuffix("nothing to do\n")
            #expect(again.code == 0 && (isSame || changed == text), "\(step): \(again.output)")
            let status = try lab.net("gate", "status --config \(file)")
            let isHeld = status.output.contains("route 10.201.0.0/16") && status.output.contains("its connections are open")
            #expect(status.code == 0 && (isHeld || changed == text), "\(step): \(status.output)")
        }
        // With the connections, the route goes as well.
        _ = try lab.file("map.yaml", later)
        #expect(try lab.net("gate", "apply --config \(file) --accept-loss 'office->c1'").code == 0)
        held = [:]
        // Nor does a probe hold its connection any more.
        _ = try lab.probe([Probe(host: "pc", address: "10.205.1.7")])
        let isGone = try await lab.wait(seconds: 20) {
            _ = try lab.net("gate", "apply --config \(file)")
            return try !lab.on("gate", "ip route show").output.contains("10.201.0.0/16")
        }
        #expect(isGone)
        #expect(try lab.net("gate", "remove").code == 0)
        #expect(try lab.snapshot("gate") == before)
    }

    /// Without maps both clusters cannot be in one file: the first one alone, then both with maps, then as at first.
    @Test func `a host without maps gets some, gives them back, and waits for a confirmation with them`() async throws {
        let lab = try EqualClusters.lab("mapup")
        // No name server runs here, which an apply with a confirmation would ask.
        let text = EqualClusters.configuration(EqualClusters.officePaths(source: "snat"))
            .replacing("    dns: [10.96.0.10]\n", with: "")
        let mapped = try lab.file("mapped.yaml", text)
        let plain = try lab.file("plain.yaml", Self.plain)
        let bare = try lab.snapshot("gate")
        var isFirst = true
        for (file, inside, outside) in [(plain, true, false), (mapped, false, true), (plain, true, false), (mapped, false, true)]
        {
            // The second cluster leaves the file.
            let leaves = file == plain && !isFirst
            isFirst = false
            let applied = try lab.net("gate", "apply --config \(file)\(leaves ? " --accept-loss 'office->c2'" : "")")
            #expect(applied.code == 0, "\(applied.output)")
            let answers = try lab.probe([Probe(host: "pc", address: inside ? "10.244.1.7" : "10.201.1.7")])
            #expect(answers[0].outcome.isWhole, "\(file): \(answers[0])")
            #expect(try lab.on("gate", "ip netns list").output.contains("nb-c1") == outside)
            #expect(try lab.net("gate", "status --config \(file)").code == 0)
        }
        // Not confirmed, the other file's objects are taken back.
        let applied = try lab.net("gate", "apply --config \(plain) --confirm 6s --accept-loss 'office->c2'")
        #expect(applied.code == 0, "\(applied.output)")
        #expect(try await lab.wait { try lab.on("gate", "ip netns list").output.contains("nb-c2") })
        #expect(try await lab.wait { try lab.net("gate", "status --config \(mapped)").code == 0 })
        #expect(try lab.probe([Probe(host: "pc", address: "10.202.1.7")]).allSatisfy(\.outcome.isWhole))
        #expect(try lab.net("gate", "remove").code == 0)
        #expect(try lab.snapshot("gate") == bare)
        // Nor does a first apply with maps stay without a confirmation.
        #expect(try lab.net("gate", "apply --config \(mapped) --confirm 6s").code == 0)
        #expect(try await lab.wait { try lab.snapshot("gate") == bare })
    }

    /// Those of a kernel in memory are killed at every step by `ConvergenceTests`.
    @Test(.enabled(if: isWhole))
    func `an apply or a removal of maps that is killed at any time is finished or undone by the next run`() throws {
        let lab = try EqualClusters.lab("mapkill")
        let file = try lab.file("map.yaml", EqualClusters.configuration(EqualClusters.officePaths(source: "keep")))
        let before = try lab.snapshot("gate")
        for milliseconds in stride(from: 60, through: 900, by: 20) {
            for command in ["apply --config \(file)", "remove"] {
                if command == "remove" { #expect(try lab.net("gate", "apply --config \(file)").code == 0) }
                let call = "\(lab.environment(of: "gate")) timeout -s KILL \(Double(milliseconds) / 1_000) \(Shell.program)"
                _ = try lab.on("gate", "env \(call) net \(command)")
                let result = try lab.net("gate", "remove")
                #expect(result.code == 0, "\(result.output)")
                #expect(try lab.snapshot("gate") == before, "\(command) killed after \(milliseconds) ms")
            }
        }
    }

    /// The first cluster alone, by its own addresses.
    private static let plain = """
        clusters:
          c1:
            pods: [10.244.0.0/16]
            services: [10.96.0.0/16]
            cni: flannel-host-gw
            nodes: { n1: { address: 192.168.10.11, pods: [10.244.1.0/24] } }
        sites:
          office:
            networks: [172.16.0.0/18]
            router: 172.16.0.1
            hosts: { gate: { address: [172.16.0.5, 192.168.10.1] } }
        paths:
          - { from: office, to: c1, via: relay, relays: [gate], source: snat }

        """
}
