import Glibc
package import Time

/// What this process has used of the host so far.
package struct ProcessUsage: Sendable {
    /// Time on processors, in user and kernel mode, in microseconds. Corresponds to getrusage(2).
    package let processorMicroseconds: Int
    /// Memory that is resident now, in octets; nil if /proc is missing (proc_pid_statm(5)).
    package let residentOctets: Int?
    /// Open descriptors; nil if /proc is missing (proc_pid_fd(5)).
    package let descriptors: Int?

    /// The present use.
    package static var now: ProcessUsage {
        var usage = rusage()
        // Sound: the kernel writes one structure.
        _ = unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
        let names = FileContents.names(in: "/proc/self/fd").count
        return ProcessUsage(
            processorMicroseconds: seconds * 1_000_000 + Int(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec),
            residentOctets: residentOctets, descriptors: names > 0 ? names : nil)
    }

    /// Corresponds to proc_pid_statm(5)
    private static var residentOctets: Int? {
        do throws(Errno) {
            let text = String(decoding: try FileContents.read("/proc/self/statm"), as: UTF8.self)
            let fields = text.split(separator: " ")
            return fields.count > 1 ? Int(fields[1]).map { $0 * sysconf(Int32(_SC_PAGESIZE)) } : nil
        } catch {
            return nil
        }
    }
}

/// The time of day.
package enum WallClock {
    /// Seconds since 1970-01-01 UTC. Corresponds to time(2).
    package static var seconds: Int { time(nil) }

    /// The present time.
    package static var now: UTCTime { UTCTime(seconds: seconds) }

    /// That many seconds since 1970, 0 or more, as `2026-07-01T08:30:00Z` (RFC 3339).
    package static func text(_ seconds: Int) -> String { UTCTime(seconds: seconds).description }
}

/// What this host is called.
package enum ThisHost {
    /// Its name, as far as its first NUL octet; empty if it has none. Corresponds to gethostname(2).
    package static var name: String {
        var octets = [CChar](repeating: 0, count: 256)
        // Sound: the kernel writes at most the array's count of octets.
        guard unsafe gethostname(&octets, octets.count - 1) == 0 else { return "" }
        return String(decoding: octets.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
