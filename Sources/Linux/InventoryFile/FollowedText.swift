/// A configuration file together with what was found of the clusters that it follows, as one text: the file,
/// and after it each file of facts as a further YAML document.
///
/// ```
/// clusters: { prod: { follow: { context: prod } } }
/// --- # facts: /var/lib/namebridge/clusters/prod.yaml
/// facts: 1
/// cluster: prod
/// ```
/// What is applied, compared and recorded is this whole; without facts it is the file as it is.
package struct FollowedText: Hashable, Sendable {
    /// The octets of the configuration file.
    package var file: [UInt8]

    /// The files of facts in the order of their names.
    package var facts: [FactsText]

    /// A file of facts.
    package struct FactsText: Hashable, Sendable {
        /// The file's path.
        package let path: String
        /// Its octets.
        package let octets: [UInt8]

        /// Creates a facts text.
        package init(path: String, octets: [UInt8]) {
            self.path = path
            self.octets = octets
        }
    }

    /// Creates a followed text.
    package init(file: [UInt8], facts: [FactsText]) {
        self.file = file
        self.facts = facts
    }

    /// The beginning of the line before each file of facts.
    private static let mark = Array("--- # facts: ".utf8)

    /// Takes a whole apart again.
    package init(_ whole: [UInt8]) {
        file = whole
        facts = []
        let starts = Self.starts(in: whole)
        guard let first = starts.first else { return }
        file = Array(whole[..<first])
        for (index, start) in starts.enumerated() {
            let end = index + 1 < starts.count ? starts[index + 1] : whole.count
            let line = whole[start..<end].prefix { $0 != 0x0A }
            let path = String(decoding: line.dropFirst(Self.mark.count), as: UTF8.self)
            facts.append(FactsText(path: path, octets: Array(whole[line.endIndex..<end].dropFirst())))
        }
    }

    /// Where the lines before the facts begin.
    private static func starts(in whole: [UInt8]) -> [Int] {
        var starts: [Int] = []
        var line = 0
        while line < whole.count {  // each turn goes on by a line
            if whole[line] == mark[0], whole[line...].starts(with: mark) { starts.append(line) }
            line = (whole[line...].firstIndex(of: 0x0A) ?? whole.count) + 1
        }
        return starts
    }

    /// Both as one text.
    package var whole: [UInt8] {
        var whole = file
        for text in facts {
            if let last = whole.last, last != 0x0A { whole.append(0x0A) }
            whole += Self.mark + Array(text.path.utf8) + [0x0A] + text.octets
        }
        return whole
    }
}
