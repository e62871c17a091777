import Glibc
package import IPAddressing
import LinuxSystem
package import NetworkModel
package import NetworkPlanning

/// The kernel of this host, or of the network namespace that this process is in.
package struct LinuxKernel: Kernel {
    /// How long one listing or deletion of connections may take, in milliseconds.
    let patience: () -> Int
    /// Called before and after each of them.
    let breathe: () -> Void

    /// The kernel of this process' network namespace.
    ///
    /// - Parameters:
    ///   - patience: How long one listing or deletion of connections may take, in milliseconds.
    ///   - breathe: Called before and after each of them, for a process that must show that it works.
    package init(
        patience: @escaping () -> Int = { HostTools.timeout }, breathe: @escaping () -> Void = {}
    ) {
        self.patience = patience
        self.breathe = breathe
    }

    /// Checks that the host can be read and changed. Corresponds to geteuid(2).
    ///
    /// - Throws: If the user is not root, or a program is missing or too old.
    package func check() throws(KernelError) {
        guard geteuid() == 0 else { throw .notPrivileged }
        for program in [Command.Program.ip, .bridge, .nft] { _ = try HostTools.path(of: program) }
        let text = String(decoding: try HostTools.run(Command(.nft, ["--version"])), as: UTF8.self)
        try Self.checkVersion(of: text)
    }

    /// `text` is as in `nftables v1.0.6 (Lester Gooch #5)`.
    package static func checkVersion(of text: String) throws(KernelError) {
        let words = text.split { $0 == " " || $0 == "\n" }
        let version = words.first { $0.hasPrefix("v") && $0.dropFirst().first?.isNumber == true } ?? "v0"
        let numbers = version.dropFirst().split(separator: ".").map { Int($0) ?? 0 } + [0, 0, 0]
        guard !numbers.lexicographicallyPrecedes(oldestNFT) else {
            throw .oldProgram("nft", version: String(version.dropFirst()), needed: "0.9.3")
        }
    }

    /// The first version with NAT in tables of family inet, and with complete JSON listings.
    private static let oldestNFT = [0, 9, 3]

    // MARK: - Observing

    /// All states but `noarp`, which says nothing of a neighbour.
    private static let neighbourStates: [Command.Argument] = [
        "permanent", "failed", "incomplete", "reachable", "stale", "delay", "probe",
    ]

    /// Reads the host.
    package func observe() throws(KernelError) -> HostState { try observe(allOfNAT: false) }

    /// Reads the host.
    ///
    /// - Parameter allOfNAT: True if rules that only translate destinations are read as well: on a node of a
    ///   large cluster these are most.
    package func observe(allOfNAT: Bool) throws(KernelError) -> HostState {
        try reading {
            var state = HostState()
            let namespaces = try NamespaceReading()
            state.namespaces = try namespaces.namespaces()
            try Self.readRouting(into: &state, namespaces: namespaces.byNumber)
            try RulesReading(isComplete: allOfNAT).read(into: &state)
            state.settings = KernelSettings.read()
            state.connections = Self.connections()
            return state
        }
    }

    /// Reads parts of the host.
    package func observe(
        _ parts: Set<ObservedPart>, since earlier: HostState
    ) throws(KernelError) -> HostState {
        try reading {
            var state = earlier
            state.routes = []
            for family in AddressFamily.allCases {
                state.routes +=
                    try parts.contains(.routes(family)) || parts.contains(.nextHops)
                    ? Self.routes(of: family) : earlier.routes.filter { $0.destination.family == family }
            }
            if parts.contains(.nextHops) { state.nextHopObjects = try Self.nextHopObjects() }
            state.expandNextHops()
            if parts.contains(.neighbours) { try Self.readNeighbours(into: &state) }
            return state
        }
    }

    /// Reads what needs no rights: settings, and where the process may ask for them devices and routes.
    package func observeUnprivileged() -> HostState {
        var state = HostState()
        state.unread = [.rules]
        do throws(KernelError) {
            state = try reading {
                var state = state
                try Self.readRouting(into: &state, namespaces: [:])
                return state
            }
        } catch {
            state.unread.insert(.routes)
        }
        state.settings = KernelSettings.read()
        state.connections = Self.connections()
        return state
    }

    /// Reads devices, addresses, neighbours, routes and policy rules.
    private static func readRouting(into state: inout HostState, namespaces: [Int: String]) throws {
        state.links = try Link.read(ip(["link"], options: ["-j", "-d"]), namespaces: namespaces)
        state.addresses = try InterfaceAddress.read(ip(["addr"], options: ["-j"]))
        try readNeighbours(into: &state)
        for family in AddressFamily.allCases {
            state.routes += try routes(of: family)
            state.policyRules += try PolicyRule.read(
                ip(["rule"], options: options(of: family)), family: family)
        }
        state.nextHopObjects = try nextHopObjects()
        state.expandNextHops()
    }

    /// The options of `ip` for what is read by family.
    private static func options(of family: AddressFamily) -> [String] {
        ["-j", "-d", family == .v4 ? "-4" : "-6"]
    }

    /// The routes of all tables.
    private static func routes(of family: AddressFamily) throws -> [Route] {
        let listing = try ip(["route", "show", "table", "all"], options: options(of: family))
        return try Route.read(listing, family: family)
    }

    /// Reads neighbours and forwarding entries.
    private static func readNeighbours(into state: inout HostState) throws {
        let neighbours = try ip(
            ["neigh", "show"] + neighbourStates.flatMap { ["nud", $0] }, options: ["-j"])
        state.neighbours = try Neighbour.read(neighbours)
        state.unresolvedNeighbours = try UnresolvedNeighbour.read(neighbours)
        state.livingNeighbours = try LivingNeighbour.read(neighbours)
        let entries = try HostTools.run(Command(.bridge, ["fdb"], options: ["-j"]))
        state.forwardingEntries = try ForwardingEntry.read(entries)
    }

    /// The numbered next hops; nil if the kernel or `ip` knows none (before Linux 5.3).
    private static func nextHopObjects() throws -> [NextHopObject]? {
        let result = try HostTools.attempt(Command(.ip, ["nexthop", "show"], options: ["-j"]))
        return result.ending == .exit(status: 0) ? try NextHopObject.read(result.output) : nil
    }

    /// An earlier observation with the present settings.
    package func refreshed(_ earlier: HostState) -> HostState {
        var state = earlier
        state.settings = KernelSettings.read()
        state.connections = Self.connections()
        return state
    }

    /// How full the table of connections is; nil if the kernel has none.
    private static func connections() -> ConnectionTable? {
        let values = ["count", "max"].compactMap { name -> Int? in
            let path = "/proc/sys/net/netfilter/nf_conntrack_\(name)"
            guard let octets = try? FileContents.read(path) else { return nil }
            return Int(String(decoding: octets, as: UTF8.self).filter { !$0.isWhitespace })
        }
        return values.count == 2 ? ConnectionTable(count: values[0], most: values[1]) : nil
    }

    /// Without `conntrack` no connections are known, and all routes go.
    package func held(_ routes: [LeavingRoute]) throws(KernelError) -> Set<IPPrefix> {
        try HostTools.isInstalled(.conntrack) ? Self.held(routes, attempt: attempt) : []
    }

    /// Looks up routes, all in one call for each family.
    package func answers(
        to questions: [RouteQuestion]
    ) throws(KernelError) -> [RouteQuestion: RouteAnswer] {
        let script = questions.map { "\($0)\n\($0) fibmatch\n" }.joined()
        // A failing line is an answer, too.
        let result = try HostTools.attempt(
            Command(.ip, ["-batch", "-"], options: ["-force", "-j"], input: script))
        do throws(ReadingError) {
            let errors = String(decoding: result.errors, as: UTF8.self)
            return try RouteAnswer.read(result.output, errors: errors, to: questions)
        } catch {
            throw .unreadable(error)
        }
    }

    /// The addresses of this host, by which a plan finds its name; needs no right to read rules.
    package static func ownAddresses() throws(KernelError) -> [IPAddress] {
        try LinuxKernel().reading {
            try InterfaceAddress.read(Self.ip(["addr"], options: ["-j"])).map(\.address)
        }
    }

    /// Runs `body`, with errors of reading as errors of the kernel.
    private func reading<Value>(_ body: () throws -> Value) throws(KernelError) -> Value {
        do {
            return try body()
        } catch let error as ReadingError {
            throw .unreadable(error)
        } catch let error as KernelError {
            throw error
        } catch {
            preconditionFailure("readers throw these two kinds alone")
        }
    }

    /// Empty for a family that the kernel does not support.
    private static func ip(
        _ arguments: [Command.Argument], options: [String]
    ) throws(KernelError) -> [UInt8] {
        let command = Command(.ip, arguments, options: options)
        let result = try HostTools.attempt(command)
        if result.ending == .exit(status: 0) { return result.output }
        let errors = HostTools.text(result.errors)
        if options.contains("-6"), errors.contains("not supported") { return [] }
        throw .failed(command, result.ending, errors: errors)
    }
}
