/// Metrics in Prometheus' text format, version 0.0.4.
///
/// ```
/// # HELP namebridge_questions_total Questions from clients.
/// # TYPE namebridge_questions_total counter
/// namebridge_questions_total 42
/// ```
package struct PrometheusText {
    /// The text so far.
    package private(set) var text = ""

    /// The types of metrics.
    package enum Kind: String {
        /// A number that only grows.
        case counter
        /// A number that goes up and down.
        case gauge
        /// Counts by bucket.
        case histogram
    }

    /// The samples of one family, which stand together.
    package struct Family {
        /// The family's name.
        fileprivate let name: String
        /// The lines of its samples.
        fileprivate var lines = ""

        /// A sample; labels in the order given.
        package mutating func add(_ value: Int, _ labels: [(String, String)] = []) {
            lines += "\(name)\(PrometheusText.labels(labels)) \(value)\n"
        }

        /// A time, in seconds.
        package mutating func add(microseconds value: Int, _ labels: [(String, String)] = []) {
            lines += "\(name)\(PrometheusText.labels(labels)) \(PrometheusText.seconds(value))\n"
        }

        /// The buckets, sum and count of a histogram.
        package mutating func add(_ histogram: LatencyHistogram, _ labels: [(String, String)] = []) {
            var sum = 0
            for (index, count) in histogram.counts.enumerated() {
                sum += count
                guard index % LatencyBuckets.exportedEvery == 0, let bound = LatencyBuckets.bound(index)
                else { continue }
                let all = labels + [("le", PrometheusText.seconds(bound))]
                lines += "\(name)_bucket\(PrometheusText.labels(all)) \(sum)\n"
            }
            lines += "\(name)_bucket\(PrometheusText.labels(labels + [("le", "+Inf")])) \(sum)\n"
            let rest = PrometheusText.labels(labels)
            lines += "\(name)_sum\(rest) \(PrometheusText.seconds(histogram.sumMicroseconds))\n"
            lines += "\(name)_count\(rest) \(sum)\n"
        }
    }

    /// Creates a Prometheus text.
    package init() {}

    /// Adds a family, unless it has no sample.
    ///
    /// - Parameter help: A sentence; without line breaks and backslashes.
    package mutating func family(
        _ name: String, _ kind: Kind, _ help: String, fill: (inout Family) -> Void
    ) {
        var family = Family(name: name)
        fill(&family)
        guard !family.lines.isEmpty else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n\(family.lines)"
    }

    /// Adds a family of one sample.
    package mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: Int) {
        family(name, kind, help) { $0.add(value) }
    }

    /// Labels in braces; empty without labels.
    private static func labels(_ labels: [(String, String)]) -> String {
        guard !labels.isEmpty else { return "" }
        return "{" + labels.map { "\($0.0)=\"\(escaped($0.1))\"" }.joined(separator: ",") + "}"
    }

    /// A label's value with its special characters escaped.
    private static func escaped(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == 0x5C || $0 == 0x22 || $0 == 0x0A }) else { return value }
        return value.reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
    }

    /// Microseconds as seconds, without needless zeros: `0.000008`, `1.5`, `3`.
    static func seconds(_ microseconds: Int) -> String {
        let (whole, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        guard rest != 0 else { return "\(whole)" }
        let digits = String(abs(rest))
        var fraction = String(repeating: "0", count: 6 - digits.count) + digits
        while fraction.last == "0" { fraction.removeLast() }
        return "\(microseconds < 0 && whole == 0 ? "-" : "")\(whole).\(fraction)"
    }
}
