package import IPAddressing
package import NetworkPlanning

extension NetworkAgent {
    /// The settings of an agent.
    package struct Settings {
        /// The file to follow until another file is applied.
        package var path: String

        /// The host chosen by name; nil if it is found by its addresses.
        package var host: String?
        /// The interval of full checks.
        package var slowCheckSeconds: Int
        /// The process that is the agent.
        package var process: Int

        /// Seconds since 1970.
        package var wallClock: () -> Int
        /// The name servers of the host.
        package var resolvers: () -> [IPAddress] = { [] }

        /// Makes the kernel resolve these neighbours once more.
        package var ask: ([IPAddress]) -> Void = { _ in }

        /// The kernel's number of a device.
        package var deviceIndex: (String) -> Int?

        /// The written part of a file's text, without what was found of followed clusters.
        package var written: (_ text: String) -> String = { $0 }

        /// A file's text with what is found of followed clusters now.
        package var refreshed: (_ text: String) -> String = { $0 }

        /// Foresees what an apply of a changed file does to packets, and refuses one that cuts what arrives;
        /// nil if nothing is foreseen.
        package var foresight: (_ changed: AppliedConfiguration) throws(KernelError) -> PacketForesight? =
            { _ in nil }

        /// The plan of a file's text for the host of that name, or for the host with these addresses.
        package var plan: (_ text: String, _ path: String, _ host: String?) throws(KernelError) -> HostPlan

        /// The parts of that plan, for the same arguments.
        package var pathPlans: (_ text: String, _ path: String, _ host: String?) -> [PathPlan] =
            { _, _, _ in [] }

        /// Creates an agent.
        package init(
            path: String, host: String?, slowCheckSeconds: Int, process: Int, wallClock: @escaping () -> Int,
            deviceIndex: @escaping (String) -> Int?,
            plan: @escaping (String, String, String?) throws(KernelError) -> HostPlan
        ) {
            self.path = path
            self.host = host
            self.slowCheckSeconds = slowCheckSeconds
            self.process = process
            self.wallClock = wallClock
            self.deviceIndex = deviceIndex
            self.plan = plan
        }
    }
}
