import Telemetry
import Testing

/// The text that Prometheus reads.
struct PrometheusTextTests {
    @Test func aFamilyStandsTogetherBelowItsHelpAndType() {
        var text = PrometheusText()
        text.family("x_total", .counter, "Things.") { family in
            family.add(3, [("a", "1"), ("b", "with \"quotes\" and \\ and\nline")])
            family.add(4)
        }
        text.family("empty", .gauge, "Nothing.") { _ in }
        #expect(
            text.text == """
                # HELP x_total Things.
                # TYPE x_total counter
                x_total{a="1",b="with \\"quotes\\" and \\\\ and\\nline"} 3
                x_total 4

                """)
    }

    @Test func aHistogramHasRisingBucketsASumAndACount() {
        var table = LatencyTable(rows: 1)
        table.record(nanoseconds: 9_000, row: 0)
        table.record(nanoseconds: 1_500_000_000, row: 0, times: 2)
        table.record(nanoseconds: 20_000_000_000, row: 0)
        var text = PrometheusText()
        text.family("x_seconds", .histogram, "Times.") { $0.add(table.histogram(0), [("c", "p")]) }
        let lines = text.text.split(separator: "\n").map(String.init)
        #expect(lines.contains(#"x_seconds_bucket{c="p",le="0.000008"} 0"#))
        #expect(lines.contains(#"x_seconds_bucket{c="p",le="0.000016"} 1"#))
        #expect(lines.contains(#"x_seconds_bucket{c="p",le="2.097152"} 3"#))
        #expect(lines.contains(#"x_seconds_bucket{c="p",le="+Inf"} 4"#))
        #expect(lines.contains(#"x_seconds_sum{c="p"} 23.000009"#))
        #expect(lines.last == #"x_seconds_count{c="p"} 4"#)
    }
}
