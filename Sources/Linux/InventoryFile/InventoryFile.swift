package import IPAddressing
package import Inventory

/// Reads configuration files: text to tree with line and column to `Inventory`.
package enum InventoryFile {
    /// The longest file that is read, in octets.
    package static let maximumSize = 4 << 20

    /// Reads a whole configuration file, with the facts of followed clusters that stand after it (see
    /// `FollowedText`). Reports every mistake, unless the text is not YAML.
    ///
    /// - Parameters:
    ///   - text: The file's octets, UTF-8.
    ///   - name: The file's name in messages.
    ///   - isOwnAddress: Whether this host has the address: a DNS server there may be Namebridge itself.
    ///   - hostRoutes: The prefixes that this host has routes to: proposals keep away from them.
    ///   - furtherProblems: Problems that the caller finds in the inventory, if all of it could be read.
    /// - Returns: The inventory, nil if any problem is an error; every problem in the order of the file, and
    ///   then those of facts.
    package static func read(
        _ text: [UInt8], name: String, isOwnAddress: (IPAddress) -> Bool = { _ in false },
        hostRoutes: () -> [IPPrefix] = { [] },
        furtherProblems: (Inventory) -> [InventoryProblem] = { _ in [] }
    ) -> (inventory: Inventory?, problems: [Diagnostic]) {
        let followed = FollowedText(text)
        let report = Report(file: name)
        guard let root = readTree(followed.file.withoutByteOrderMark, report) else {
            return (nil, report.sorted)
        }
        report.root = root
        var inventory = Field(node: root, path: InventoryPath(), report: report).inventory()
        let factsProblems = inventory?.take(followed.facts) ?? []
        inventory?.takeRelayMaps()
        report.add(inventory?.check(isOwnAddress: isOwnAddress, hostRoutes: hostRoutes) ?? [])
        report.add(inventory.map(furtherProblems) ?? [])
        return (report.hasErrors ? nil : inventory, report.sorted + factsProblems)
    }

    /// The errors of a configuration file with facts that need not be read from a file.
    package static func errors(
        _ file: [UInt8], with facts: [ClusterFacts], name: String
    ) -> [Diagnostic] {
        let report = Report(file: name)
        guard let root = readTree(file.withoutByteOrderMark, report) else { return report.sorted }
        report.root = root
        var inventory = Field(node: root, path: InventoryPath(), report: report).inventory()
        for facts in facts { inventory?.take(facts) }
        inventory?.takeRelayMaps()
        report.add(inventory?.check() ?? [])
        return report.sorted.filter { $0.severity == .error }
    }

    /// Reads what a configuration file says of each cluster, without facts: paths and names that lead to
    /// what was not found yet are no mistakes for the one who finds it.
    ///
    /// - Returns: As `read` does, but for contradictions between values.
    package static func readForFollower(
        _ text: [UInt8], name: String
    ) -> (inventory: Inventory?, problems: [Diagnostic]) {
        let report = Report(file: name)
        guard let root = readTree(text.withoutByteOrderMark, report) else { return (nil, report.sorted) }
        let inventory = Field(node: root, path: InventoryPath(), report: report).inventory()
        return (report.hasErrors ? nil : inventory, report.sorted)
    }

    /// Reads a file of facts; no facts if any problem is an error.
    package static func readFacts(
        _ text: [UInt8], name: String
    ) -> (facts: ClusterFacts?, problems: [Diagnostic]) {
        let known = FactsMemory.facts(in: text, name: name) { part in
            let (facts, problems) = readWholeFacts(part, name: name)
            return problems.isEmpty ? facts : nil
        }
        if let known { return (known, []) }
        let (facts, problems) = readWholeFacts(text, name: name)
        if problems.isEmpty, let facts { FactsMemory.note(facts, text, name: name) }
        return (facts, problems)
    }

    /// The same, whatever was read before.
    private static func readWholeFacts(
        _ text: [UInt8], name: String
    ) -> (facts: ClusterFacts?, problems: [Diagnostic]) {
        let report = Report(file: name)
        guard let root = readTree(text, report) else { return (nil, report.sorted) }
        report.root = root
        let facts = Field(node: root, path: InventoryPath(), report: report).clusterFacts()
        return (report.hasErrors ? nil : facts, report.sorted)
    }

    /// The problems of a file of facts that is not used, as warnings, the first of which says what to do.
    package static func unusedFacts(_ problems: [Diagnostic]) -> [Diagnostic] {
        problems.enumerated().map { index, problem in
            var warning = problem
            warning.severity = .warning
            if index == 0 {
                warning.message +=
                    "; these facts are not used: remove them and restart \"namebridge follow\", which writes"
                    + " them anew"
            }
            return warning
        }
    }

    /// The warning for a file of facts that could not be read.
    package static func unusedFacts(_ path: String, because reason: String) -> [Diagnostic] {
        unusedFacts([
            Diagnostic(
                severity: .warning, file: path, line: 1, column: 1, path: InventoryPath(), message: reason)
        ])
    }

    /// The tree of a text; nil after an error.
    private static func readTree(_ text: [UInt8], _ report: Report) -> YAMLNode? {
        do throws(YAMLError) {
            try checkText(text)
            var builder = YAMLTreeBuilder(text: text)
            let root = try builder.build()
            for error in builder.refused { report.add(error) }
            return root
        } catch {
            report.add(error)
            return nil
        }
    }
}

extension Inventory {
    /// Adds facts to the clusters that are followed; the facts of others have no effect, and neither have
    /// those with a mistake: a program wrote them, and the configuration is right without them.
    ///
    /// - Returns: Warnings for the facts that could not be read.
    fileprivate mutating func take(_ texts: [FollowedText.FactsText]) -> [Diagnostic] {
        guard clusters.contains(where: { $0.follow != nil }) else { return [] }
        var problems: [Diagnostic] = []
        for text in texts {
            let (facts, found) = InventoryFile.readFacts(text.octets, name: text.path)
            guard let facts else {
                problems += InventoryFile.unusedFacts(found)
                continue
            }
            take(facts)
        }
        return problems
    }

    /// Adds facts to their cluster if it is followed.
    fileprivate mutating func take(_ facts: ClusterFacts) {
        guard let index = clusters.firstIndex(where: { $0.key == facts.cluster }) else { return }
        // Facts of another context are those of another cluster that had the key before.
        guard clusters[index].follow?.context == facts.context else { return }
        clusters[index].take(facts)
    }
}

extension [UInt8] {
    /// Some editors begin a file with a byte order mark, which has no meaning in UTF-8 (RFC 3629 section 6).
    var withoutByteOrderMark: [UInt8] {
        starts(with: [0xEF, 0xBB, 0xBF]) ? Array(dropFirst(3)) : self
    }
}
