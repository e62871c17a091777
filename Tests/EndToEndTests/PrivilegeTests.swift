import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// What the server's process keeps, and how it dies.
    @Suite struct Privileges {
        private let folder: TemporaryFolder
        private let server: ServerProcess

        /// A server of its own, which root has become `nobody`.
        init() throws {
            let program = try #require(Tool.namebridge)
            folder = try TemporaryFolder()
            let port = try FreePort.next()
            let file = try folder.write(
                """
                dns: { listen: ["127.0.0.1:\(port)"] }
                clusters: { prod: { dns: ["127.0.0.1:9"] } }
                """, to: "privileges.yaml")
            let sockets = folder.path + "/sockets"
            try FileManager.default.createDirectory(atPath: sockets, withIntermediateDirectories: true)
            // Only for `nobody`: other users do not exist on every host.
            let user = geteuid() == 0 ? ["--user", "nobody"] : []
            // As an administrator would: `serve` does not take ownership of a given folder.
            if geteuid() == 0 { try Self.give(sockets, to: "nobody") }
            server = try ServerProcess(
                "privileges", [program, "serve", "--config", file, "--control", sockets + "/control"] + user,
                in: folder)
            let server = server
            try server.waitUntil { server.output.contains("serving") }
        }

        private static func give(_ path: String, to user: String) throws {
            let entry = unsafe getpwnam(user)
            // The entry stays until the next call, and its number is copied.
            let number = try #require(unsafe entry?.pointee.pw_uid)
            // The path is read during the call.
            let result = unsafe chown(path, number, 0)
            #expect(result == 0)
        }

        @Test func `a folder that --control names stays whose it is`() throws {
            guard geteuid() == 0 else { return print("skipped: root alone can give a folder away") }
            let program = try #require(Tool.namebridge)
            let port = try FreePort.next()
            let file = try folder.write("dns: { listen: [\"127.0.0.1:\(port)\"] }\n", to: "foreign.yaml")
            let others = folder.path + "/others"
            try FileManager.default.createDirectory(atPath: others, withIntermediateDirectories: true)
            let second = try ServerProcess(
                "foreign folder",
                [
                    program, "serve", "--config", file, "--control", others + "/control",
                    "--user", "nobody",
                ],
                in: folder)
            let deadline = Deadline(10_000)
            while !second.hasEnded, !deadline.isOver { Deadline.pause() }
            #expect(second.hasEnded && second.output.contains("ermission denied"), "\(second.output)")
            let attributes = try FileManager.default.attributesOfItem(atPath: others)
            #expect(attributes[.ownerAccountID] as? Int == 0)
        }

        private func status() throws -> [String: String] {
            let text = try String(contentsOfFile: "/proc/\(server.identifier)/status", encoding: .utf8)
            return text.split(separator: "\n").reduce(into: [:]) { fields, line in
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts.count == 2 { fields[String(parts[0])] = parts[1].trimmingCharacters(in: .whitespaces) }
            }
        }

        @Test func `a server that root starts becomes another user with one capability`() throws {
            guard geteuid() == 0 else { return print("skipped: only root can become another user") }
            let status = try status()
            let entry = unsafe getpwnam("nobody")
            // The entry stays until the next call, and its number is copied.
            let user = unsafe "\(entry?.pointee.pw_uid ?? 0)"
            #expect(status["Uid"] == [user, user, user, user].joined(separator: "\t"))
            #expect(status["Groups"] == "")
            // Bit 10: CAP_NET_BIND_SERVICE; a container may lack even that.
            for field in ["CapPrm", "CapEff", "CapBnd"] {
                let capabilities = UInt64(status[field] ?? "", radix: 16) ?? .max
                #expect(capabilities & ~0x400 == 0, "\(field) \(status[field] ?? "")")
            }
            #expect(status["CapInh"] == "0000000000000000" && status["CapAmb"] == "0000000000000000")
        }

        @Test func `no program that it might run gains a privilege, and no memory is left in a core file`() throws {
            #expect(try status()["NoNewPrivs"] == "1")
            let limits = try String(contentsOfFile: "/proc/\(server.identifier)/limits", encoding: .utf8)
            let core = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
            #expect(core?.split(separator: " ").dropFirst(4).prefix(2) == ["0", "0"], "\(core ?? "")")
        }

        @Test(arguments: [SIGILL, SIGABRT, SIGSEGV])
        func `a trap ends the process at once, with a word`(signal: Int32) throws {
            server.signal(signal)
            let deadline = Deadline(10_000)
            while !server.hasEnded, !deadline.isOver { Deadline.pause() }
            #expect(server.hasEnded)
            #expect(server.output.contains("died signal=SIG"), "\(server.output)")
        }
    }
}
