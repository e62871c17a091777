import Inventory

/// Text in pieces, each of which may have a colour. Colours are the only control sequences in its output: the
/// text of the pieces is escaped.
struct StyledText: Hashable {
    /// A text in one colour.
    private struct Piece: Hashable {
        /// The text.
        let text: String
        /// The colour; nil: none.
        let style: Style?
    }

    /// The pieces in order.
    private var pieces: [Piece]

    init(_ text: some CustomStringConvertible, _ style: Style? = nil) {
        pieces = [Piece(text: text.description, style: style)]
    }

    private init(_ pieces: [Piece]) { self.pieces = pieces }

    static func + (left: Self, right: Self) -> Self { Self(left.pieces + right.pieces) }
    static func + (left: String, right: Self) -> Self { Self(left) + right }
    static func + (left: Self, right: String) -> Self { left + Self(right) }

    /// The lines with a line feed between each two.
    static func joined(_ lines: [Self]) -> Self {
        Self(Array(lines.map(\.pieces).joined(separator: [Piece(text: "\n", style: nil)])))
    }

    /// The text for `stream`; nil: without colours.
    func rendered(for stream: StandardStream?) -> String {
        let takesColour = stream?.takesColour ?? false
        return pieces.map { piece in
            let text = piece.text.printableLines
            guard takesColour, let style = piece.style else { return text }
            return "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m"
        }.joined()
    }
}
