import Inventory
import InventoryFile
import LinuxSystem
import NetworkPlanning
import Synchronization
import Time

/// Runs a program for each recorded rendering that has changed, from a thread of its own: `follow --exec`.
///
/// The program gets the format, the host (empty: none), and the paths of the rendering before and now. Once
/// it has ended with 0, the new rendering is the recorded one; else it is run again after a minute, and with
/// the next change. Between two runs is a pause, in which changes are gathered; a run that repeats a failed
/// one waits for it too, if it is longer than a minute.
final class RenderingHook: Sendable {
    /// The program.
    private let program: String
    /// The path of the configuration.
    private let configuration: String
    /// The folder of facts, which has the records too.
    private let folder: StateFolder
    /// Wakes the thread.
    private let wake: EventFD
    /// Ends the program and the thread.
    private let stopping: EventFD
    /// The thread; nil before the start.
    private let thread = Mutex<NativeThread?>(nil)

    /// From a run to the next one, in seconds.
    private let pause: Int

    /// The longest run, in milliseconds.
    private static let timeout = 300_000
    /// Octets of the program's output that are logged.
    private static let longestOutput = 2_000

    init(program: String, pause: Int, configuration: String, folder: StateFolder) throws(Errno) {
        self.program = program
        self.pause = pause
        self.configuration = configuration
        self.folder = folder
        wake = try EventFD()
        stopping = try EventFD()
    }

    /// Starts the thread, which compares at once: a cluster may have changed meanwhile.
    func start() throws(Errno) {
        let new = try NativeThread(name: "hook", stackSize: 4 << 20) { [self] in run() }
        thread.withLock { $0 = new }
        noteChange()
    }

    /// Facts have changed.
    func noteChange() { wake.signal() }

    /// Ends the program and the thread.
    func stop() {
        stopping.signal()
        wake.signal()
        thread.withLock { $0 }?.join()
    }

    /// Until `stop`.
    private func run() {
        var schedule = HookSchedule(pauseSeconds: pause)
        while true {  // ends when it must
            let now = MonotonicClock.now
            let left = schedule.nextTime.map { $0 > now ? $0.nanoseconds(since: now) : 0 }
            let milliseconds = left.map { Int32(clamping: ($0 + 999_999) / 1_000_000) } ?? -1
            wake.wait(milliseconds: milliseconds)
            if stopping.isSignalled { return }
            if case .taken = wake.clear() { schedule.noteChange() }
            guard let time = schedule.nextTime, MonotonicClock.now >= time else { continue }
            schedule.begin()
            schedule.end(compare(), at: MonotonicClock.now)
        }
    }

    /// Runs the program for each rendering that would be written otherwise.
    private func compare() -> HookSchedule.Outcome {
        guard let inventory else { return .same }
        var outcome = HookSchedule.Outcome.same
        for record in RecordedRendering.all(in: folder.path) {
            guard let new = record.renewed(from: inventory), new != record.text else { continue }
            let renewed = RecordedRendering(
                format: record.format, host: record.host, server: record.server, time: WallClock.seconds,
                text: new)
            switch call(record, renewed) {
            case .done: if outcome == .same { outcome = .ran }
            case .failed: outcome = .failed
            }
            if stopping.isSignalled { break }
        }
        return outcome
    }

    /// The configuration with the facts in the folder; nil if it has errors.
    private var inventory: Inventory? {
        do throws(FileError) {
            let reading = FactsFolder.adding(to: try contents(ofFile: configuration), folder.path)
            return InventoryFile.read(reading.whole, name: configuration).inventory
        } catch {
            return nil
        }
    }

    /// What has become of a call.
    private enum Outcome {
        /// The program has ended with 0.
        case done
        /// It has not; the log says why.
        case failed
    }

    /// Runs the program for one rendering.
    private func call(_ old: RecordedRendering, _ new: RecordedRendering) -> Outcome {
        let fields: [(String, String)] = [("program", program), ("rendering", new.words)]
        var output: [UInt8] = []
        do throws(Errno) {
            try folder.write("rendered.old", Array(old.text.utf8))
            try folder.write("rendered.new", Array(new.text.utf8))
            let arguments = [
                new.format.rawValue, new.host ?? "", "\(folder.path)/rendered.old",
                "\(folder.path)/rendered.new",
            ]
            let end = try ChildProcess.stream(
                program, arguments, environment: ThisProcess.environment, timeout: Self.timeout,
                until: stopping
            ) { octets in
                output += octets.prefix(Self.longestOutput - min(output.count, Self.longestOutput))
                return .goOn
            }
            guard case .exit(status: 0)? = end.ending else {
                let words = String(decoding: end.errors.suffix(Self.longestOutput), as: UTF8.self)
                let ending = end.ending.map { "\($0)" } ?? "stopped"
                Log.failure("hook failed", fields + [("ending", ending), ("errors", words.printable)])
                return .failed
            }
            try new.write(to: folder)
        } catch {
            Log.failure("hook not run", fields + [("reason", "\(error)")])
            return .failed
        }
        let words = String(decoding: output, as: UTF8.self).printable
        Log.notice("hook run", fields + (words.isEmpty ? [] : [("output", words)]))
        return .done
    }
}
