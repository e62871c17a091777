import IPAddressing
import Inventory
import PacketPath

/// Addresses that are in use at both ends: a packet for one of them never leaves its sender's network.
struct OverlapCheck {
    /// What is in the way, and what mends it; nil if nothing overlaps.
    private(set) var finding: (rule: String, fix: String)?

    init(_ inventory: Inventory, _ choice: PacketChoice) {
        let (from, to) = (choice.from.place, choice.to.place)
        guard from != to, !from.isEmpty, !to.isEmpty else { return }
        let near =
            inventory.site(from)?.networks ?? inventory.cluster(from).map { $0.pods + $0.services } ?? []
        let far =
            inventory.cluster(to).map { cluster in
                choice.path?.visiblePrefixes(of: cluster)
                    ?? (cluster.isMapped
                        ? cluster.outerRanges : cluster.pods + cluster.services)
            } ?? []
        for prefix in near {
            guard let other = far.first(where: { $0.overlaps(prefix) }) else { continue }
            let asked = choice.to.named
            guard asked.isEmpty || asked.contains(where: prefix.contains) else { continue }
            finding = (
                "\(prefix) of \(from) and \(other) of \(to) overlap: packets to \(other) stay in \(from)",
                "namebridge: give clusters.\(to) a \"map\" (namebridge check proposes free ranges)"
            )
            return
        }
    }
}
