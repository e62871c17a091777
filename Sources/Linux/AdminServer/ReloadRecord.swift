package import Inventory
package import JSON

/// Reads the configuration again and applies it to the server, or changes nothing.
///
/// - Parameters:
///   - inventory: The configuration in use.
///   - generation: The number of the new configuration.
///   - scope: What is read again.
package typealias ReloadAttempt =
    @Sendable (_ inventory: Inventory, _ generation: Int, _ scope: ReloadScope) -> Result<
        ReloadedConfiguration, ReloadProblems
    >

/// What a reload reads again.
package enum ReloadScope: Hashable, Sendable {
    /// The configuration file, and the facts of clusters that it follows.
    case everything
    /// These facts only: a file that was changed and not yet reloaded has no effect.
    case facts
}

/// Events of a reload.
package enum ReloadNews: Hashable, Sendable {
    /// A reload has begun.
    case hasBegun
    /// The reload has ended, with or without success; with `ServerControl.summary`.
    case isOver(summary: String)
}

/// A configuration that has replaced another one.
package struct ReloadedConfiguration: Sendable {
    /// The inventory in use.
    package let inventory: Inventory
    /// Changes that need a restart, and the file's own warnings.
    package let warnings: [String]

    /// Creates a reloaded configuration.
    package init(inventory: Inventory, warnings: [String]) {
        self.inventory = inventory
        self.warnings = warnings
    }
}

/// Why a configuration was not applied: every problem, with its place in the file.
package struct ReloadProblems: Error {
    /// The problems.
    package let problems: [String]
    /// True if the file must be changed; false if the host denied what the file asks for, and may grant
    /// it later.
    package let isConfigurationWrong: Bool

    /// Creates reload problems.
    package init(_ problems: [String], isConfigurationWrong: Bool = true) {
        self.problems = problems
        self.isConfigurationWrong = isConfigurationWrong
    }
}

/// The result of a reload.
package struct ReloadOutcome: Hashable, Sendable {
    /// The number of the configuration in use: 1 at the start, one more with each that was applied.
    package var generation: Int
    /// True if the configuration was applied.
    package var isApplied: Bool
    /// See `ReloadProblems`; false if it was applied.
    package var isConfigurationWrong = false
    /// Empty if it was applied.
    package var problems: [String] = []
    /// Changes that need a restart, and the file's warnings.
    package var warnings: [String] = []

    /// Creates a reload outcome.
    package init(
        generation: Int, isApplied: Bool, isConfigurationWrong: Bool = false, problems: [String] = [],
        warnings: [String] = []
    ) {
        self.generation = generation
        self.isApplied = isApplied
        self.isConfigurationWrong = isConfigurationWrong
        self.problems = problems
        self.warnings = warnings
    }

    /// Parses the result that another process wrote; nil if it is something else.
    package init?(json: JSONValue) {
        guard let isApplied = json["reloaded"]?.boolean else { return nil }
        self.isApplied = isApplied
        isConfigurationWrong = json["wrong-configuration"]?.boolean ?? !isApplied
        generation = json["generation"]?.count ?? 0
        problems = (json["problems"]?.elements ?? []).compactMap(\.string)
        warnings = (json["warnings"]?.elements ?? []).compactMap(\.string)
    }

    /// The result for the client of the control socket.
    package var json: JSONValue {
        .object([
            ("reloaded", .boolean(isApplied)), ("wrong-configuration", .boolean(isConfigurationWrong)),
            ("generation", .integer(generation)),
            ("problems", .array(problems.map { .string($0) })),
            ("warnings", .array(warnings.map { .string($0) })),
        ])
    }
}

/// The configuration in use, and the results of reloads since the start.
struct ReloadRecord: Sendable {
    /// The configuration in use.
    private(set) var inventory: Inventory
    /// The results of reloads.
    private(set) var status = ServerStatus.Reload()

    /// The number of the configuration in use.
    var generation: Int { status.generation }

    init(_ inventory: Inventory) {
        self.inventory = inventory
    }

    /// - Parameter time: Now, in seconds since 1970.
    mutating func note(
        _ result: Result<ReloadedConfiguration, ReloadProblems>, at time: Int
    ) -> ReloadOutcome {
        switch result {
        case .success(let new):
            inventory = new.inventory
            status.generation += 1
            status.lastSuccess = time
            status.lastProblems = []
            return ReloadOutcome(generation: generation, isApplied: true, warnings: new.warnings)
        case .failure(let problems):
            status.failures += 1
            status.lastFailure = time
            status.lastProblems = problems.problems
            return ReloadOutcome(
                generation: generation, isApplied: false,
                isConfigurationWrong: problems.isConfigurationWrong, problems: problems.problems)
        }
    }
}

extension ServerStatus {
    /// The results of reloads since the start.
    package struct Reload: Hashable, Sendable {
        /// 1 at the start, one more with each configuration that was applied.
        package var generation = 1
        /// Configurations that were not applied.
        package var failures = 0
        /// When the last one was applied, in seconds since 1970; nil: none since the start.
        package var lastSuccess: Int?
        /// When the last failure was.
        package var lastFailure: Int?
        /// The problems of the last failure; empty if a later configuration was applied.
        package var lastProblems: [String] = []

        /// Creates a reload.
        package init() {}

        init(json: JSONValue) {
            generation = json["generation"]?.count ?? 1
            failures = json["failures"]?.count ?? 0
            lastSuccess = json["last-success"]?.integer
            lastFailure = json["last-failure"]?.integer
            lastProblems = (json["problems"]?.elements ?? []).compactMap(\.string)
        }

        /// The results as JSON.
        var json: JSONValue {
            .object([
                ("generation", .integer(generation)), ("failures", .integer(failures)),
                ("last-success", .optional(lastSuccess)), ("last-failure", .optional(lastFailure)),
                ("problems", .array(lastProblems.map { .string($0) })),
            ])
        }
    }
}
