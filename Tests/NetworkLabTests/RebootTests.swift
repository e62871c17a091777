import Foundation
import Testing

/// A relay of clusters with the same addresses is started anew: what its units run makes packets pass again.
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare", "setpriv")), .serialized) struct RebootTests {
    @Test func `after a reboot the commands of either unit lead packets both ways`() async throws {
        let lab = try EqualClusters.lab("reboot")
        try EqualClusters.leadBack(lab)
        // No name server runs here, which an apply with a confirmation would ask.
        let text = EqualClusters.configuration(EqualClusters.officePaths(source: "keep"))
        let file = try lab.file("map.yaml", text.replacing("    dns: [10.96.0.10]\n", with: ""))
        for arguments in ["apply --config \(file) --confirm 60s", "confirm"] {
            let result = try lab.net("gate", arguments)
            #expect(result.code == 0, "\(result.output)")
        }
        try Self.expectPackets(lab, "applied")
        for name in ["net", "agent"] {
            try EqualClusters.reboot(lab)
            let before = try lab.snapshot("gate")
            #expect(!before.contains("nb-c") && !before.contains("namebridge"), "the old kernel's state is there")
            let lost = try lab.probeInVain([Probe(host: "pc", address: "10.201.1.7")])
            #expect(lost.allSatisfy { $0.outcome.isBroken }, "\(lost)")
            let running = try Self.start(InstalledUnit(name), lab, file)
            let isClean = try await lab.wait { try lab.net("gate", "status --config \(file)").code == 0 }
            let status = try lab.net("gate", "status --config \(file)").output
            #expect(isClean && status.contains("all as planned"), "\(name): \(status)")
            try Self.expectPackets(lab, "namebridge-\(name).service")
            running?.terminate()
            running?.waitUntilExit()
            #expect(running.map(\.terminationStatus) ?? 0 == 0)
            let remove = try lab.net("gate", "remove")
            #expect(remove.code == 0, "\(remove.output)")
            #expect(try lab.snapshot("gate") == before, "\(name)")
        }
    }

    /// Runs what a unit starts; its process if that goes on.
    private static func start(_ unit: InstalledUnit, _ lab: Lab, _ file: String) throws -> Process? {
        #expect(unit.values("RuntimeDirectory") == ["namebridge-net"])
        let before = unit.commands("ExecStartPre", file: file).map { $0 + "\n" }.joined()
        let start = unit.commands("ExecStart", file: file).joined()
        // In place of the shell, so that what ends this process ends the program.
        let script = try lab.file("start", "set -e\nmkdir -m 0711 $NAMEBRIDGE_NET_STATE\n\(before)exec \(start)\n")
        let call = "env \(lab.environment(of: "gate")) sh \(script)"
        guard unit.values("Type") != ["oneshot"] else {
            let result = try lab.on("gate", call)
            #expect(result.code == 0, "\(result.output)")
            return nil
        }
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "exec \(lab.entering("gate")) \(call)"]
        try process.run()
        return process
    }

    private static func expectPackets(_ lab: Lab, _ when: String) throws {
        let passages = [
            Passage("pc", "10.201.1.7", from: "172.16.0.100"), Passage("pc", "10.32.0.10", port: 80, from: "172.16.0.100"),
            Passage("pc", "fd00:202:1::7", from: "fd00:16::100"), Passage("p1", "172.16.0.100", from: "10.201.1.7"),
            Passage("p2", "fd00:16::100", from: "fd00:202:1::7"),
        ]
        for (passage, answer) in zip(passages, try lab.probe(passages.map(\.probe))) {
            #expect(answer.outcome.isWhole(from: passage.sources), "\(when): \(answer)")
        }
    }
}
