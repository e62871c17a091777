import Foundation
import Testing

/// Alerts and the dashboard ask for metrics that the program has, so that none stays silent for ever.
@Suite struct MetricNameTests {
    @Test(arguments: ["config/prometheus-alerts.yaml", "config/grafana-dashboard.json"])
    func `every metric that is asked for exists`(_ path: String) throws {
        let existing = try metrics()
        let text = try String(contentsOf: packageFolder.appending(path: path), encoding: .utf8)
        let asked = Set(text.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.filter { $0.hasPrefix("namebridge_") })
        #expect(asked.count > 10 && existing.count > 40)
        for name in asked.sorted() {
            #expect(existing.contains(String(name)), "\(path) asks for \(name), which no page of metrics has")
        }
    }

    /// The series of all metrics: a histogram has three.
    private func metrics() throws -> Set<String> {
        var found: Set<String> = []
        // Literals are blank in `code`.
        for file in try swiftFiles(below: "Sources") {
            for (number, line) in file.lines.enumerated() {
                for part in line.components(separatedBy: "\"namebridge_").dropFirst() {
                    let rest = part.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                    guard part.dropFirst(rest.count).first == "\"" else { continue }
                    let name = "namebridge_" + rest
                    found.insert(name)
                    // The kind stands on the line of the name or the next one.
                    let near = file.lines[number...].prefix(2).joined()
                    if near.contains(".histogram") { found.formUnion(["_bucket", "_sum", "_count"].map { name + $0 }) }
                }
            }
        }
        return found
    }
}
