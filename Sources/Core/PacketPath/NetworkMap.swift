package import IPAddressing
package import NetworkModel

/// The machines of a network and how they are joined.
package struct NetworkMap: Sendable {
    /// The machines; their indices stand for them.
    package private(set) var machines: [Machine] = []
    /// The place of each machine: a key of a cluster or site.
    package private(set) var places: [String] = []
    /// The machines by their names.
    private var named: [String: [Int]] = [:]
    /// The machines that carry an address, and by which device.
    private var owners: [IPAddress: [Port]] = [:]
    /// Ends of cables by the other end.
    private var cables: [Port: Port] = [:]
    /// Prefixes that are reached directly, behind a device of a machine: pods with addresses of the network.
    private var attachments: [Attachment] = []
    /// Route tables of a place, each for packets from some prefixes; those without prefixes are for all.
    private var tables: [String: [(sources: PrefixSet?, machine: Int)]] = [:]
    /// What carries packets between hosts where nothing else is known; nil if nothing does.
    package var underlay: Int?

    /// A device of a machine.
    package struct Port: Hashable, Sendable {
        /// Index of the machine.
        package var machine: Int
        /// The name of the device; nil for the machine itself.
        package var device: String?

        /// Creates a port.
        package init(machine: Int, device: String?) {
            self.machine = machine
            self.device = device
        }
    }

    /// A prefix behind a device of a machine.
    private struct Attachment {
        /// The prefix.
        let prefix: IPPrefix
        /// Where it is.
        let port: Port
    }

    /// Creates a network map.
    package init() {}

    /// Adds a machine, and returns its index.
    ///
    /// - Parameter owns: False if its addresses are reached by others in another way.
    @discardableResult
    package mutating func add(_ machine: Machine, place: String, owns: Bool = true) -> Int {
        let index = machines.count
        machines.append(machine)
        places.append(place)
        named[machine.name, default: []].append(index)
        if owns { give(machine.state.addresses, to: index) }
        return index
    }

    /// Makes a machine the owner of addresses by which others reach it.
    package mutating func give(_ addresses: [InterfaceAddress], to machine: Int) {
        for address in addresses where !address.address.isLoopback && !address.isLinkLocal {
            owners[address.address, default: []].append(Port(machine: machine, device: address.device))
        }
    }

    /// Joins two devices.
    package mutating func join(_ left: Port, _ right: Port) {
        cables[left] = right
        cables[right] = left
    }

    /// Adds a prefix that the network reaches behind a device.
    package mutating func attach(_ prefix: IPPrefix, behind port: Port) {
        attachments.append(Attachment(prefix: prefix, port: port))
    }

    /// Adds a route table of a place.
    ///
    /// - Parameter sources: The packets that it is for; nil: all others.
    package mutating func addTable(_ machine: Int, of place: String, for sources: PrefixSet?) {
        tables[place, default: []].append((sources, machine))
    }

    /// Changes what is known of a machine.
    package mutating func learn(_ machine: Int, _ change: (inout Machine.Knowledge) -> Void) {
        change(&machines[machine].knowledge)
    }

    /// The machine called `name` of a place; nil if there is none.
    package func machine(named name: String, in place: String) -> Int? {
        named[name]?.first { places[$0] == place }
    }

    /// The machine that carries `address`; of several, one of `place`; nil if there is none.
    package func owner(of address: IPAddress, near place: String) -> Port? {
        let found = owners[address] ?? []
        return found.first { places[$0.machine] == place } ?? found.first
    }

    /// The device of the machine behind which an attached address is; nil if there is none.
    package func attachment(of address: IPAddress) -> Port? {
        attachments.filter { $0.prefix.contains(address) }.max { $0.prefix.length < $1.prefix.length }?.port
    }

    // MARK: - Where a packet goes

    /// The place where a packet arrives that a machine has sent.
    enum Receiver {
        /// A machine, by a device.
        case machine(Port)
        /// Something at the end of the way, behind the sender's device.
        case endpoint
        /// Not known.
        case none
    }

    /// Finds the receiver of `packet`, which leaves `sender` towards `hop`.
    ///
    /// - Parameter hint: The place that the packet is for: it decides between equal addresses.
    func receiver(
        of packet: Packet, from sender: Port, to hop: IPAddress, isDirect: Bool, hint: String
    ) -> Receiver {
        let machine = machines[sender.machine]
        if let device = sender.device {
            if let other = cables[sender] { return .machine(other) }
            if isDirect, machine.knowledge.edgeDevices.contains(device), owners[hop] == nil {
                return .endpoint
            }
        }
        let candidates = (owners[hop] ?? []).filter { $0.machine != sender.machine }
        let near =
            candidates.first { places[$0.machine] == hint }
            ?? candidates.first { places[$0.machine] == places[sender.machine] } ?? candidates.first
        if let near { return .machine(arrival(at: near, through: sender.device, of: machine)) }
        if let port = attachment(of: hop), port.machine != sender.machine {
            return .machine(Port(machine: port.machine, device: uplink(of: port.machine, packet.family)))
        }
        let isConnected = machine.state.addresses.contains {
            $0.device == sender.device && $0.length < $0.address.family.bitWidth && $0.network.contains(hop)
        }
        if isDirect, isConnected || machine.knowledge.isFabric { return .endpoint }
        if let table = table(for: packet, from: sender) {
            return .machine(Port(machine: table, device: "in"))
        }
        return isDirect ? .endpoint : .none
    }

    /// A packet through a tunnel comes in by the tunnel's other end.
    private func arrival(at port: Port, through device: String?, of sender: Machine) -> Port {
        guard let device, sender.knowledge.tunnels.contains(device),
            machines[port.machine].state.link(device) != nil
        else { return port }
        return Port(machine: port.machine, device: device)
    }

    /// The device of a machine's own first address.
    private func uplink(of machine: Int, _ family: AddressFamily) -> String? {
        let state = machines[machine].state
        let route = machines[machine].routes.mainRoute(to: IPAddress(family: family, bits: 1))
        return route?.nextHops.first?.device
            ?? state.addresses.first { $0.address.family == family && !$0.address.isLoopback }?.device
    }

    /// True for a device of a host that was read, and that has another one in a subnet of its place, while
    /// this one's addresses are in none: it leads elsewhere, as the end of a tunnel does.
    private func leavesPlace(_ sender: Port) -> Bool {
        let machine = machines[sender.machine]
        guard machine.evidence == .read else { return false }
        let subnets = (tables[places[sender.machine]] ?? []).compactMap(\.sources)
        let inside = machine.state.addresses.filter { address in
            subnets.contains { $0.contains(address.address) }
        }
        return !inside.isEmpty && !inside.contains { $0.device == sender.device }
            && machine.state.addresses.contains { $0.device == sender.device }
    }

    /// The route table that takes a packet which leaves a machine into its network; nil if there is none.
    private func table(for packet: Packet, from sender: Port) -> Int? {
        let machine = sender.machine
        let found = leavesPlace(sender) ? [] : tables[places[machine]] ?? []
        let own = machines[machine].state.addresses.map(\.address)
        let chosen =
            found.first { $0.sources?.contains(packet.source) == true }
            ?? found.first { table in own.contains { table.sources?.contains($0) == true } }
            ?? found.first { $0.sources == nil }
        let table = chosen?.machine ?? underlay
        return table == machine ? (underlay == machine ? nil : underlay) : table
    }
}
