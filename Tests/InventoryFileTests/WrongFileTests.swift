import Foundation
import InventoryFile
import Testing

/// Every file in `Wrong` and the exact output that it gets: `NAME.yaml` and `NAME.expected`.
///
/// With NAMEBRIDGE_RECORD=1 in the environment the outputs are written instead of compared; read the difference.
@Suite("Wrong files") struct WrongFileTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Wrong")

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []
        return files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(".yaml".count)) }.sorted()
    }()

    @Test("each mistake is told with its place, what was found and what was expected", arguments: names)
    func wrongFile(name: String) throws {
        let text = try Data(contentsOf: Self.folder.appending(path: name + ".yaml"))
        let (inventory, problems) = InventoryFile.read(Array(text), name: name + ".yaml")
        let output = problems.map { "\($0)\n" }.joined()
        let golden = Self.folder.appending(path: name + ".expected")
        if ProcessInfo.processInfo.environment["NAMEBRIDGE_RECORD"] == "1" {
            try Data(output.utf8).write(to: golden)
        }
        #expect(inventory == nil)
        #expect(output == String(decoding: try Data(contentsOf: golden), as: UTF8.self))
    }

    @Test("there are at least 45 of them")
    func count() {
        #expect(Self.names.count >= 45)
    }
}
