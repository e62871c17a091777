import IPAddressing
import Inventory

extension Field {
    /// `dns.announce`.
    func serviceAnnouncement() -> ServiceAnnouncement? {
        mapping { keys in
            let addresses = keys.required("address", "the address that clients ask, or one of each family") {
                $0.list(of: .address)
            }
            let hosts = keys.required("hosts", "the hosts that forwarders run on") {
                $0.list { $0.forwarder() }
            }
            var announce = ServiceAnnouncement(addresses: addresses ?? [], hosts: hosts ?? [])
            keys.read("failover", into: &announce.failover, .word)
            keys.read("bgp", into: &announce.bgp) { $0.bgpSettings() }
            let rest = announce
            keys.read("vrrp", into: &announce) { $0.virtualRouter(of: rest) }
            if announce.failover != .bgp { keys.refuse(["bgp"], "which goes only with \"failover: bgp\"") }
            if announce.failover != .vrrp { keys.refuse(["vrrp"], "which goes only with \"failover: vrrp\"") }
            return addresses == nil || hosts == nil ? nil : announce
        }
    }

    /// One entry of `hosts`.
    private func forwarder() -> Relay? {
        guard case .mapping = node.content else { return read(.reference).map { Relay(host: $0) } }
        return mapping { keys in
            let host = keys.required("host", .reference)
            var relay = Relay(host: host ?? "")
            keys.read("priority", into: &relay.priority, .integer(1...255, "a priority"))
            return host == nil ? nil : relay
        }
    }

    /// `vrrp`.
    private func virtualRouter(of announce: ServiceAnnouncement) -> ServiceAnnouncement? {
        mapping { keys in
            var announce = announce
            announce.vrrpID = keys.required("id", .integer(1...255, "a number"))
            keys.read("interface", into: &announce.interface, .device)
            return announce
        }
    }
}
