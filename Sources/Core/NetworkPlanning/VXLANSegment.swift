package import IPAddressing
package import Inventory
import NetworkModel

/// The nodes of one VXLAN segment with the addresses of each; computed once for all of them.
package struct VXLANSegment: Hashable, Sendable {
    /// The segment's settings.
    package let settings: VXLANSettings

    /// In the order of the file.
    package let members: [Cluster]

    /// In the order of the file.
    package let peers: [Peer]

    /// The position in `peers` of each host, by `CLUSTER/NODE`.
    let position: [String: Int]

    /// The positions in `peers` of each member's nodes, which are adjacent.
    let ranges: [Int: Range<Int>]

    /// The reasons why the segment cannot work; the same for each host.
    let notes: [PlanNote]
    /// The path that needs it.
    let because: String

    /// True if a segment of IPv4 carries a prefix of IPv6: its routes use link-local gateways.
    let carriesV6OverV4: Bool

    /// What the other nodes need to reach each of `peers`; the same on all of them, so made once.
    let ways: [Way]

    /// How a node is reached.
    struct Way: Hashable, Sendable {
        /// Its Ethernet address, for each of its addresses in the segment.
        let neighbours: [Desired<Neighbour>]
        /// The host that its Ethernet address is at.
        let entry: Desired<ForwardingEntry>
        /// The routes to its pods, for the nodes of other clusters.
        let routes: [Desired<Route>]
    }

    /// A node's place in the segment.
    package struct Peer: Hashable, Sendable {
        /// The position of its cluster in `members`.
        package let member: Int
        /// The node, as `CLUSTER/NODE`.
        package let name: String

        /// The outer address.
        package let underlay: IPAddress

        /// Its address inside of the segment's network.
        package let address: IPAddress
        /// Its Ethernet address in the segment.
        package let mac: MACAddress

        /// The prefixes of the pods on it.
        package let pods: [IPPrefix]

        /// `fe80::/64` and the address that the kernel derives from `mac` (RFC 4291 appendix A).
        package var linkLocal: IPAddress {
            let high = (mac.bits >> 24) ^ 0x02_0000
            let identifier = high << 40 | 0xFF_FE00_0000 | mac.bits & 0xFF_FFFF
            return IPAddress(v6: UInt128(0xFE80) << 112 | UInt128(identifier))
        }
    }

    /// Gives all nodes of `members` their addresses.
    init(_ settings: VXLANSettings, members: [Cluster], path: Path) {
        self.settings = settings
        self.members = members
        // Once: it is made for each object of each node.
        let because = path.label
        self.because = because
        var assignment = SegmentAssignment(settings, because: because)
        for (member, cluster) in members.enumerated() {
            for node in cluster.nodes { assignment.reserve(node, of: cluster, member: member) }
        }
        for (member, cluster) in members.enumerated() {
            for node in cluster.nodes { assignment.place(node, of: cluster, member: member) }
        }
        peers = assignment.peers
        var ranges: [Int: Range<Int>] = [:]
        for (index, peer) in assignment.peers.enumerated() {
            ranges[peer.member] = (ranges[peer.member]?.lowerBound ?? index)..<index + 1
        }
        self.ranges = ranges
        notes = assignment.notes
        position = Dictionary(
            peers.enumerated().map { ("\(members[$1.member].key)/\($1.name)", $0) }, uniquingKeysWith: { $1 })
        let carriesV6OverV4 =
            settings.network.family == .v4
            && members.contains { cluster in
                ((path.targets.pods ? cluster.pods : []) + (path.targets.services ? cluster.services : []))
                    .contains { $0.family == .v6 }
            }
        self.carriesV6OverV4 = carriesV6OverV4
        ways = assignment.peers.map { peer in
            let pods = path.targets.pods ? path.seen(joined(peer.pods), of: members[peer.member]) : []
            let addresses = [peer.address] + (carriesV6OverV4 ? [peer.linkLocal] : [])
            return Way(
                neighbours: addresses.map {
                    Desired(
                        Neighbour(device: settings.device, address: $0, mac: peer.mac), because: because)
                },
                entry: Desired(
                    ForwardingEntry(device: settings.device, mac: peer.mac, destination: peer.underlay),
                    because: because),
                routes: pods.map {
                    Desired(Route(to: $0, via: peer, device: settings.device), because: because)
                })
        }
    }

    /// Octets that the encapsulation adds: IP, UDP, VXLAN and the inner Ethernet header (RFC 7348 section 5).
    func overhead(_ family: AddressFamily) -> Int { family == .v4 ? 50 : 70 }
}

extension Route {
    /// The route to `prefix` through a node of a segment.
    init(to prefix: IPPrefix, via peer: VXLANSegment.Peer, device: String) {
        let isLinkLocal = prefix.family == .v6 && peer.address.family == .v4
        let hop = NextHop(gateway: isLinkLocal ? peer.linkLocal : peer.address, device: device)
        self.init(destination: prefix, nextHops: [hop])
    }
}

