package import IPAddressing
import LinuxSystem
package import NetworkKernel
package import NetworkModel
package import NetworkPlanning
import PacketPath

/// A host's kernel in memory, which refuses what a real one refuses, and fails or dies where a test says
/// so.
///
/// Not safe to share between tasks: one test has one.
package final class FakeKernel: Kernel {
    /// The host's state.
    package private(set) var state: HostState

    /// The number of calls so far: an observation is one, and so is each command.
    package private(set) var calls = 0

    /// The number of observations of everything so far.
    package private(set) var observations = 0

    /// The parts that were observed by themselves so far.
    package private(set) var observedParts: [Set<ObservedPart>] = []

    /// The questions for routes so far.
    package private(set) var questions: [RouteQuestion] = []

    /// The fault, and at which call.
    package var fault: Fault?

    /// Called once all steps of a change were performed.
    package var performed: (() -> Void)?

    /// True for commands that always fail.
    package var refusal: ((String) -> Bool)?

    /// When a kernel in memory stops working.
    package enum Fault: Hashable, Sendable {
        /// The call of that number fails, once.
        case failure(at: Int)
        /// All calls from that number on fail, as for a process that was killed.
        case death(at: Int)
    }

    package init(_ state: HostState) { self.state = state }

    /// Changes the host as another program would.
    package func disturb(_ change: (inout HostState) -> Void) { change(&state) }

    /// See `Kernel`.
    package func observe() throws(KernelError) -> HostState {
        try count(Command(.ip, ["link"]))
        observations += 1
        return state
    }

    /// See `Kernel`.
    package func observe(
        _ parts: Set<ObservedPart>, since earlier: HostState
    ) throws(KernelError) -> HostState {
        try count(Command(.ip, ["route"]))
        observedParts.append(parts)
        var seen = earlier
        seen.routes = AddressFamily.allCases.flatMap { family in
            let source = parts.contains(.routes(family)) || parts.contains(.nextHops) ? state : earlier
            return source.routes.filter { $0.destination.family == family }
        }
        if parts.contains(.nextHops) { seen.nextHopObjects = state.nextHopObjects }
        guard parts.contains(.neighbours) else { return seen }
        seen.neighbours = state.neighbours
        seen.forwardingEntries = state.forwardingEntries
        return seen
    }

    /// The outer addresses by which connections are open, in every namespace.
    package var heldDestinations: Set<IPPrefix> = []

    /// See `Kernel`.
    package func held(_ routes: [LeavingRoute]) throws(KernelError) -> Set<IPPrefix> {
        heldDestinations.intersection(routes.map(\.destination))
    }

    /// See `Kernel`.
    package func refreshed(_ earlier: HostState) -> HostState {
        var state = earlier
        state.settings = self.state.settings
        state.connections = self.state.connections
        return state
    }

    /// The answers of the model of a host, as of `ip route get`.
    package func answers(
        to questions: [RouteQuestion]
    ) throws(KernelError) -> [RouteQuestion: RouteAnswer] {
        self.questions += questions
        let lookup = RouteLookup(state)
        return Dictionary(questions.map { ($0, lookup.answer(to: $0)) }) { first, _ in first }
    }

    /// See `Kernel`.
    package func perform(_ steps: [Step], announce: (String) -> Void) throws(KernelError) {
        for step in steps { try perform(step, announce) }
        performed?()
    }

    /// A step of several commands can end between any two of them.
    private func perform(_ step: Step, _ announce: (String) -> Void) throws(KernelError) {
        let commands = step.commands
        for (index, command) in commands.enumerated() {
            announce("\(command)")
            try count(command)
            try take(index, of: commands.count, step.change, command)
        }
    }

    /// Does what command `index` of a change does.
    private func take(_ index: Int, of count: Int, _ change: Change, _ command: Command) throws(KernelError) {
        if case .inside(let name, let inner) = change {
            guard let position = state.namespaces.firstIndex(where: { $0.name == name }),
                let content = state.namespaces[position].state
            else {
                throw Self.error(
                    command, "setting the network namespace \"\(name)\" failed: Invalid argument")
            }
            // A namespace is a host of its own, but for the numbers of segments.
            if index == 0, case .add(.link(let link)) = inner { try refuseNumber(of: link, command) }
            let kernel = FakeKernel(content)
            try kernel.take(index, of: count, inner, command)
            state.namespaces[position].state = kernel.state
        } else if count == 1 {
            try refuse(change, command)
            state.apply(change)
        } else {
            try part(index, of: count, change, command)
        }
    }

    /// One command of a step with several.
    private func part(_ index: Int, of count: Int, _ change: Change, _ command: Command) throws(KernelError) {
        switch change {
        case .add(.namespace(let name)):
            if index == 0 {
                try refuse(change, command)
                let bare = HostState(links: [Link(name: "lo", kind: .other(""), isUp: false)])
                state.namespaces.append(NetworkNamespace(name: name, state: bare))
            } else if let position = state.namespaces.firstIndex(where: { $0.name == name }) {
                state.namespaces[position] = .fresh(name)
            }
        case .add(.link(let link)):
            if index == 0 {
                try refuse(change, command)
                var bare = link
                bare.alias = nil
                bare.isUp = false
                state.apply(.add(.link(bare)))
            } else if let position = state.links.firstIndex(where: { $0.name == link.name }) {
                if command.arguments.contains("alias") { state.links[position].alias = link.alias }
                if command.arguments.last == "up" { state.links[position].isUp = true }
            }
        case .replace(let old, let new):
            if case .link = new {
                if index == count - 1 { state.apply(change) }
            } else {
                let half: Change = index == 0 ? .add(new) : .remove(old)
                try refuse(half, command)
                state.apply(half)
            }
        default: if index == count - 1 { state.apply(change) }
        }
    }

    /// Counts a call, and fails it if the test says so.
    private func count(_ command: Command) throws(KernelError) {
        calls += 1
        if refusal?("\(command)") == true { throw Self.error(command, "refused by the test") }
        switch fault {
        case .failure(let number) where calls == number: throw Self.error(command, "injected failure")
        case .death(let number) where calls >= number: throw Self.error(command, "the process is dead")
        default: break
        }
    }

    /// An error of a command.
    private static func error(_ command: Command, _ text: String) -> KernelError {
        .failed(command, .exit(status: 2), errors: text)
    }

    /// The errors of `ip` and the kernel for a command that does not fit the host.
    private func refuse(_ change: Change, _ command: Command) throws(KernelError) {
        switch change {
        case .add(.link(let link)) where state.link(link.name) != nil:
            throw Self.error(command, "RTNETLINK answers: File exists")
        case .add(.link(let link)): try refuse(link, command)
        case .add(.namespace(let name)) where state.namespace(name) != nil:
            throw Self.error(command, "Cannot create namespace file: File exists")
        case .add(.policyRule(let rule)) where state.policyRules.contains(rule):
            throw Self.error(command, "RTNETLINK answers: File exists")
        case .add(.address(let address)):
            guard state.link(address.device) != nil else { throw Self.noDevice(command, address.device) }
            guard !state.addresses.contains(address) else {
                throw Self.error(command, "RTNETLINK answers: File exists")
            }
        case .add(.route(let route)): try refuse(route, command)
        case .add(.nextHop(let object)): try refuse(object, command)
        case .add(.neighbour(let neighbour)) where state.link(neighbour.device) == nil:
            throw Self.noDevice(command, neighbour.device)
        case .add(.forwardingEntry(let entry)) where state.link(entry.device) == nil:
            throw Self.noDevice(command, entry.device)
        case .remove(let object) where !has(object):
            throw Self.error(command, "RTNETLINK answers: No such process")
        case .set(let setting, _, _):
            if !["all", "default"].contains(setting.device), state.link(setting.device) == nil {
                throw Self.error(command, "cannot stat: No such file or directory")
            }
        default: break
        }
    }

    /// A VXLAN number and port have one device (vxlan_vni_in_use of the kernel), and a device has
    /// its underlay.
    private func refuse(_ link: Link, _ command: Command) throws(KernelError) {
        if case .veth(let pair) = link.kind, state.namespace(pair.namespace)?.state == nil {
            throw Self.error(command, "Invalid \"netns\" value \"\(pair.namespace)\"")
        }
        guard case .vxlan(let mesh) = link.kind else { return }
        if let name = mesh.underlay, state.link(name) == nil { throw Self.noDevice(command, name) }
        try refuseNumber(of: link, command)
    }

    private func refuseNumber(of link: Link, _ command: Command) throws(KernelError) {
        guard case .vxlan(let mesh) = link.kind else { return }
        let all = state.links + state.namespaces.flatMap { $0.state?.links ?? [] }
        for case .vxlan(let other) in all.map(\.kind)
        where other.port == mesh.port && (other.id == mesh.id || other.id == 0) {
            throw Self.error(command, "Error: A VXLAN device with the specified VNI already exists.")
        }
    }

    /// A hop has a device that is up, and members exist before their group.
    private func refuse(_ object: NextHopObject, _ command: Command) throws(KernelError) {
        if case .hop(let hop) = object.content {
            guard let device = hop.device, state.link(device)?.isUp == true else {
                throw Self.error(command, "Error: The device of the next hop is not up.")
            }
        }
        for member in object.group?.members ?? [] where state.nextHopObject(member.id) == nil {
            throw Self.error(command, "Error: Invalid nexthop id.")
        }
    }

    /// A gateway is in a connected network of the device that leads to it.
    private func refuse(_ route: Route, _ command: Command) throws(KernelError) {
        guard !state.routes.contains(route) else {
            throw Self.error(command, "RTNETLINK answers: File exists")
        }
        if let id = route.nextHopID, state.nextHopObject(id) == nil {
            throw Self.error(command, "Error: Nexthop id does not exist.")
        }
        for device in route.nextHops.compactMap(\.device) where state.link(device)?.isUp != true {
            throw Self.error(command, "Error: Device for nexthop is not up.")
        }
        for hop in route.nextHops where !hop.isOnLink {
            guard let gateway = hop.gateway, gateway.bits >> 118 != 0x3FA else { continue }
            let isConnected = state.addresses.contains {
                $0.network.contains(gateway) && (hop.device == nil || hop.device == $0.device)
            }
            if !isConnected { throw Self.error(command, "Error: Nexthop has invalid gateway.") }
        }
    }

    /// The error for a missing device.
    private static func noDevice(_ command: Command, _ device: String) -> KernelError {
        error(command, "Cannot find device \"\(device)\"")
    }

    /// True if the host has the object.
    private func has(_ object: NetworkObject) -> Bool {
        switch object {
        case .link(let link): state.link(link.name) != nil
        case .address(let address): state.addresses.contains(address)
        case .route(let route): state.routes.contains(route)
        case .nextHop(let object): state.nextHopObject(object.id) != nil
        case .neighbour(let neighbour): state.neighbours.contains(neighbour)
        case .forwardingEntry(let entry), .extraForwardingEntry(let entry):
            state.forwardingEntries.contains(entry)
        case .policyRule(let rule): state.policyRules.contains(rule)
        case .namespace(let name): state.namespace(name) != nil
        case .table(let table): state.tables.contains { $0.name == table.name && $0.family == table.family }
        case .iptablesRule(let rule): state.iptables.flatMap(\.rules).contains(rule)
        }
    }
}
