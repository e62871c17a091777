package import IPAddressing
package import Inventory
import PacketPath

/// One end of an explained packet, as a user names it.
package struct ExplainedEnd: Hashable, Sendable {
    /// As the user has written it.
    package var text: String
    /// The key of the cluster or site; empty if the address is in none.
    package var place: String
    /// What it is.
    package var kind: Kind
    /// The name that it was found by, in full; nil if it is none.
    package var fullName: String?
    /// What is to be known of the name's look-up; nil if it gave the addresses.
    package var remark: String?

    /// What an end is.
    package enum Kind: Hashable, Sendable {
        /// A site, or a cluster as a whole.
        case place
        /// A part of a cluster.
        case part(Part)
        /// A host or node.
        case host(LocatedHost)
        /// An address, or several that a name has.
        case addresses([IPAddress])
    }

    /// A part of a cluster.
    package enum Part: String, Hashable, Sendable, CaseIterable {
        case pods, services, dns
    }

    package init(text: String, place: String, kind: Kind) {
        self.text = text
        self.place = place
        self.kind = kind
    }

    /// Reads `SITE`, `CLUSTER`, `CLUSTER/pods`, `PLACE/HOST`, `HOST`, `ADDRESS` or `CLUSTER/ADDRESS`.
    ///
    /// - Returns: Nil if it is none of them: a name of the DNS, or a mistake.
    package init?(_ text: String, in inventory: Inventory) {
        let keys = inventory.sites.map(\.key) + inventory.clusters.map(\.key)
        if keys.contains(text) {
            self.init(text: text, place: text, kind: .place)
            return
        }
        if let address = IPAddress(text) {
            self.init(
                text: text, place: Self.place(of: address, in: inventory) ?? "", kind: .addresses([address]))
            return
        }
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        if parts.count == 2, keys.contains(parts[0]) {
            if let part = Part(rawValue: parts[1]), inventory.cluster(parts[0]) != nil {
                self.init(text: text, place: parts[0], kind: .part(part))
                return
            }
            if let address = IPAddress(parts[1]) {
                self.init(text: text, place: parts[0], kind: .addresses([address]))
                return
            }
        }
        guard let host = inventory.host(text, in: inventory.clusters.map(\.key) + inventory.sites.map(\.key))
        else { return nil }
        self.init(text: text, place: host.place, kind: .host(host))
    }

    /// The cluster or site that has an address, inner or outer; nil if none has it.
    package static func place(of address: IPAddress, in inventory: Inventory) -> String? {
        let outer = inventory.clusters.first { cluster in
            cluster.outerRanges.contains { $0.contains(address) }
        }
        if let outer { return outer.key }
        let cluster = inventory.clusters.first { cluster in
            (cluster.pods + cluster.services).contains { $0.contains(address) }
        }
        if let cluster { return cluster.key }
        if let host = inventory.hosts.first(where: { $0.host.addresses.contains(address) }) {
            return host.place
        }
        return inventory.sites.first { $0.networks.contains { $0.contains(address) } }?.key
    }

    /// The key of the place, or what was asked for in none.
    var name: String { place.isEmpty ? text : place }

    /// The addresses that were named.
    var named: [IPAddress] {
        switch kind {
        case .addresses(let addresses): addresses
        case .host(let host): host.host.addresses
        case .place, .part: []
        }
    }
}
