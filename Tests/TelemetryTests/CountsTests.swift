import Telemetry
import Testing

/// Counts with labels.
struct CountsTests {
    @Test func repliesAreCountedByViewClusterSourceAndCode() {
        var counts = AnswerCounts(views: 2, clusters: 3)
        counts.count(.hit, rcode: 0, view: 1, cluster: 2)
        counts.count(.miss, rcode: 3, view: 1, cluster: 2, replies: 4)
        counts.count(.hit, rcode: 3841, view: 0, cluster: 0)
        #expect(counts.value(.hit, column: 0, view: 1, cluster: 2) == 1)
        #expect(counts.value(.miss, column: 3, view: 1, cluster: 2) == 4)
        let last = ResponseCodeColumn.names.count - 1
        #expect(counts.value(.hit, column: last, view: 0, cluster: 0) == 1)
    }

    @Test func anUnknownViewOrClusterCountsAsNone() {
        var counts = AnswerCounts(views: 2, clusters: 2)
        counts.count(.hit, rcode: 0, view: 9, cluster: -1)
        #expect(counts.value(.hit, column: 0, view: 0, cluster: 0) == 1)
    }

    @Test func aReloadKeepsTheCountsOfWhatStays() {
        var counts = AnswerCounts(views: 3, clusters: 2)
        counts.count(.hit, rcode: 0, view: 2, cluster: 1, replies: 5)
        counts.count(.hit, rcode: 0, view: 1, cluster: 1, replies: 7)
        // View 1 goes, view 2 moves down, a cluster comes.
        let new = counts.rearranged(views: [0, 2, nil], clusters: 3)
        #expect(new.value(.hit, column: 0, view: 1, cluster: 1) == 5)
        #expect(new.value(.hit, column: 0, view: 2, cluster: 1) == 0)
        #expect(new.value(.hit, column: 0, view: 1, cluster: 2) == 0)
        var table = CounterTable(rows: 2, columns: 2)
        table.count(row: 1, column: 1)
        #expect(table.rearranged([nil, nil, 1]).value(row: 2, column: 1) == 1)
        var latencies = LatencyTable(rows: 2)
        latencies.record(nanoseconds: 1_000_000, row: 1)
        #expect(latencies.rearranged([1]).histogram(0).count == 1)
    }

    @Test func workersAddUp() {
        var counts = AnswerCounts(views: 1, clusters: 1)
        counts.count(.local, rcode: 0, view: 0, cluster: 0, replies: 2)
        let other = counts
        counts.add(other)
        #expect(counts.value(.local, column: 0, view: 0, cluster: 0) == 4)
        counts.add(AnswerCounts(views: 2, clusters: 2))
        #expect(counts.views == 2, "in the midst of a reload the new rows hold")
    }
}
