import Foundation
import Glibc
import LabProbe
import Testing

/// What a service manager hears of `serve`.
@Suite struct ServiceTests {
    /// A server with two workers, and the socket that it tells its news to.
    private final class Service {
        let manager: StandInManager
        let running: Program.Running
        let file: TemporaryFile
        let socket = "/tmp/namebridge-test-\(UUID().uuidString.prefix(8)).sock"

        init(_ manager: StandInManager, watchdog: String? = nil) throws {
            self.manager = manager
            file = try TemporaryFile(
                "dns: { listen: [\"127.0.0.1:0\"], workers: 2 }\nclusters:\n  prod: { dns: [192.0.2.1] }\n")
            var environment = ["NOTIFY_SOCKET": manager.address]
            if let watchdog { environment["WATCHDOG_USEC"] = watchdog }
            running = try Program.start(
                ["serve", "--config", file.path, "--control", socket], environment: environment)
        }

        deinit {
            running.process.terminate()
            running.process.waitUntilExit()
        }

        /// The thread of a worker.
        var worker: pid_t? {
            let tasks = "/proc/\(running.process.processIdentifier)/task"
            let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
            return threads.first {
                (try? String(contentsOfFile: "\(tasks)/\($0)/comm", encoding: .utf8)) == "dns-1\n"
            }.flatMap { pid_t($0) }
        }
    }

    @Test(arguments: [false, true])
    func `it notifies when it serves and when it ends`(isAbstract: Bool) throws {
        let service = try Service(StandInManager(isAbstract: isAbstract))
        #expect(service.manager.next(within: 10_000) == "READY=1\nSTATUS=serving 1 cluster with 2 workers")
        #expect(service.manager.next(within: 100) == nil, "no watchdog, no signs of life")
        service.running.process.terminate()
        #expect(service.manager.nextBeside("STATUS=serving", within: 10_000) == "STOPPING=1\nSTATUS=stopping")
    }

    @Test(arguments: [false, true])
    func `it notifies of each reload, by signal and by command`(isSignal: Bool) throws {
        let service = try Service(StandInManager(isAbstract: false))
        #expect(service.manager.next(within: 10_000)?.hasPrefix("READY=1") == true)
        let right = try String(contentsOfFile: service.file.path, encoding: .utf8)
        let rows: [(text: String, status: String, reason: String)] = [
            (
                right + "  staging: { dns: [192.0.2.2] }\n",
                "serving 2 clusters with 2 workers, configuration 2", "a right file"
            ),
            (
                right + "wrong: 1\n",
                "serving 2 clusters with 2 workers, configuration 2, a new one was not taken: 1 problem", "a wrong one"
            ),
            (right, "serving 1 cluster with 2 workers, configuration 3", "a right one again"),
        ]
        for row in rows {
            try row.text.write(toFile: service.file.path, atomically: true, encoding: .utf8)
            if isSignal {
                kill(service.running.process.processIdentifier, SIGHUP)
            } else {
                _ = try Program.run(["reload", "--control", service.socket])
            }
            let begin = service.manager.nextBeside("STATUS=serving", within: 10_000)
            #expect(begin?.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") == true, "\(row.reason)")
            let end = service.manager.next(within: 10_000)
            // The fake clusters may be found dead meanwhile.
            #expect(end?.hasPrefix("READY=1\nSTATUS=\(row.status)") == true, "\(row.reason): \(end ?? "nothing")")
        }
    }

    @Test func `a long reload neither trips the watchdog nor delays the end`() throws {
        let service = try Service(StandInManager(isAbstract: false), watchdog: "800000")
        #expect(service.manager.next(within: 10_000)?.hasPrefix("READY=1") == true)
        try FileManager.default.removeItem(atPath: service.file.path)
        // Reading it lasts until another process writes to it.
        try #require(unsafe mkfifo(service.file.path, 0o600) == 0)
        kill(service.running.process.processIdentifier, SIGHUP)
        while service.manager.nextBeside("STATUS=", within: 800)?.hasPrefix("RELOADING=1") == false {}
        for _ in 0..<6 { #expect(service.manager.nextBeside("STATUS=", within: 800) == "WATCHDOG=1") }
        service.running.process.terminate()
        while let news = service.manager.nextBeside("STATUS=", within: 2_000), !news.hasPrefix("STOPPING=1") {}
        service.running.process.waitUntilExit()
        #expect(service.running.process.terminationStatus == 0)
    }

    @Test func `a stuck worker trips the watchdog`() throws {
        let service = try Service(StandInManager(isAbstract: false), watchdog: "800000")
        #expect(service.manager.next(within: 10_000)?.hasPrefix("READY=1") == true)
        for _ in 0..<6 { #expect(service.manager.nextBeside("STATUS=", within: 800) == "WATCHDOG=1") }
        let worker = try #require(service.worker)
        try #require(lab_hold(worker) == 0, "errno \(errno)")
        // What was on its way when it stopped.
        for _ in 0..<2 { _ = service.manager.nextBeside("STATUS=", within: 300) }
        #expect(service.manager.nextBeside("STATUS=", within: 1_200) == nil)
        #expect(lab_release(worker) == 0)
        #expect(service.manager.nextBeside("STATUS=", within: 2_000) == "WATCHDOG=1")
    }

    @Test func `without a service manager nothing changes`() throws {
        let manager = try StandInManager(isAbstract: false)
        manager.leave()
        let service = try Service(manager, watchdog: "100000")
        var text = ""
        while !text.contains("service manager is not notified") {  // ends with the log, at the latest with the program
            let piece = service.running.errors.fileHandleForReading.availableData
            guard !piece.isEmpty else { break }
            text += String(decoding: piece, as: UTF8.self)
        }
        #expect(text.contains("serving clusters=1 workers=2"))
        #expect(service.running.process.isRunning)
    }
}

/// The socket of a service manager, which takes notes.
private final class StandInManager {
    /// As NOTIFY_SOCKET says it.
    let address: String
    private var socket: Int32

    init(isAbstract: Bool) throws {
        let name = "/tmp/namebridge-notify-\(UUID().uuidString.prefix(8))"
        address = (isAbstract ? "@" : "") + name
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        let octets = (isAbstract ? [0] : []) + Array(name.utf8)
        // Fewer octets than sun_path has; the address lives during the call.
        unsafe withUnsafeMutableBytes(of: &target) { unsafe $0[2...].copyBytes(from: octets) }
        let length = socklen_t(2 + octets.count + (isAbstract ? 0 : 1))
        let number = socket
        let result = unsafe withUnsafePointer(to: &target) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(number, $0, length) }
        }
        try #require(result == 0, "errno \(errno)")
    }

    deinit { leave() }

    /// Goes away.
    func leave() {
        guard socket >= 0 else { return }
        close(socket)
        socket = -1
        if !address.hasPrefix("@") { unsafe unlink(address) }
    }

    /// The next message that does not begin so; nil if none comes in time.
    func nextBeside(_ prefix: String, within milliseconds: Int32) -> String? {
        while let message = next(within: milliseconds) {  // ends: the server tells each state once
            if !message.hasPrefix(prefix) { return message }
        }
        return nil
    }

    /// The next message; nil if none comes in time.
    func next(within milliseconds: Int32) -> String? {
        var watched = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&watched, 1, milliseconds) == 1 else { return nil }
        var octets = [UInt8](repeating: 0, count: 4096)
        // The buffer has the size that is given.
        let count = unsafe recv(socket, &octets, octets.count, 0)
        return count >= 0 ? String(decoding: octets[..<count], as: UTF8.self) : nil
    }
}
