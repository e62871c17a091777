import Foundation
import Testing

/// Words that make a reader stop, in code, comments, messages, manual pages and guides.
@Suite struct WordTests {
    @Test(arguments: ["Sources", "config", "systemd", "docs", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile"])
    func `the text is plain English`(root: String) {
        // Words for people who are not there, and `where` in place of `if`.
        let words = /\b(?:nobody|somebody|someone|everyone|everybody|anyone|anybody|whom|whoever|wherever|nil where)\b/
            .ignoresCase()
        var offences: [String] = []
        for path in Self.paths(below: root) {
            // Folders and pictures are no text.
            guard let text = try? String(contentsOf: packageFolder.appending(path: path), encoding: .utf8) else { continue }
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                guard let match = line.firstMatch(of: words) else { continue }
                if let known = Self.allowed[path], line.contains(known) { continue }
                offences.append("\(path):\(number + 1): \(match.output): say what it is, as in \"no server\"")
            }
        }
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    /// Texts that are not ours, or are names.
    private static let allowed = [
        "config/debian/copyright": "to whom the Software is",  // the licence
        "Sources/Core/Forwarding/Policy/LocalZone+Writing.swift": "\"nobody\".utf8",  // the mailbox of an SOA
    ]

    /// The paths below `root`, which may be a file.
    private static func paths(below root: String) -> [String] {
        let path = packageFolder.appending(path: root).path
        guard let found = try? FileManager.default.subpathsOfDirectory(atPath: path), !found.isEmpty else { return [root] }
        return found.map { "\(root)/\($0)" }
    }
}
