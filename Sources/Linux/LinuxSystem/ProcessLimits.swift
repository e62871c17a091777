import CLinux
import Glibc

/// The resources that this process may use.
package enum ProcessLimits {
    /// The number of processors that it may run on, at least 1. Corresponds to sched_getaffinity(2).
    package static var processorCount: Int {
        max(1, Int(clinux_affinity_count()))
    }

    /// This process. Corresponds to getpid(2).
    package static var processID: Int { Int(getpid()) }

    /// The number of descriptors that it may have open. Corresponds to getrlimit(2) with RLIMIT_NOFILE.
    package static func descriptorLimit() throws(Errno) -> Int {
        Int(clamping: try readDescriptorLimit().rlim_cur)
    }

    /// The same, and `otherwise` if the kernel does not say.
    package static func descriptorLimit(orIfUnknown otherwise: Int) -> Int {
        do throws(Errno) { return try descriptorLimit() } catch { return otherwise }
    }

    /// Raises the number of descriptors to `wanted`, or as near as the hard limit allows; gives the
    /// new number.
    @discardableResult
    package static func raiseDescriptorLimit(to wanted: Int) throws(Errno) -> Int {
        var limit = try readDescriptorLimit()
        guard limit.rlim_cur < rlim_t(wanted) else { return Int(clamping: limit.rlim_cur) }
        limit.rlim_cur = min(rlim_t(wanted), limit.rlim_max)
        // Sound: the kernel reads one structure.
        try systemCall { unsafe clinux_set_descriptor_limit(&limit) }
        return Int(clamping: limit.rlim_cur)
    }

    /// Corresponds to getrlimit(2) with RLIMIT_NOFILE.
    private static func readDescriptorLimit() throws(Errno) -> rlimit {
        var limit = rlimit()
        // Sound: the kernel writes one structure.
        try systemCall { unsafe clinux_get_descriptor_limit(&limit) }
        return limit
    }
}
