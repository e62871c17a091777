package import Inventory

extension NetworkPlanner {
    /// The inventory with the addresses of nodes in VXLAN segments written out: they stay the same if other
    /// nodes are left out.
    package var inventoryWithEndpoints: Inventory {
        var whole = inventory
        for (index, segment) in segments {
            guard case .vxlan(var settings) = whole.paths[index].carrier else { continue }
            settings.endpoints = segment.peers.map { peer in
                VXLANEndpoint(
                    node: "\(segment.members[peer.member].key)/\(peer.name)", address: peer.address,
                    mac: peer.mac)
            }
            whole.paths[index].carrier = .vxlan(settings)
        }
        return whole
    }
}
