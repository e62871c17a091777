/// Rows of text in columns, for people.
struct TextTable {
    /// The alignment of a column.
    enum Side {
        /// At the left.
        case left
        /// At the right.
        case right
    }

    /// The alignment of each column.
    private let sides: [Side]
    /// The cells of each row.
    private var rows: [[String]] = []

    /// - Parameter sides: One for each column.
    init(_ sides: [Side]) {
        self.sides = sides
    }

    /// Its rows.
    var count: Int { rows.count }

    /// The width of its widest line.
    var width: Int { widths.reduce(0, +) + 2 * max(0, widths.count - 1) }

    /// Adds a row.
    mutating func add(_ cells: [String]) {
        rows.append(cells)
    }

    /// The width of each column.
    private var widths: [Int] {
        sides.indices.map { column in
            rows.reduce(0) { column < $1.count ? max($0, $1[column].count) : $0 }
        }
    }

    /// The cells of each row, as wide as their columns.
    var paddedRows: [[String]] {
        let widths = widths
        return rows.map { row in
            zip(row, sides.indices).map { cell, column in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return sides[column] == .left ? cell + space : space + cell
            }
        }
    }

    /// The lines, two spaces between columns and none at the end.
    var lines: [String] {
        paddedRows.map { row in
            var line = row.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
