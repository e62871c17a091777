// Lines for people that are wider than the terminal's window.

extension String {
    /// A line of a plan as lines that fit the window: a comment is broken at spaces, and the reason of a long
    /// command stands below it. Commands stay whole, so that they can be copied.
    ///
    /// - Parameter columns: The width of the window; nil if any width will do.
    func fitted(_ columns: Int?) -> [String] {
        guard let columns, count > columns else { return [self] }
        if hasPrefix("#") {
            // What is indented is a line to enter elsewhere.
            let isText = !hasPrefix("#  ") && hasPrefix("# ")
            return isText ? Self.comment(String(dropFirst(2)), "# ", "#   ", columns) : [self]
        }
        guard let reason = firstRange(of: "  # ") else { return [self] }
        let words = String(self[reason.upperBound...])
        return [String(self[..<reason.lowerBound])] + Self.comment(words, "    # ", "    #   ", columns)
    }

    /// Lines of at most `columns` characters, those after the first behind four more spaces than this one.
    func hanging(_ columns: Int?) -> [String] {
        guard let columns, count > columns else { return [self] }
        let indent = String(prefix { $0 == " " })
        let room = Self.room(columns, besides: indent.count + 4)
        let lines = String(dropFirst(indent.count)).wrapped(room)
        return lines.enumerated().map { index, line in indent + (index == 0 ? "" : "    ") + line }
    }

    /// A comment whose first line begins with `first`, and each other with `next`.
    private static func comment(
        _ text: String, _ first: String, _ next: String, _ columns: Int
    ) -> [String] {
        text.wrapped(room(columns, besides: next.count)).enumerated().map { index, line in
            (index == 0 ? first : next) + line
        }
    }

    /// The characters left of a window, at least 20.
    private static func room(_ columns: Int, besides taken: Int) -> Int { Swift.max(20, columns - taken) }

    /// True for a line that is a comment as a whole.
    var isComment: Bool { drop { $0 == " " }.hasPrefix("#") }
}
