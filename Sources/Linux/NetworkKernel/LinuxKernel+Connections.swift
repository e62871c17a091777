package import IPAddressing
import LinuxSystem
import NetworkModel

extension LinuxKernel {
    /// How many tracked connections to `prefixes` are open.
    ///
    /// - Parameter bits: Connections whose mark has one of them do not count.
    package static func connections(
        to prefixes: [IPPrefix], withoutMark bits: Int
    ) throws(KernelError) -> Int {
        var count = 0
        for prefix in prefixes {
            let listing = try HostTools.attempt(
                Command(.conntrack, ["-L", "-f", "ip\(prefix.family)", "-d", "\(prefix)", "-m", "0/\(bits)"]))
            count += TrackedConnection.openCount(listing.output)
        }
        return count
    }
}
