import ArgumentParser
import Glibc
import Inventory
import InventoryFile
import LinuxSystem
import NetworkPlanning

/// The path of the configuration: the same option for every command.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The configuration file.",
            discussion: "Default: the variable NAMEBRIDGE_CONFIG, else /etc/namebridge/namebridge.yaml.",
            valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    /// The file that is read if none is named.
    static let usualPath = "/etc/namebridge/namebridge.yaml"

    /// The file to read.
    var path: String { config ?? environment("NAMEBRIDGE_CONFIG") ?? Self.usualPath }

    /// What a command that is suggested needs to use the same configuration, with a blank before it; empty if
    /// that is the usual one.
    func words(isDemo: Bool = false) -> String {
        if isDemo { return " --demo" }
        return config.map { " --config \($0)" } ?? ""
    }

    /// The inventory of the file; problems go to standard error.
    ///
    /// - Parameter hasDemo: True if the command has the option `--demo`.
    /// - Throws: `ExitStatus.usage` if the file cannot be read or has errors.
    func load(hasDemo: Bool = false) throws -> Inventory {
        try loadWithOctets(hasDemo: hasDemo).inventory
    }

    /// The inventory of the file, and the text that it was read from, with the facts of followed clusters.
    /// - Throws: As `load` does.
    func loadWithText() throws -> (inventory: Inventory, text: String) {
        let (inventory, whole) = try loadWithOctets()
        return (inventory, String(decoding: whole.whole, as: UTF8.self))
    }

    /// The inventory of the file, the file and the facts of followed clusters.
    /// - Throws: As `load` does.
    func loadWithOctets(hasDemo: Bool = false) throws -> (inventory: Inventory, whole: FollowedText) {
        let read = try Configuration(path: path, hasDemo: hasDemo)
        for problem in read.problems { printError(Style.error.paint(problem)) }
        guard let inventory = read.inventory else {
            printError("namebridge: \(path): not used, since it has errors")
            throw ExitStatus.usage
        }
        return (inventory, FollowedText(read.octets))
    }
}

/// A configuration file that was read.
struct Configuration {
    /// The file's content, with the facts of followed clusters.
    let octets: [UInt8]

    /// Nil if the file has errors.
    let inventory: Inventory?
    /// The mistakes in the file.
    let problems: [Diagnostic]

    /// - Parameters:
    ///   - file: What stands in the file, without facts; nil: it is read.
    ///   - earlier: The facts in use; they stay where a file of facts can't be used.
    ///   - isForCheck: True if files that the configuration names are checked too, and whether `net apply`
    ///     would refuse it.
    init(
        reading path: String, file: [UInt8]? = nil, earlier: [FollowedText.FactsText] = [],
        isForCheck: Bool = false
    ) throws(FileError) {
        let text: [UInt8]
        if let file { text = file } else { text = try contents(ofFile: path) }
        let reading = FactsFolder.adding(to: text, earlier: earlier)
        octets = reading.whole
        let (inventory, problems) = InventoryFile.read(
            octets, name: path, isOwnAddress: HostAddresses.contains, hostRoutes: HostRoutes.prefixes,
            furtherProblems: { inventory in
                guard isForCheck else { return [] }
                return CookieSecretFile.problems(of: inventory) + NetworkPlanner(inventory).refusals()
            })
        self.inventory = inventory
        self.problems = problems + reading.warnings
    }

    /// The same for a command.
    ///
    /// - Parameter hasDemo: True if the command has the option `--demo`.
    /// - Throws: `ExitStatus.usage`, after a message, if the file cannot be read.
    init(path: String, isForCheck: Bool = false, hasDemo: Bool = false) throws {
        do throws(FileError) {
            try self.init(reading: path, isForCheck: isForCheck)
        } catch {
            printError("namebridge: \(error)")
            if error.isAbsent {
                printError("Another file can be named with --config FILE or NAMEBRIDGE_CONFIG.")
                if path == ConfigurationOptions.usualPath {
                    let demo = hasDemo ? "; --demo needs none" : ""
                    printError("\"namebridge init\" writes one\(demo).")
                }
            }
            throw ExitStatus.usage
        }
    }
}

/// The value of an environment variable; nil if it is absent or empty. Corresponds to getenv(3).
func environment(_ name: String) -> String? {
    // Sound: nothing in this program changes the environment, so the string stays while it is copied.
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
}
