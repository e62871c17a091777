import Foundation
import Testing

@testable import namebridge

/// The file of `dns.cookie-secret-file`.
@Suite struct CookieSecretTests {
    private func read(_ text: String) throws -> Int {
        let file = FileManager.default.temporaryDirectory.appending(path: "namebridge-secret-\(UUID().uuidString)")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try CookieSecretFile.read(file.path).count
    }

    private static let one = "e5e973e5a6b2a43f48e7dc849e37bfcf"

    @Test(arguments: [(one, 1), ("# newest\n\(one.uppercased())\n\n \(one) \r\n", 2)])
    func `secrets stand on lines of their own`(text: String, count: Int) throws {
        #expect(try read(text) == count)
    }

    @Test(arguments: [
        ("", "found 0 secrets, expected 1 to 4"), ("e5e9", ":1: expected a secret of 32 hexadecimal digits"),
        ("\(one)\n\(one)0", ":2: expected a secret"), ("\(one.dropLast())g", ":1: expected a secret"),
        (String(repeating: "\(one)\n", count: 5), "found 5 secrets"),
    ])
    func `a mistake is told with its line, without the secret`(text: String, message: String) throws {
        do {
            _ = try read(text)
            Issue.record("accepted")
        } catch let error as CookieSecretError {
            #expect(error.text.contains(message), "\(error)")
            #expect(!error.text.contains("e5e973"))
        }
    }

    @Test func `a file that is not there is told`() {
        #expect(throws: CookieSecretError.self) { try CookieSecretFile.read("/nonexistent/secret") }
    }
}
