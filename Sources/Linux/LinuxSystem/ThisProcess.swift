import CLinux
import Glibc

/// Properties of this process.
package enum ThisProcess {
    /// Corresponds to getpid(2).
    package static var identifier: Int32 { getpid() }

    /// True if a process with this number runs, of this user or another; false for one that has ended,
    /// although its parent has not waited for it yet. Corresponds to kill(2) with signal 0.
    package static func sees(process number: Int32) -> Bool {
        guard kill(number, 0) == 0 || errno != ESRCH else { return false }
        do throws(Errno) {
            // The state follows the name, which may hold anything but ends with the last parenthesis
            // (proc_pid_stat(5)).
            let stat = try FileContents.read("/proc/\(number)/stat")
            guard let end = stat.lastIndex(of: UInt8(ascii: ")")), end + 2 < stat.count else { return true }
            return ![UInt8(ascii: "Z"), UInt8(ascii: "X")].contains(stat[end + 2])
        } catch {
            return true
        }
    }

    /// The file that it was started from; nil if /proc is missing.
    package static var path: String? { target(of: "/proc/self/exe") }

    /// True if it is in the network namespace that the host itself is in.
    package static var isInHostNetwork: Bool {
        let own = target(of: "/proc/self/ns/net")
        return own != nil && own == target(of: "/proc/1/ns/net")
    }

    /// Its environment at the start, as `NAME=VALUE`; empty if /proc is missing. Corresponds to environ(7).
    package static var environment: [String] {
        do throws(Errno) {
            return try FileContents.read("/proc/self/environ").split(separator: 0)
                .map { String(decoding: $0, as: UTF8.self) }
        } catch {
            return []
        }
    }

    /// Ignores these signals from now on. Corresponds to signal(2) with SIG_IGN.
    package static func ignore(_ signals: [Int32]) {
        for number in signals { signal(number, SIG_IGN) }
    }

    /// Sleeps; a signal may end it early. Corresponds to nanosleep(2).
    package static func sleep(milliseconds: Int) {
        var time = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
        // Sound: the kernel reads one structure.
        unsafe nanosleep(&time, nil)
    }

    /// The clients' addresses of the ssh sessions that this process or one of its ancestors runs in, as in
    /// SSH_CONNECTION; sudo removes the variable, but the shell that called it still has it.
    package static var sessionPeers: [String] {
        var peers: [String] = []
        var process = getpid()
        for _ in 0..<64 where process > 1 {
            if let peer = variable("SSH_CONNECTION", of: process)?.split(separator: " ").first {
                let text = String(peer)
                if !peers.contains(text) { peers.append(text) }
            }
            guard let parent = parent(of: process) else { break }
            process = parent
        }
        return peers
    }

    /// A variable of another process's environment; nil if it has none, or can't be read.
    private static func variable(_ name: String, of process: Int32) -> String? {
        do throws(Errno) {
            let octets = try FileContents.read("/proc/\(process)/environ")
            for entry in octets.split(separator: 0) {
                let text = String(decoding: entry, as: UTF8.self)
                if text.hasPrefix(name + "=") { return String(text.dropFirst(name.count + 1)) }
            }
        } catch {}
        return nil
    }

    /// The parent of a process; nil if it is unknown.
    private static func parent(of process: Int32) -> Int32? {
        do throws(Errno) {
            let text = String(decoding: try FileContents.read("/proc/\(process)/status"), as: UTF8.self)
            let line = text.split(separator: "\n").first { $0.hasPrefix("PPid:") }
            return line.flatMap { Int32($0.dropFirst(5).filter { !$0.isWhitespace }) }
        } catch {
            return nil
        }
    }

    /// The target of a symbolic link; nil if there is none. Corresponds to readlink(2).
    package static func target(of path: String) -> String? {
        var octets = [CChar](repeating: 0, count: 4096)
        // Sound: the kernel writes at most the array's count of octets.
        let count = unsafe readlink(path, &octets, octets.count)
        return count > 0
            ? String(decoding: octets[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}

extension ThisProcess {
    /// The name of another process, at most 15 octets; nil if there is none. Corresponds to proc(5), comm.
    package static func name(of process: Int) -> String? {
        do throws(Errno) {
            let octets = try FileContents.read("/proc/\(process)/comm")
            return String(decoding: octets.prefix { $0 != 0x0A }, as: UTF8.self)
        } catch {
            return nil
        }
    }

    /// Seconds since 1970, for display: this clock can be set. Corresponds to time(2).
    package static var wallClock: Int { time(nil) }
}
