import Foundation
import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import Testing

@Suite struct DesiredStateTests {
    @Test(arguments: Networks.all)
    func `each host of a network gets what its paths need of it`(name: String) throws {
        let planner = NetworkPlanner(try Networks.inventory(name))
        var text = planner.warnings().map { "# \($0)\n" }.joined()
        for plan in planner.plans() { text += (text.isEmpty ? "" : "\n") + plan.text }
        try expectGolden(text, name + ".plan")
    }

    @Test(arguments: Networks.all)
    func `nft takes every table that is planned`(name: String) throws {
        for plan in NetworkPlanner(try Networks.inventory(name)).plans() where !plan.table.chains.isEmpty {
            try expectNFTAccepts(plan.table.replacement)
        }
    }
}

/// Lets `nft -c` read `script` in a network namespace of its own; passes where that cannot be had.
private func expectNFTAccepts(_ script: String) throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).nft")
    try Data(script.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["unshare", "-n", "nft", "-c", "-f", file.path]
    let output = Pipe()
    process.standardError = output
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let cannot =
        ["No such file", "not permitted", "not found"].contains { text.contains($0) }
        && !text.contains("Error")
    if !cannot { #expect(process.terminationStatus == 0, "\(text)\n\(script)") }
}
