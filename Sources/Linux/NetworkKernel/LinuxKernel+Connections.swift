package import IPAddressing
package import LinuxSystem
package import NetworkModel
package import NetworkPlanning

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
            count += TrackedConnection.read(listing.output).count { $0.isOpen }
        }
        return count
    }

    /// The destinations of routes that connections still use. One listing serves all routes into a namespace;
    /// if it fails or is cut, these routes may be in use, and stay.
    ///
    /// - Parameter attempt: Runs a program to its end.
    package static func held(
        _ routes: [LeavingRoute], attempt: (Command) throws(KernelError) -> ChildProcess.Result
    ) throws(KernelError) -> Set<IPPrefix> {
        var held: Set<IPPrefix> = []
        for (listing, routes) in Dictionary(grouping: routes, by: \.listing) {
            let found = try attempt(listing)
            let isWhole = found.ending == .exit(status: 0)
            let connections = isWhole ? TrackedConnection.read(found.output).filter(\.isOpen) : []
            for route in routes where !isWhole || connections.contains(where: route.isUsed) {
                held.insert(route.destination)
            }
        }
        return held
    }
}
