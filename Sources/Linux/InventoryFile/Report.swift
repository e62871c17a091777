import Inventory

/// Collects the mistakes of one file while it is read.
///
/// A class, since the readers of all parts add to the same report; it never leaves one call
/// of `InventoryFile.read`.
final class Report {
    /// Beyond this number only the count of further problems is reported.
    static let maximumCount = 500

    /// The root of the tree once that is built; gives positions to the problems of `Inventory.check()`.
    var root: YAMLNode?

    /// The file's name in messages.
    private let file: String
    /// The problems so far.
    private var diagnostics: [Diagnostic] = []
    /// Problems beyond `maximumCount`.
    private var omitted = 0
    /// True once an error was added.
    private(set) var hasErrors = false

    /// Values that could not be read: a contradiction with one of them is likely only a consequence.
    private var unreadable: Set<InventoryPath> = []

    /// The unreadable values and all values that contain one.
    private var affected: Set<InventoryPath> = []

    /// For lists with unreadable elements: the position in the file of each element of the model.
    private var positions: [InventoryPath: [Int]] = [:]

    init(file: String) {
        self.file = file
    }

    /// All problems in the order of the file, and the number of those left out.
    var sorted: [Diagnostic] {
        let ordered = diagnostics.enumerated().sorted { left, right in
            (left.element.line, left.element.column, left.offset) < (
                right.element.line, right.element.column, right.offset
            )
        }
        let shown = ordered.map(\.element)
        guard omitted > 0, let last = shown.last else { return shown }
        let rest = Diagnostic(
            severity: hasErrors ? .error : .warning, file: file, line: last.line, column: last.column,
            path: InventoryPath(), message: "\(omitted) more problems are not shown")
        return shown + [rest]
    }

    /// Adds an error of YAML.
    func add(_ error: YAMLError) {
        fail(at: error.mark, error.path, error.message)
    }

    /// Adds an error at `mark`; `path` counts as unreadable.
    func fail(at mark: Mark, _ path: InventoryPath, _ message: String, suggestion: String? = nil) {
        distrust(path)
        add(.error, mark, path: path, message: message, suggestion: suggestion)
    }

    /// Adds an error at `mark` that has no consequences for other values.
    func complain(at mark: Mark, _ path: InventoryPath, _ message: String) {
        add(.error, mark, path: path, message: message, suggestion: nil)
    }

    /// Marks `path` as unreadable without another message.
    func distrust(_ path: InventoryPath) {
        guard unreadable.insert(path).inserted else { return }
        var holder = path
        while affected.insert(holder).inserted, !holder.steps.isEmpty {  // one step less each turn
            holder.steps.removeLast()
        }
    }

    /// True if `path` itself was found unreadable.
    func isDistrusted(_ path: InventoryPath) -> Bool {
        unreadable.contains(path)
    }

    /// True if further problems are only counted.
    var isFull: Bool { diagnostics.count >= Self.maximumCount }

    /// Notes that only the elements at `kept` of the list at `path` are in the model.
    func note(kept: [Int], of path: InventoryPath) {
        positions[path] = kept
    }

    /// Adds the contradictions in the model, each at its place in the file.
    func add(_ problems: [InventoryProblem]) {
        for problem in problems {
            let path = inFile(problem.path)
            let other = problem.other.map(inFile)
            guard problem.isAboutKey || !isConsequence(path), other.map(isConsequence) != true
            else { continue }
            if isFull {
                count(problem.severity)
                continue
            }
            var message = problem.message
            if let other { message += "; see \(other) at \(mark(at: other))" }
            add(
                problem.severity, mark(at: path), path: path, message: message, suggestion: problem.suggestion
            )
        }
    }

    /// Adds a problem unless the report is full.
    private func add(
        _ severity: Severity, _ mark: Mark, path: InventoryPath, message: String, suggestion: String?
    ) {
        guard !isFull else { return count(severity) }
        if severity == .error { hasErrors = true }
        diagnostics.append(
            Diagnostic(
                severity: severity, file: file, line: mark.line, column: mark.column, path: path,
                message: message,
                suggestion: suggestion))
    }

    /// Counts a problem that is not shown.
    private func count(_ severity: Severity) {
        if severity == .error { hasErrors = true }
        omitted += 1
    }

    /// The position of a value.
    private func mark(at path: InventoryPath) -> Mark {
        root?.mark(at: path.steps[...]) ?? Mark(line: 1, column: 1)
    }

    /// True if an unreadable value lies on the way to `path` or inside it.
    private func isConsequence(_ path: InventoryPath) -> Bool {
        affected.contains(path)
            || (0...path.steps.count).contains {
                unreadable.contains(InventoryPath(Array(path.steps.prefix($0))))
            }
    }

    /// The path in the file of the value at `path` in the model.
    private func inFile(_ path: InventoryPath) -> InventoryPath {
        var translated = InventoryPath()
        for step in path.steps {
            if case .index(let index) = step, let kept = positions[translated], kept.indices.contains(index) {
                translated = translated[kept[index]]
            } else {
                translated = InventoryPath(translated.steps + [step])
            }
        }
        return translated
    }
}
