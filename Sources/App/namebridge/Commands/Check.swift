import AdminServer
import ArgumentParser
import DNSServer
import Forwarding
import Inventory
import InventoryFile
import JSON
import LinuxSystem

/// `namebridge check`: reports the mistakes of a configuration; text that is not YAML ends the list.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a configuration file and report its mistakes.",
        discussion: """
            Each mistake stands on a line of its own: FILE:LINE:COLUMN, the key, what was found and what was \
            expected. The file of dns.cookie-secret-file is read, too, and so are the facts of clusters that \
            are followed: each value is shown with its origin and age. What net apply would refuse on any \
            host is reported as well. A warning says if servers and workers \
            may need more descriptors than may be open here. The exit code is 1 where there is an error, 2 \
            where the file cannot be read.

            Example:
              namebridge check /etc/namebridge/namebridge.yaml
            """)

    @Argument(
        help: "The file; without it, the one that the other commands would use.",
        completion: .file(extensions: ["yaml", "yml"]))
    var file: String?

    @OptionGroup var options: ConfigurationOptions

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    func validate() throws {
        if file != nil, options.config != nil {
            throw ValidationError("Name the file once: as FILE or with --config.")
        }
    }

    func run() throws {
        let path = file ?? options.path
        let configuration = try Configuration(path: path, isForCheck: true)
        switch output {
        case .text: printText(configuration, path)
        case .json: print(Self.json(configuration, path))
        }
        if configuration.inventory == nil { throw ExitStatus.problem }
    }

    /// Prints the mistakes, or a summary of a right file.
    private func printText(_ configuration: Configuration, _ path: String) {
        let columns = TerminalSize.current?.columns
        for problem in configuration.problems {
            let style = problem.severity == .warning ? Style.heading : .error
            for line in "\(problem)".hanging(columns) { print(style.paint(line)) }
        }
        guard let inventory = configuration.inventory else {
            printError("\(path.printable): \(Self.count(configuration.problems.count, "problem")) found")
            return
        }
        if let shortage = Self.shortage(inventory) {
            print(Style.heading.paint("\(path.printable): warning: \(shortage)"))
        }
        print(Style.success.paint("\(path.printable): fine: \(Self.summary(inventory))"))
        for line in ValueOrigins.lines(of: inventory).flatMap({ $0.hanging(columns) }) { print(line) }
    }

    /// The shortage of descriptors that the forwarder would have if it were started here; nil if there
    /// is none.
    private static func shortage(_ inventory: Inventory) -> String? {
        let most = 1 << 20
        let limit = (try? ProcessLimits.raiseDescriptorLimit(to: most)) ?? most
        let policy = ForwardingPolicy(inventory)
        let demand = DescriptorBudget.Demand(inventory, policy, processors: ProcessLimits.processorCount)
        return DescriptorBudget(limit: limit, demand).shortage
    }

    /// Such as `3 clusters, 1 site, 2 paths`.
    private static func summary(_ inventory: Inventory) -> String {
        [
            count(inventory.clusters.count, "cluster"), count(inventory.sites.count, "site"),
            count(inventory.paths.count, "path"),
        ].joined(separator: ", ")
    }

    /// A number with its noun.
    private static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }

    /// The mistakes for programs.
    private static func json(_ configuration: Configuration, _ path: String) -> JSONValue {
        let problems = configuration.problems.map { problem in
            JSONValue.object([
                ("severity", .string(problem.severity == .warning ? "warning" : "error")),
                ("line", .integer(problem.line)),
                ("column", .integer(problem.column)),
                ("path", .string(problem.path.description)),
                ("message", .string(problem.message)),
                ("suggestion", .optional(problem.suggestion)),
            ])
        }
        return .object([
            ("file", .string(path)),
            ("valid", .boolean(configuration.inventory != nil)),
            ("problems", .array(problems)),
            ("descriptors", .optional(configuration.inventory.flatMap(shortage))),
            ("followed", configuration.inventory.map { ValueOrigins.json(of: $0) } ?? .null),
        ])
    }
}
