import Glibc
import LinuxSystem
import NetworkKernel
import Synchronization
import Testing
import Time

/// The loop that wakes an agent: each kind of event, once it has happened, in real descriptors.
@Suite struct AgentLoopTests {
    @Test func `every kind of event reaches the agent, and SIGTERM ends it in order`() throws {
        let folders = try TwoFolders()
        let lines = try loop(folders) { duties, number in
            switch number {
            case 1: raise(SIGHUP)
            case 2: try duties.place.write("drained", below: duties.folders.state)
            case 3: try duties.place.write("namebridge.yaml", below: duties.folders.others[0])
            case 4: duties.kernel.signal()
            case 5: duties.probes.signal()
            default: raise(SIGTERM)
            }
        }
        #expect(lines == ["reload", "files drained", "files namebridge.yaml", "kernel", "probes", "stop"])
    }

    @Test func `a folder that appears later is watched, and so is the folder of another file`() throws {
        let folders = try TwoFolders()
        let lines = try loop(folders) { duties, number in
            switch number {
            case 1:
                duties.folders = AgentFolders(
                    state: folders.state, others: [folders.file, "\(folders.file)/later"])
                duties.kernel.signal()
            case 2:
                // Sound: the path is read during the call.
                #expect(unsafe mkdir("\(folders.file)/later", 0o700) == 0)
                duties.kernel.signal()
            case 3: try folders.write("prod.yaml", below: "\(folders.file)/later")
            case 4:
                duties.folders = AgentFolders(state: folders.state, others: ["\(folders.file)/later"])
                duties.kernel.signal()
            case 5:
                try folders.write("old.yaml", below: folders.file)
                try folders.write("new.yaml", below: "\(folders.file)/later")
            default: raise(SIGINT)
            }
        }
        #expect(lines == ["kernel", "kernel", "files prod.yaml", "kernel", "files new.yaml", "stop"])
    }

    @Test func `a turn comes when it is due, without an event`() throws {
        let folders = try TwoFolders()
        let lines = try loop(folders) { duties, number in
            duties.nextTurn = MonotonicClock.now
            if number == 3 { raise(SIGTERM) }
        }
        #expect(lines == ["stop"])
    }

    @Test func `a turn sees that the agent must end, and SIGHUP is no end`() throws {
        let seen = Mutex<[Bool]>([])
        let lines = try loop(try TwoFolders()) { duties, number in
            seen.withLock { $0.append(AgentLoop.mustEnd) }
            raise(number == 1 ? SIGHUP : SIGTERM)
            seen.withLock { $0.append(AgentLoop.mustEnd) }
        }
        #expect(lines == ["reload", "stop"])
        #expect(seen.withLock { $0 } == [false, false, false, true])
    }

    @Test func `without the folder of the state there is no loop`() throws {
        let folders = try TwoFolders()
        let duties = try ScriptedDuties(folders) { _, _ in }
        duties.folders = AgentFolders(state: "\(folders.state)/none", others: [folders.file])
        #expect(throws: Errno.self) { _ = try AgentLoop(duties) { _, _ in } }
    }

    /// Runs a loop on a thread of its own, whose signals are its own too.
    ///
    /// - Parameter script: What happens in each turn; the first is 1.
    /// - Returns: What the agent was given.
    private func loop(
        _ folders: TwoFolders, _ script: @escaping @Sendable (ScriptedDuties, Int) throws -> Void
    ) throws -> [String] {
        let result = Mutex<Result<[String], any Error>>(.success([]))
        let thread = try NativeThread(name: "agent-loop", stackSize: 1 << 20) {
            let outcome = Result {
                let duties = try ScriptedDuties(folders, script)
                try AgentLoop(duties) { path, _ in duties.lines.append("complaint \(path)") }.run()
                return duties.lines
            }
            result.withLock { $0 = outcome }
        }
        thread.join()
        return try result.withLock { $0 }.get()
    }
}

/// An agent that does what a script says, and notes what it is given.
private final class ScriptedDuties: AgentDuties {
    /// What it was given, one line an event.
    var lines: [String] = []
    /// Far away: only events wake the loop.
    var nextTurn = MonotonicClock.now.advanced(milliseconds: 60_000)
    /// The paths that are watched.
    var folders: AgentFolders
    /// The folders of the test.
    let place: TwoFolders
    /// Stands for the kernel's sockets.
    let kernel: EventFD
    /// Stands for the probes.
    let probes: EventFD
    /// What happens in each turn.
    private let script: (ScriptedDuties, Int) throws -> Void
    /// Turns so far.
    private var turns = 0

    init(_ folders: TwoFolders, _ script: @escaping (ScriptedDuties, Int) throws -> Void) throws {
        place = folders
        self.script = script
        self.folders = AgentFolders(state: folders.state, others: [folders.file])
        kernel = try EventFD()
        probes = try EventFD()
    }

    func register(with epoll: borrowing Epoll) throws(Errno) {
        try epoll.add(kernel.descriptor, .readable, token: AgentEvent.Token.kernel.rawValue)
        try epoll.add(probes.descriptor, .readable, token: AgentEvent.Token.probes.rawValue)
    }

    func turn() {
        turns += 1
        #expect(throws: Never.self) { try script(self, turns) }
    }

    func take(_ event: AgentEvent) {
        switch event {
        case .kernel:
            kernel.clear()
            lines.append("kernel")
        case .probes:
            probes.clear()
            lines.append("probes")
        case .files(let names): lines.append("files \(names.joined(separator: " "))")
        case .reload: lines.append("reload")
        }
    }

    func stop() { lines.append("stop") }
}

/// The folder of the state and that of the file, empty; removed at the end.
private final class TwoFolders: Sendable {
    /// Holds both.
    private let top: String

    var state: String { "\(top)/state" }
    var file: String { "\(top)/file" }

    init() throws {
        var template = Array("/tmp/namebridge-loop-XXXXXX".utf8CString)
        // Sound, here and below: the paths are read, and the template is written, during the calls.
        let made: UnsafeMutablePointer<CChar>? = unsafe mkdtemp(&template)
        try #require(unsafe made != nil)
        top = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try #require(unsafe mkdir(state, 0o700) == 0)
        try #require(unsafe mkdir(file, 0o700) == 0)
    }

    deinit { _ = try? ChildProcess.run("/bin/rm", ["-rf", top], timeout: 10_000) }

    /// Writes a file of one octet.
    func write(_ name: String, below folder: String) throws {
        let descriptor = unsafe open("\(folder)/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        _ = unsafe Glibc.write(descriptor, "x", 1)
        close(descriptor)
    }
}
