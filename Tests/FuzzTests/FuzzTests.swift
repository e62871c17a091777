import Foundation
import FuzzTargets
import Testing

/// What fuzzers once found, and a few inputs beside that reach far, in the ordinary build.
@Suite struct FuzzTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")

    @Test(arguments: FuzzTarget.allCases)
    func `no input of the corpus is handled wrongly`(target: FuzzTarget) throws {
        let folder = Self.corpus.appending(path: target.rawValue)
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files.sorted(by: { $0.path < $1.path }) {
            let objections = target.objections(to: Array(try Data(contentsOf: file)))
            #expect(objections.isEmpty, "\(target.rawValue)/\(file.lastPathComponent)")
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `empty input is handled too`(target: FuzzTarget) {
        #expect(target.objections(to: []).isEmpty)
        for octet in [0, 1, 8, 63, 255] as [UInt8] { #expect(target.objections(to: [octet]).isEmpty, "\(octet)") }
    }
}
