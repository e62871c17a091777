/// Counters in rows and columns: one row for each server, say, and one column for each kind of event. One
/// thread counts; others read copies.
@usableFromInline
package struct CounterTable: Hashable, Sendable {
    /// The number of rows.
    @usableFromInline package private(set) var rows: Int
    /// The number of columns.
    @usableFromInline package let columns: Int
    /// The counts, row after row.
    @usableFromInline var cells: [Int]

    /// Creates a counter table.
    package init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        cells = Array(repeating: 0, count: rows * columns)
    }

    /// Adds one; where there is no such cell, nothing.
    @inlinable
    package mutating func count(row: Int, column: Int) {
        guard UInt(bitPattern: row) < UInt(rows), UInt(bitPattern: column) < UInt(columns) else { return }
        cells[row * columns + column] += 1
    }

    /// The count of one cell.
    package func value(row: Int, column: Int) -> Int {
        row < rows && column < columns ? cells[row * columns + column] : 0
    }

    /// The same counts in other rows.
    ///
    /// - Parameter sources: For each row that there will be, its row here; nil: a new one.
    package func rearranged(_ sources: [Int?]) -> CounterTable {
        var new = CounterTable(rows: sources.count, columns: columns)
        for (row, old) in sources.enumerated() {
            guard let old, old < rows else { continue }
            for column in 0..<columns { new.cells[row * columns + column] = cells[old * columns + column] }
        }
        return new
    }

    /// Adds another worker's counts of the same rows.
    package mutating func add(_ other: CounterTable) {
        guard other.rows == rows, other.columns == columns else {
            if other.rows > rows { self = other }
            return
        }
        for index in cells.indices { cells[index] += other.cells[index] }
    }
}
