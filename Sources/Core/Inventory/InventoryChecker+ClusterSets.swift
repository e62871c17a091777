import DomainNames

extension InventoryChecker {
    /// `clustersets`: members that can be asked, each once, and told apart by their IDs.
    mutating func checkClusterSets() {
        for set in inventory.clusterSets {
            let path = InventoryPath("clustersets") + set.key
            let members = path + "members"
            if isSchemaLabel(set.key) {
                error(
                    at: path, isAboutKey: true,
                    "found the key \(quoted(set.key)), which the Kubernetes DNS schema uses itself; expected"
                        + " another name for the set")
            }
            if set.members.isEmpty { error(at: members, "found no members, expected at least one cluster") }
            if set.members.count > ClusterSet.mostMembers {
                error(
                    at: members,
                    "found \(set.members.count), expected at most \(ClusterSet.mostMembers) clusters")
            }
            refuseDuplicates(set.members.map(\.cluster), at: members)
            let ids = set.members.map { $0.id?.description ?? $0.cluster }
            if Set(set.members.map(\.cluster)).count == set.members.count {
                refuseDuplicates(ids, at: members)
            }
            for (index, member) in set.members.enumerated() {
                guard let cluster = clusters[member.cluster] else {
                    unknown(member.cluster, at: members[index], expected: "a cluster", among: clusterKeys)
                    continue
                }
                if cluster.dns.isEmpty {
                    error(
                        at: members[index], and: InventoryPath("clusters") + member.cluster + "dns",
                        "found \(member.cluster), which has no DNS servers, expected a cluster with a \"dns\""
                            + " list")
                }
            }
            let known = set.members.map(\.cluster)
            refuseDuplicates(set.prefer, at: path + "prefer")
            for (index, key) in set.prefer.enumerated() where !known.contains(key) {
                unknown(key, at: (path + "prefer")[index], expected: "a member of the set", among: known)
            }
        }
    }

    /// The suffixes of `clustersets` are claimed by nothing else.
    mutating func checkClusterSetNames(
        _ claims: inout [DomainName: InventoryPath], among zones: [DomainName: InventoryPath]
    ) {
        for set in inventory.clusterSets {
            let path = InventoryPath("clustersets") + set.key
            for name in inventory.suffixes(of: set) {
                let here = name == set.zone ? path + "zone" : path
                if let earlier = claims[name] ?? zones[name] {
                    error(
                        at: here, and: earlier == "clusters" ? nil : earlier,
                        "found \(name), which is claimed already; expected a zone that no cluster's suffix or"
                            + " domain is")
                }
                claims[name] = claims[name] ?? here
                checkRoom(name, at: here)
                checkPlace(of: name, among: zones, at: here)
            }
        }
    }
}
