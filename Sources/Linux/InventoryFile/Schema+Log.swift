import Inventory

extension Field {
    /// `log`.
    func logSettings() -> LogSettings? {
        mapping { keys in
            var log = LogSettings()
            keys.read("format", into: &log.format, .word)
            if let queries = keys.value(of: "queries", { $0.queryLog() }) { log.queries = queries }
            return log
        }
    }

    /// `log.queries`.
    private func queryLog() -> QueryLogSettings? {
        mapping { keys in
            var queries = QueryLogSettings()
            keys.read("sample", into: &queries.sample, .fraction)
            keys.read("clients", into: &queries.clients) { $0.list(of: .prefix) }
            keys.read("names", into: &queries.names) { $0.list(of: .domainName) }
            keys.read("rcodes", into: &queries.responseCodes) { $0.list(of: .word) }
            keys.read("output", into: &queries.output, .logOutput)
            return queries
        }
    }
}

extension Scalar where Value == Double {
    /// A fraction above 0 and at most 1.
    fileprivate static var fraction: Scalar {
        Scalar(expected: "a number above 0 and at most 1, as in 0.01") { text in
            let isDecimal =
                (1...20).contains(text.utf8.count)
                && text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
            guard isDecimal, let value = Double(text) else {
                let percent = text.hasSuffix("%") ? Double(text.dropLast()) : nil
                return .wrong(expected: nil, suggestion: percent.map { "\($0 / 100)" })
            }
            return Reading(value > 0 && value <= 1 ? value : nil)
        }
    }
}

extension Scalar where Value == LogOutput {
    /// `log.queries.output`.
    fileprivate static var logOutput: Scalar {
        Scalar(expected: "stderr, or an absolute path") { text in
            if text == "stderr" { return .value(.standardError) }
            guard case .value(let path) = Scalar<String>.path.read(text) else { return Reading(nil) }
            return .value(.file(path))
        }
    }
}
