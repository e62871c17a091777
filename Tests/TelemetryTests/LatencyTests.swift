import Telemetry
import Testing

/// Latency histograms: the buckets, and what is read from them.
struct LatencyTests {
    @Test func everyTimeFallsIntoTheBucketWithinWhoseBoundsItLies() {
        for index in 0..<(LatencyBuckets.count - 1) {
            let bound = LatencyBuckets.bound(index) ?? 0
            #expect(LatencyBuckets.index(microseconds: Int64(bound) - 1) == index)
            #expect(LatencyBuckets.index(microseconds: Int64(bound)) == index + 1)
        }
        #expect(LatencyBuckets.index(microseconds: -5) == 0)
        #expect(LatencyBuckets.index(microseconds: .max) == LatencyBuckets.count - 1)
        #expect(LatencyBuckets.bound(LatencyBuckets.count - 1) == nil)
    }

    @Test func exportedBoundsDouble() {
        let exported = stride(from: 0, to: LatencyBuckets.count - 1, by: LatencyBuckets.exportedEvery)
        let bounds = exported.map { LatencyBuckets.bound($0) ?? 0 }
        #expect(bounds.first == 8)
        #expect(bounds.last == 1 << 23)
        for (lower, upper) in zip(bounds, bounds.dropFirst()) { #expect(upper == 2 * lower) }
    }

    @Test func aQuantileIsAtMostAQuarterOff() {
        var table = LatencyTable(rows: 1)
        for milliseconds in 1...100 { table.record(nanoseconds: Int64(milliseconds) * 1_000_000, row: 0) }
        let histogram = table.histogram(0)
        for permille in [10, 250, 500, 950, 990] {
            let found = histogram.quantile(permille: permille) ?? 0
            let exact = permille * 100
            #expect(abs(found - exact) * 4 <= exact + 4000, "\(permille): \(found), not \(exact)")
        }
        #expect(histogram.count == 100)
        #expect(histogram.sumMicroseconds == 5_050_000)
        #expect(LatencyHistogram().quantile(permille: 500) == nil)
    }

    @Test func aReadingSinceAnEarlierOneHasOnlyWhatCameSince() {
        var table = LatencyTable(rows: 1)
        table.record(nanoseconds: 1_000_000, row: 0)
        let earlier = table.histogram(0)
        table.record(nanoseconds: 64_000_000, row: 0, times: 3)
        let recent = table.histogram(0).since(earlier)
        #expect(recent.count == 3)
        #expect(recent.sumMicroseconds == 192_000)
        #expect(earlier.since(table.histogram(0)) == earlier, "begun anew: everything is new")
    }

    @Test func timesOfRowsThatDoNotExistAreDropped() {
        var table = LatencyTable(rows: 1)
        table.record(nanoseconds: 1000, row: 1)
        table.record(nanoseconds: 1000, row: -1)
        #expect(table.total.count == 0)
        #expect(table.histogram(7).count == 0)
    }
}
