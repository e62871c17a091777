package import IPAddressing
package import Inventory

/// Reads configuration files: text to tree with line and column to `Inventory`.
package enum InventoryFile {
    /// The longest file that is read, in octets.
    package static let maximumSize = 4 << 20

    /// Reads a whole configuration file. Reports every mistake, unless the text is not YAML.
    ///
    /// - Parameters:
    ///   - text: The file's octets, UTF-8.
    ///   - name: The file's name in messages.
    ///   - isOwnAddress: Whether this host has the address: a DNS server there may be Namebridge itself.
    ///   - hostRoutes: The prefixes that this host has routes to: proposals keep away from them.
    ///   - furtherProblems: Problems that the caller finds in the inventory, if all of it could be read.
    /// - Returns: The inventory, nil if any problem is an error; every problem in the order of the file.
    package static func read(
        _ text: [UInt8], name: String, isOwnAddress: (IPAddress) -> Bool = { _ in false },
        hostRoutes: () -> [IPPrefix] = { [] },
        furtherProblems: (Inventory) -> [InventoryProblem] = { _ in [] }
    ) -> (inventory: Inventory?, problems: [Diagnostic]) {
        let report = Report(file: name)
        guard let root = readTree(text.withoutByteOrderMark, report) else { return (nil, report.sorted) }
        report.root = root
        let inventory = Field(node: root, path: InventoryPath(), report: report).inventory()
        report.add(inventory?.check(isOwnAddress: isOwnAddress, hostRoutes: hostRoutes) ?? [])
        report.add(inventory.map(furtherProblems) ?? [])
        return (report.hasErrors ? nil : inventory, report.sorted)
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

extension [UInt8] {
    /// Some editors begin a file with a byte order mark, which has no meaning in UTF-8 (RFC 3629 section 6).
    var withoutByteOrderMark: [UInt8] {
        starts(with: [0xEF, 0xBB, 0xBF]) ? Array(dropFirst(3)) : self
    }
}
