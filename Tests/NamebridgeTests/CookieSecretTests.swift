import Foundation
import LinuxSystem
import Testing

@testable import namebridge

/// The file of `dns.cookie-secret-file`.
@Suite struct CookieSecretTests {
    /// A file that is gone at the end of the test.
    private final class SecretFile {
        let path: String

        init(_ text: String, mode: Int = 0o600) throws {
            let file = FileManager.default.temporaryDirectory.appending(path: "namebridge-secret-\(UUID().uuidString)")
            path = file.path
            try Data(text.utf8).write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private func read(_ text: String) throws -> Int {
        let file = try SecretFile(text)
        defer { withExtendedLifetime(file) {} }
        return try CookieSecretFile(path: file.path, service: nil).secrets.count
    }

    private static let one = "e5e973e5a6b2a43f48e7dc849e37bfcf"

    @Test(arguments: [(one, 1), ("# newest\n\(one.uppercased())\n\n \(one) \r\n", 2)])
    func `each secret is on its own line`(text: String, count: Int) throws {
        #expect(try read(text) == count)
    }

    @Test(arguments: [
        ("", "found 0 secrets, expected 1 to 4"), ("e5e9", ":1: expected a secret of 32 hexadecimal digits, found 4 of them"),
        ("\(one)\n\(one)0", ":2: expected a secret of 32 hexadecimal digits, found 33 of them"),
        ("\(one.dropLast())g", ":1: expected a secret of 32 hexadecimal digits, found something else among 32 characters"),
        (String(repeating: "\(one)\n", count: 5), "found 5 secrets"),
    ])
    func `a mistake is reported with its line, without the secret`(text: String, message: String) throws {
        do {
            _ = try read(text)
            Issue.record("accepted")
        } catch let error as CookieSecretError {
            #expect(error.text.contains(message), "\(error)")
            #expect(!error.text.contains("e5e973"))
        }
    }

    @Test(arguments: [("/nonexistent/secret", "No such file"), ("/tmp", "something other than a file")])
    func `a path that is not a file is reported`(path: String, message: String) {
        do {
            _ = try CookieSecretFile(path: path, service: nil)
            Issue.record("accepted")
        } catch {
            #expect(error.text.contains(path) && error.text.contains(message), "\(error)")
        }
    }

    @Test func `a file that others can read is used, with a warning that says what to type`() throws {
        let file = try SecretFile(Self.one, mode: 0o644)
        let closed = try SecretFile(Self.one)
        defer { withExtendedLifetime((file, closed)) {} }
        let read = try CookieSecretFile(path: file.path, service: nil)
        #expect(read.secrets.count == 1)
        let warning = try #require(read.warning)
        #expect(warning.contains("mode 0644: every user of this host can read it"))
        #expect(warning.hasSuffix("`chmod 600 \(file.path)`"))
        #expect(try CookieSecretFile(path: closed.path, service: nil).warning == nil)
    }

    /// Owner, group, mode; whether there is a user 99 of group 98 for the service; parts of the warning, none for nil.
    private static let accesses: [(UInt32, UInt32, UInt32, Bool, String?)] = [
        (0, 0, 0o600, true, nil), (0, 98, 0o640, true, nil), (99, 98, 0o600, true, nil), (0, 0, 0o640, false, nil),
        (0, 55, 0o640, true, "members of group 55|`chgrp namebridge /etc/s && chmod 640 /etc/s`"),
        (0, 98, 0o644, true, "every user|`chmod 640 /etc/s`"), (99, 55, 0o644, true, "every user|`chmod 600 /etc/s`"),
        (0, 0, 0o644, false, "every user|`chmod 600 /etc/s`"),
        (0, 0, 0o660, false, "others than its owner can change it|chmod 600"),
        (0, 0, 0o602, false, "mode 0602|others than its owner can change it"),
    ]

    private func service(_ exists: Bool) -> SystemUser? { exists ? SystemUser(name: "namebridge", user: 99, group: 98) : nil }

    @Test(arguments: accesses)
    func `only the service's group may read the file`(
        owner: UInt32, group: UInt32, mode: UInt32, hasService: Bool, expected: String?
    ) {
        let access = FileAccess(owner: owner, group: group, mode: mode)
        let warning = CookieSecretFile.warning("/etc/s", access, service: service(hasService))
        guard let expected else {
            #expect(warning == nil)
            return
        }
        for part in expected.split(separator: "|") { #expect(warning?.contains(part) == true, "\(warning ?? "none")") }
    }

    @Test(
        arguments: [
            (0, 0, 0o600, true), (0, 0, 0o640, true), (0, 98, 0o600, true), (99, 0, 0o200, true), (0, 98, 0o640, false),
            (99, 0, 0o600, false), (0, 0, 0o644, false),
        ] as [(UInt32, UInt32, UInt32, Bool)])
    func `a file that the service cannot read is reported`(owner: UInt32, group: UInt32, mode: UInt32, isTold: Bool) {
        let access = FileAccess(owner: owner, group: group, mode: mode)
        let told = CookieSecretFile.exclusion("/etc/a secret", access, service: service(true))
        #expect((told != nil) == isTold)
        if let told { #expect(told.contains("the service runs as namebridge") && told.contains("'/etc/a secret'")) }
        #expect(CookieSecretFile.exclusion("/etc/a secret", access, service: nil) == nil)
    }
}
