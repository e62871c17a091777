import Foundation
import TestSupport
import Testing

/// Every exchange that was recorded from real CoreDNS servers, in the order of the file.
let recordedExchanges: [RecordedExchange] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "answers.jsonl")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
    return text.split(separator: "\n").compactMap {
        try? JSONDecoder().decode(RecordedExchange.self, from: Data($0.utf8))
    }
}()
