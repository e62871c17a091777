import Foundation
import TestSupport
import Testing

/// The files below `Scenarios`: their names are the rules.
private let scenarioFiles: [String] = {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Scenarios")
    let paths = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    return paths.filter { $0.hasSuffix(".scenario") }.sorted().map { folder.appending(path: $0).path }
}()

@Suite struct ScenarioTests {
    @Test func `there are scenarios`() {
        #expect(scenarioFiles.count > 50)
    }

    @Test(arguments: scenarioFiles)
    func `the engine follows the scenario`(path: String) throws {
        let file = URL(filePath: path).lastPathComponent
        let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        do throws(ScenarioError) {
            let failure = ScenarioPlayer.play(try Scenario(text), seed: 20_240_501)
            #expect(failure == nil, "\(file):\(failure?.line ?? 0): \(failure?.text ?? "")")
        } catch {
            Issue.record("\(file):\(error.line): \(error.text)")
        }
    }
}
