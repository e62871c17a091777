import ArgumentParser

/// The form of a command's result.
enum OutputForm: String, CaseIterable, ExpressibleByArgument {
    /// For people.
    case text
    /// For programs.
    case json
}