/// Gives each node its address and its Ethernet address in the segment, the same on every host and
/// every time.
private struct SegmentAssignment {
    /// The segment's settings.
    let settings: VXLANSettings
    /// The path that needs it.
    let because: String
    /// The nodes so far.
    private(set) var peers: [VXLANSegment.Peer] = []
    /// The notes so far.
    private(set) var notes: [PlanNote] = []
    /// The addresses given in the file, by `CLUSTER/NODE`.
    private var explicit: [String: VXLANEndpoint] = [:]
    /// The addresses in use, with their nodes.
    private var takenAddresses: [IPAddress: String] = [:]
    /// The Ethernet addresses in use, with their nodes.
    private var takenMACs: [MACAddress: String] = [:]
    /// The outer addresses in use, with their nodes.
    private var takenUnderlays: [IPAddress: String] = [:]
    /// The family of the outer addresses.
    private var underlayFamily: AddressFamily?

    /// Creates an empty segment.
    init(_ settings: VXLANSettings, because: String) {
        self.settings = settings
        self.because = because
        for endpoint in settings.endpoints { explicit[endpoint.node] = endpoint }
    }

    /// Addresses given in the file take precedence over derived ones.
    mutating func reserve(_ node: Node, of cluster: Cluster, member: Int) {
        guard let address = endpoint(node, cluster)?.address else { return }
        takenAddresses[address] = "\(cluster.key)/\(node.name)"
    }

    /// Adds a node.
    mutating func place(_ node: Node, of cluster: Cluster, member: Int) {
        let name = "\(cluster.key)/\(node.name)"
        let family = underlayFamily ?? node.addresses.first?.family ?? .v4
        guard let underlay = node.host.address(family) else {
            return refuse("\(name) has no IP\(family) address, which the segment's other nodes use")
        }
        underlayFamily = family
        if let other = takenUnderlays.updateValue(name, forKey: underlay) {
            refuse("\(name) and \(other) have the same address \(underlay): packets reach only one of them")
        }
        guard let address = endpoint(node, cluster)?.address ?? derivedAddress(underlay, name: name) else {
            return
        }
        takenAddresses[address] = name
        let mac = endpoint(node, cluster)?.mac ?? Self.derivedMAC(underlay)
        if let other = takenMACs.updateValue(name, forKey: mac) {
            refuse(
                "\(name) and \(other) have the same Ethernet address \(mac): give one under vxlan.endpoints")
        }
        peers.append(
            VXLANSegment.Peer(
                member: member, name: node.name, underlay: underlay, address: address, mac: mac,
                pods: node.pods))
    }

    /// The addresses that the file gives to a node.
    private func endpoint(_ node: Node, _ cluster: Cluster) -> VXLANEndpoint? {
        explicit["\(cluster.key)/\(node.name)"] ?? explicit[node.name]
    }

    /// Adds a refusal.
    private mutating func refuse(_ message: String) {
        notes.append(PlanNote(.refusal, "\(because): \(message)"))
    }

    /// The node's own host bits inside the segment's network, as one would choose by hand; if these are in
    /// use, the next free ones from a start that depends on the node's address only.
    private mutating func derivedAddress(_ underlay: IPAddress, name: String) -> IPAddress? {
        let network = settings.network
        let hostBits = network.family.bitWidth - network.length
        let mask = hostBits >= 128 ? UInt128.max : (UInt128(1) << UInt128(hostBits)) - 1
        var candidate = underlay.bits & mask
        // Each iteration tries another one of at most 65536, so the loop ends.
        for attempt in 0..<min(Int(clamping: mask), 65_536) {
            let address = IPAddress(family: network.family, bits: network.address.bits | candidate)
            if candidate != 0, candidate != mask, takenAddresses[address] == nil {
                if attempt > 0 {
                    notes.append(
                        PlanNote(
                            .advice,
                            "\(because): \(name) gets \(address), since the address made from \(underlay) is"
                                + " taken; write it under vxlan.endpoints so that it stays when nodes are"
                                + " added"))
                }
                return address
            }
            candidate = attempt == 0 ? UInt128(mixed(underlay)) & mask : (candidate &+ 1) & mask
        }
        refuse("\(network) has no free address for \(name)")
        return nil
    }

    /// `02:6e:` and the four octets of an IPv4 address, so that it is readable; `06:` and a hash of an IPv6
    /// one. Both are locally administered (IEEE 802).
    static func derivedMAC(_ underlay: IPAddress) -> MACAddress {
        switch underlay.family {
        case .v4: MACAddress(bits: 0x026E << 32 | UInt64(truncatingIfNeeded: underlay.bits))
        case .v6: MACAddress(bits: 0x06 << 40 | mixed(underlay) & 0xFF_FFFF_FFFF)
        }
    }
}

/// FNV-1a of an address's octets, 64 bits (RFC 9923): the same on every host.
private func mixed(_ address: IPAddress) -> UInt64 {
    address.octets.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0100_0000_01B3 }
}
