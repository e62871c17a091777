import ArgumentParser

/// The demo instead of a configuration.
struct DemoOptions: ParsableArguments {
    @Flag(name: .long, help: "Use two small clusters inside this process; nothing to set up.")
    var demo = false

    @Option(
        name: .long,
        help: ArgumentHelp("Where the demo's zone files are.", valueName: "folder"),
        completion: .directory)
    var demoZones: String?

    /// The demo has its own configuration.
    func validate(with options: ConfigurationOptions) throws {
        if demo, options.config != nil { throw ValidationError("--demo goes without --config.") }
        if !demo, demoZones != nil { throw ValidationError("--demo-zones goes with --demo.") }
    }
}
