/// A server block of a Corefile (coredns.io/manual/toc).
struct CorefileBlock {
    /// The words before the brace, such as `cluster.local:53`.
    var zones: [String]
    /// The plugins, each with its arguments, without those that stand in braces of their own.
    var plugins: [Plugin]

    /// A plugin and its arguments.
    struct Plugin {
        /// The words of the line; never empty.
        let words: [String]
        /// Its line in the text, from 1.
        let line: Int
    }

    /// The blocks of a text, in their order. What cannot be read ends the last one.
    static func all(of text: String) -> [CorefileBlock] {
        var blocks: [CorefileBlock] = []
        var zones: [String] = []
        var depth = 0
        // "\r\n" is one character: files from Windows have it.
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (number, line) in lines.enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map(String.init)
            let plain = words.filter { $0 != "{" && $0 != "}" }
            if depth == 0 { zones += plain }
            if depth == 1, !plain.isEmpty, !blocks.isEmpty {
                blocks[blocks.count - 1].plugins.append(Plugin(words: plain, line: number + 1))
            }
            for word in words {
                if word.hasSuffix("{") {
                    if depth == 0 {
                        blocks.append(CorefileBlock(zones: zones, plugins: []))
                        zones = []
                    }
                    depth += 1
                }
                if word == "}" { depth = max(0, depth - 1) }
            }
        }
        return blocks
    }
}
