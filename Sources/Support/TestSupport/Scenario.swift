/// A play of clients, servers, loss and time against a forwarding engine, read from lines of text.
///
/// ```
/// # The name of the file says the rule; this says why.
/// bare-domain prod
/// cluster prod dns 172.17.16.10 pods 172.17.32.0/19
/// ---
/// client 10.0.0.7 asks mysql.test.svc.prod.cluster.local A id 7 edns 1232
/// server 172.17.16.10 is asked mysql.test.svc.cluster.local A edns
/// after 400ms
/// server 172.17.16.10 is asked mysql.test.svc.cluster.local A edns
/// server 172.17.16.10 answers NOERROR aa
///   answer mysql.test.svc.cluster.local 5 A 172.17.17.5
/// client 10.0.0.7 gets NOERROR id 7 edns
///   answer mysql.test.svc.prod.cluster.local 5 A 172.17.17.5
/// nothing more is sent
/// ```
/// Every message of the engine must be expected by a line, and at the end nothing may be in flight. In names
/// and records the label `a*63` is 63 times the letter, `'` a quotation mark; a record that begins with `*60`
/// stands for 60 with `#` counted from 1. The statements are listed at `ScenarioPlayer` and `ScenarioTerms`.
package struct Scenario: Sendable {
    /// Lines before `---`.
    package var settings: [Line] = []

    /// The lines after `---`.
    package var steps: [Line] = []

    /// One line that is neither empty nor a comment, with the indented lines below it.
    package struct Line: Sendable {
        /// From 1.
        package let number: Int
        /// The words of the line.
        package let words: [String]
        /// The indented lines.
        package var details: [Line] = []
    }

    /// Creates a scenario.
    package init(_ text: String) throws(ScenarioError) {
        var isPlaying = false
        var number = 0
        for row in text.split(separator: "\n", omittingEmptySubsequences: false) {
            number += 1
            let words = try Self.words(of: row, number)
            guard let first = words.first else { continue }
            if first == "---" {
                isPlaying = true
            } else if row.hasPrefix(" ") {
                guard isPlaying, !steps.isEmpty else {
                    throw ScenarioError(line: number, text: "nothing stands above this indented line")
                }
                steps[steps.count - 1].details.append(Line(number: number, words: words))
            } else if isPlaying {
                steps.append(Line(number: number, words: words))
            } else {
                settings.append(Line(number: number, words: words))
            }
        }
        guard isPlaying else { throw ScenarioError(line: number, text: "`---` is missing") }
    }

    /// Splits at spaces outside of quotation marks; from a word that begins with `#` on, the line is
    /// a comment.
    private static func words(of row: Substring, _ number: Int) throws(ScenarioError) -> [String] {
        var words: [String] = []
        var word: String?
        var isQuoted = false
        for character in row {
            switch character {
            case "\"":
                isQuoted.toggle()
                word = word ?? ""
            case " " where !isQuoted:
                if let word { words.append(word) }
                word = nil
            case "#" where !isQuoted && word == nil:
                return words
            default:
                word = (word ?? "") + String(character)
            }
        }
        guard !isQuoted else { throw ScenarioError(line: number, text: "a quotation mark is missing") }
        if let word { words.append(word) }
        return words.map(expanded)
    }

    /// `a*63.b` with the letter repeated.
    private static func expanded(_ word: String) -> String {
        guard word.contains("*") else { return word }
        return word.split(separator: ".", omittingEmptySubsequences: false).map { label in
            let parts = label.split(separator: "*", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].count == 1, let count = Int(parts[1]) else {
                return String(label)
            }
            return String(repeating: String(parts[0]), count: count)
        }.joined(separator: ".")
    }
}

/// An error of a scenario, or a difference between it and the engine.
package struct ScenarioError: Error, Hashable, Sendable {
    /// From 1.
    package let line: Int
    /// The error in words.
    package let text: String
}
