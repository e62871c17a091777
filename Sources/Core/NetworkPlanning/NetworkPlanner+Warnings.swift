import IPAddressing
import Inventory

extension NetworkPlanner {
    /// What is likely wrong with the prefixes of the paths, whatever the host.
    package func warnings() -> [PlanNote] {
        var notes: [PlanNote] = []
        var seen: Set<IPPrefix> = []
        for path in inventory.paths {
            for key in path.ends.keys {
                let prefixes = sites[key]?.networks ?? clusters[key].map { $0.pods + $0.services } ?? []
                for prefix in prefixes where seen.insert(prefix).inserted {
                    if let text = Self.objection(to: prefix) {
                        notes.append(PlanNote(.warning, "\(key): \(prefix) \(text)"))
                    }
                }
            }
            if case .vxlan(let mesh) = path.carrier, let text = Self.objection(to: mesh.network) {
                notes.append(PlanNote(.warning, "\(path.label): \(mesh.network) \(text)"))
            }
        }
        return notes
    }

    /// Nil for a prefix that nobody else is likely to have.
    private static func objection(to prefix: IPPrefix) -> String? {
        guard prefix.family == .v4 else { return nil }
        let docker = IPPrefix(around: IPAddress(v4: 0xAC11_0000), length: 16)
        if docker?.overlaps(prefix) == true {
            return
                "overlaps 172.17.0.0/16, which Docker takes for docker0: machines that run Docker do not"
                + " reach it"
        }
        let high = UInt8(truncatingIfNeeded: prefix.address.bits >> 24)
        if high >= 240 { return "is class E space, which some devices refuse to route" }
        return isPrivate(prefix) ? nil : "is public address space, which belongs to somebody else"
    }

    /// RFC 1918, RFC 6598, and what no packet on the Internet comes from.
    private static func isPrivate(_ prefix: IPPrefix) -> Bool {
        let blocks: [(UInt32, Int)] = [
            (0x0A00_0000, 8), (0xAC10_0000, 12), (0xC0A8_0000, 16), (0x6440_0000, 10), (0xC612_0000, 15),
        ]
        return blocks.contains {
            IPPrefix(around: IPAddress(v4: $0.0), length: $0.1)?.contains(prefix) == true
        }
    }
}
