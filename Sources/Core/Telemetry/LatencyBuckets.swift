/// The buckets of all latency histograms: four to each doubling between 8 µs and 8.4 s, and one at
/// either end.
///
/// A time read from them is wrong by at most an eighth. Bounds are exact in binary, so the export of every
/// fourth one needs no rounding.
///
/// ```
/// 0: below 8 µs | 1: 8...10 | 2: 10...12 | 3: 12...14 | 4: 14...16 | 5: 16...20 | ... | 81: 8388608...
/// ```
@usableFromInline
package enum LatencyBuckets {
    /// Buckets below 2^3 µs are one.
    @inlinable static var firstOctave: Int { 3 }
    /// Times from 2^23 µs on are one.
    @inlinable static var endOctave: Int { 23 }
    /// Buckets of one doubling.
    @inlinable static var perOctave: Int { 4 }

    /// The number of buckets.
    @inlinable package static var count: Int { 1 + (endOctave - firstOctave) * perOctave + 1 }

    /// The bucket of a time; a negative one counts as 0.
    @inlinable
    package static func index(microseconds: Int64) -> Int {
        guard microseconds >= 1 << Int64(firstOctave) else { return 0 }
        let octave = 63 - microseconds.leadingZeroBitCount
        guard octave < endOctave else { return count - 1 }
        let quarter = Int(microseconds >> Int64(octave - 2)) & 3
        return 1 + (octave - firstOctave) * perOctave + quarter
    }

    /// The upper bound of a bucket, in microseconds, exclusive; nil for the last one.
    package static func bound(_ index: Int) -> Int? {
        if index <= 0 { return 1 << firstOctave }
        guard index < count - 1 else { return nil }
        let octave = firstOctave + (index - 1) / perOctave
        let quarter = (index - 1) % perOctave
        return (perOctave + quarter + 1) << (octave - 2)
    }

    /// One upper bound for each doubling is exported: those of the buckets whose index this divides.
    package static let exportedEvery = perOctave
}

/// Latency histograms in rows: one for each cluster, or each server. Fixed memory: 83 numbers a row.
@usableFromInline
package struct LatencyTable: Hashable, Sendable {
    /// The number of rows.
    @usableFromInline package private(set) var rows: Int
    /// For each row the counts of its buckets, then the sum of its times in microseconds.
    @usableFromInline var cells: [Int]

    /// Numbers of one row: its buckets and its sum.
    @inlinable static var cellsPerRow: Int { LatencyBuckets.count + 1 }

    /// Creates a latency table.
    package init(rows: Int) {
        self.rows = rows
        cells = Array(repeating: 0, count: rows * Self.cellsPerRow)
    }

    /// Counts a time; in a row that does not exist it is dropped.
    @inlinable
    package mutating func record(nanoseconds: Int64, row: Int, times: Int = 1) {
        guard UInt(bitPattern: row) < UInt(rows) else { return }
        let microseconds = max(0, nanoseconds / 1000)
        let start = row * Self.cellsPerRow
        cells[start + LatencyBuckets.index(microseconds: microseconds)] += times
        cells[start + LatencyBuckets.count] += Int(microseconds) * times
    }

    /// The histogram of one row.
    package func histogram(_ row: Int) -> LatencyHistogram {
        guard row < rows else { return LatencyHistogram() }
        let start = row * Self.cellsPerRow
        return LatencyHistogram(
            counts: Array(cells[start..<(start + LatencyBuckets.count)]),
            sumMicroseconds: cells[start + LatencyBuckets.count])
    }

    /// All rows as one.
    package var total: LatencyHistogram {
        (0..<rows).reduce(into: LatencyHistogram()) { $0.add(histogram($1)) }
    }

    /// The same times in other rows.
    ///
    /// - Parameter sources: For each row that there will be, its row here; nil: a new one.
    package func rearranged(_ sources: [Int?]) -> LatencyTable {
        var new = LatencyTable(rows: sources.count)
        for (row, old) in sources.enumerated() {
            guard let old, old < rows else { continue }
            for cell in 0..<Self.cellsPerRow {
                new.cells[row * Self.cellsPerRow + cell] = cells[old * Self.cellsPerRow + cell]
            }
        }
        return new
    }

    /// Adds another worker's times of the same rows.
    package mutating func add(_ other: LatencyTable) {
        guard other.rows == rows else {
            if other.rows > rows { self = other }
            return
        }
        for index in cells.indices { cells[index] += other.cells[index] }
    }
}

/// One latency histogram, for reading.
package struct LatencyHistogram: Hashable, Sendable {
    /// One for each of `LatencyBuckets`.
    package private(set) var counts: [Int]
    /// The sum of the times, in microseconds.
    package private(set) var sumMicroseconds: Int

    /// Creates a latency histogram.
    package init() {
        self.init(counts: Array(repeating: 0, count: LatencyBuckets.count), sumMicroseconds: 0)
    }

    init(counts: [Int], sumMicroseconds: Int) {
        self.counts = counts
        self.sumMicroseconds = sumMicroseconds
    }

    /// The number of times.
    package var count: Int { counts.reduce(0, +) }

    /// Adds the times of another histogram.
    package mutating func add(_ other: LatencyHistogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        sumMicroseconds += other.sumMicroseconds
    }

    /// What has come since `earlier`, an older reading of the same histogram.
    package func since(_ earlier: LatencyHistogram) -> LatencyHistogram {
        // A histogram that has started again meanwhile counts from its beginning.
        guard sumMicroseconds >= earlier.sumMicroseconds,
            zip(counts, earlier.counts).allSatisfy({ $0 >= $1 })
        else { return self }
        return LatencyHistogram(
            counts: zip(counts, earlier.counts).map { $0 - $1 },
            sumMicroseconds: sumMicroseconds - earlier.sumMicroseconds)
    }

    /// The time, in microseconds, that `permille` of 1000 times do not exceed, drawn evenly inside its
    /// bucket. Nil if there is none. Times above the highest bound count as that bound.
    package func quantile(permille: Int) -> Int? {
        let total = count
        guard total > 0 else { return nil }
        let rank = max(1, (total * permille + 999) / 1000)
        var seen = 0
        var low = 0
        for (index, count) in counts.enumerated() {
            guard let bound = LatencyBuckets.bound(index) else { return low }
            if seen + count >= rank { return low + (bound - low) * (rank - seen) / count }
            seen += count
            low = bound
        }
        return low
    }
}
