import ArgumentParser

/// How a command writes its result.
enum OutputForm: String, CaseIterable, ExpressibleByArgument {
    /// For people.
    case text
    /// For programs.
    case json
}
