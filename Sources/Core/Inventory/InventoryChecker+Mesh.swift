import IPAddressing

extension InventoryChecker {
    /// One VXLAN segment: room for all nodes, outside of everything else, endpoints that exist once.
    mutating func checkMesh(_ mesh: VXLANSettings, of path: Path, at here: InventoryPath) {
        let path = (members: path.ends.keys, at: here + "vxlan")
        if !(1...0xFF_FFFF).contains(mesh.id) {
            error(at: path.at + "id", "found \(mesh.id), expected 1 to 16777215")
        }
        if mesh.port == 0 {
            error(at: path.at + "port", "found 0, expected a port from 1 to 65535 (4789 where none is given)")
        }
        if let mtu = mesh.mtu, !(1280...65_450).contains(mtu) {
            error(at: path.at + "mtu", "found \(mtu), expected 1280 to 65450 octets")
        }
        if let space = ForeignSpace(mesh.network) {
            warn(
                at: path.at + "network",
                "found \(mesh.network), \(space.rawValue); expected private addresses (RFC 1918, RFC 6598)")
        }
        checkMeshRoom(mesh, members: path.members, at: path.at)
        checkMeshNetwork(mesh, at: path.at)
        checkMeshEndpoints(mesh, members: path.members, at: path.at)
    }

    /// The segment has an address for each node.
    private mutating func checkMeshRoom(_ mesh: VXLANSettings, members: [String], at path: InventoryPath) {
        let nodes = members.reduce(0) { $0 + (clusters[$1]?.nodes.count ?? 0) }
        let hostBits = mesh.network.family.bitWidth - mesh.network.length
        let room = hostBits >= 32 ? Int(UInt32.max) : (1 << hostBits) - 2
        if nodes > room {
            error(
                at: path + "network",
                "found \(mesh.network), which has \(max(0, room)) addresses for \(nodes) nodes; expected a"
                    + " shorter prefix"
            )
        }
    }

    /// The segment's addresses must not be used by anything else.
    private mutating func checkMeshNetwork(_ mesh: VXLANSettings, at path: InventoryPath) {
        let here = path + "network"
        for cluster in inventory.clusters {
            let clusterPath = InventoryPath("clusters") + cluster.key
            for (purpose, prefixes) in [("pods", cluster.pods), ("services", cluster.services)] {
                for (index, prefix) in prefixes.enumerated() where prefix.overlaps(mesh.network) {
                    refuseMeshNetwork(mesh, prefix, owner: (clusterPath + purpose)[index], at: here)
                }
            }
            for node in cluster.nodes {
                for address in node.addresses where mesh.network.contains(address) {
                    refuseMeshNetwork(
                        mesh, IPPrefix(only: address), owner: clusterPath + "nodes" + node.name + "address",
                        at: here
                    )
                }
            }
        }
        for site in inventory.sites {
            let sitePath = InventoryPath("sites") + site.key + "networks"
            for (index, prefix) in site.networks.enumerated() where prefix.overlaps(mesh.network) {
                refuseMeshNetwork(mesh, prefix, owner: sitePath[index], at: here)
            }
        }
    }

    /// Reports a segment whose network overlaps `prefix`.
    private mutating func refuseMeshNetwork(
        _ mesh: VXLANSettings, _ prefix: IPPrefix, owner: InventoryPath, at path: InventoryPath
    ) {
        error(
            at: path, and: owner,
            "found \(mesh.network), which overlaps \(prefix); expected a network that nothing else uses")
    }

    /// Endpoints name nodes, and their addresses are unique.
    private mutating func checkMeshEndpoints(_ mesh: VXLANSettings, members: [String], at path: InventoryPath)
    {
        // In place of an unknown cluster, which has been reported already, any may have been meant.
        let isKnownPath = members.allSatisfy { clusters[$0] != nil }
        var nodes: Set<String> = []
        for member in isKnownPath ? members : clusterKeys {
            for node in clusters[member]?.nodes ?? [] {
                nodes.formUnion([node.name, member + "/" + node.name])
            }
        }
        var addresses: [IPAddress: InventoryPath] = [:]
        var macs: [MACAddress: InventoryPath] = [:]
        for endpoint in mesh.endpoints {
            let here = path + "endpoints" + endpoint.node
            if !nodes.contains(endpoint.node) {
                unknown(
                    endpoint.node, at: here, expected: "a node of the clusters that it joins",
                    among: nodes.sorted())
            }
            if let address = endpoint.address {
                if !mesh.network.contains(address) {
                    error(
                        at: here + "address", and: path + "network",
                        "found \(address), expected an address inside \(mesh.network)")
                }
                if let earlier = addresses.updateValue(here, forKey: address) {
                    error(
                        at: here + "address", and: earlier,
                        "found \(address) a second time, expected each once")
                }
            }
            if let mac = endpoint.mac {
                if mac.isMulticast || mac.bits == 0 {
                    error(
                        at: here + "mac",
                        "found \(mac), expected the address of one device (first octet even)")
                }
                if let earlier = macs.updateValue(here, forKey: mac) {
                    error(at: here + "mac", and: earlier, "found \(mac) a second time, expected each once")
                }
            }
        }
    }

    /// Two segments can meet on one host: number, network and device tell them apart.
    mutating func checkMeshIdentities() {
        var ids: [Int: InventoryPath] = [:]
        var devices: [String: InventoryPath] = [:]
        var networks: [Claim] = []
        for (index, path) in inventory.paths.enumerated() {
            guard case .vxlan(let mesh) = path.carrier else { continue }
            let here = InventoryPath("paths")[index] + "vxlan"
            if let earlier = ids.updateValue(here + "id", forKey: mesh.id) {
                error(
                    at: here + "id", and: earlier,
                    "found \(mesh.id) a second time, expected an id for each segment")
            }
            if let earlier = devices.updateValue(here + "device", forKey: mesh.device) {
                error(
                    at: here + "device", and: earlier,
                    "found \(quoted(mesh.device)) a second time, expected a device for each segment")
            }
            networks.append(
                Claim(prefix: mesh.network, path: here + "network", owner: "\(index)", purpose: "network"))
        }
        for (outer, inner) in nested(networks) {
            error(
                at: inner.path, and: outer.path,
                "found \(inner.prefix), which overlaps \(outer.prefix) of another segment; expected"
                    + " networks apart"
            )
        }
    }
}
