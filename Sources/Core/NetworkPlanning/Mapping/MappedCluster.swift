import IPAddressing
package import Inventory
import NetworkModel

/// A cluster with outer addresses, and what a relay of it has names and numbers for.
///
/// All of them follow from the file alone, so that each relay has the same, and a cluster that is added
/// renumbers no other one.
struct MappedCluster {
    let cluster: Cluster

    /// 0..<4096; different for each mapped cluster of a file.
    let slot: Int

    /// The network namespace.
    var namespace: String { Ownership.namespacePrefix + cluster.key }

    /// The host's device that leads into it: 1...15 octets.
    var device: String {
        if namespace.utf8.count <= 15 { return namespace }
        let number = String(slot + 0x1000, radix: 16).dropFirst()
        return "\(namespace.prefix(11))-\(number)"
    }

    /// The table for packets that come out of the namespace: where the cluster's own addresses are.
    var innerTable: Int { 780_000 + slot }

    /// The table that leads into the namespace, whatever the destination.
    var returnTable: Int { 790_000 + slot }

    /// The mark of packets that come out of the namespace, if errors about them must be told from those of
    /// other clusters; `ProbeWay.mark` has others.
    var mark: UInt32 { 0x4E42_1000 + UInt32(slot) }

    /// The priority of the policy rules of all clusters: before the main table, after the local one.
    static let rulePriority = 780

    /// The metric of what takes packets that no other route is for.
    static let lastMetric = 4096

    /// The network between the host and the namespace: a /30 of 169.254.64.0/18, where neither clouds nor
    /// node-local name servers live, or a /126 of a unique local prefix.
    func network(_ family: AddressFamily) -> IPPrefix {
        let bits: UInt128 =
            switch family {
            case .v4: 0xA9FE_4000 + UInt128(slot) << 2
            case .v6: 0xFD6E_616D_6562_0000_0000_0000_0000_0000 + UInt128(slot) << 64
            }
        let address = IPAddress(family: family, bits: bits)
        return IPPrefix(around: address, length: family.bitWidth - 2) ?? IPPrefix(only: address)
    }

    /// The host's address in that network.
    func hostAddress(_ family: AddressFamily) -> IPAddress {
        IPAddress(family: family, bits: network(family).address.bits + 1)
    }

    /// The namespace's address there: packets of masked sources leave with it.
    func ownAddress(_ family: AddressFamily) -> IPAddress {
        IPAddress(family: family, bits: network(family).address.bits + 2)
    }

    /// The pairs of one family that have to do with `prefixes`, inner ones.
    func pairs(of prefixes: [IPPrefix], _ family: AddressFamily) -> [PrefixPair] {
        let wanted = PrefixSet(prefixes)
        return cluster.addressMap.pairs.filter { $0.inner.family == family && wanted.overlaps($0.inner) }
    }

    /// The mapped clusters of a file by their keys. Each has the slot that its key hashes to, or the next
    /// one that no cluster before it has.
    static func all(in clusters: [Cluster]) -> [String: MappedCluster] {
        var taken: Set<Int> = []
        var all: [String: MappedCluster] = [:]
        for cluster in clusters where cluster.isMapped && all[cluster.key] == nil && taken.count < slots {
            var slot = Int(hash(cluster.key) % UInt64(slots))
            while !taken.insert(slot).inserted { slot = (slot + 1) % slots }  // one is free
            all[cluster.key] = MappedCluster(cluster: cluster, slot: slot)
        }
        return all
    }

    /// Networks of four addresses in 169.254.64.0/18.
    private static let slots = 4096

    /// FNV-1a over 64 bits: the same on each host.
    private static func hash(_ key: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for octet in key.utf8 { hash = (hash ^ UInt64(octet)) &* 0x100_0000_01B3 }
        return hash ^ hash >> 32
    }
}

extension Inventory {
    /// For each cluster with outer addresses the device of a relay that leads into its namespace.
    package var namespaceDevices: [String: String] {
        MappedCluster.all(in: clusters).mapValues(\.device)
    }
}
