import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// The kernel takes the steps as they are written, and shows afterwards what was planned: what is read back equals
/// what was asked for, to the last word.
@Suite(.serialized) struct KernelAgreementTests {
    /// A host with its inventory addresses, a foreign firewall that drops, and strict reverse path filters.
    private func machine(_ located: LocatedHost) -> Namespace? {
        guard let machine = Namespace() else { return nil }
        var script = """
            sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.addr_gen_mode=1
            ip link add eth0 type veth peer name peer0; ip link add tunl0 type bridge
            ip link set peer0 up; ip link set eth0 up; ip link set tunl0 up
            sysctl -qw net.ipv4.conf.eth0.rp_filter=1
            iptables -P FORWARD DROP; ip6tables -P FORWARD DROP
            iptables -t nat -A POSTROUTING -s 192.168.0.0/20 -j MASQUERADE
            iptables -A FORWARD -i br9 -j ACCEPT
            # An address of IPv6 has its routes only once the link is there, which the kernel notes a moment later.
            for i in $(seq 100); do ip -o link show eth0 | grep -q "state UP" && break; sleep 0.05; done

            """
        for address in located.host.addresses {
            script +=
                "ip addr add \(address)/\(address.family == .v4 ? 24 : 64) dev eth0"
                + (address.family == .v6 ? " nodad\n" : "\n")
            // The kernel's own route comes a moment later.
            script +=
                "for try in $(seq 100); do ip -\(address.family == .v4 ? 4 : 6) route show table local | "
                + "grep -q '^local \(address) ' && break; sleep 0.05; done\n"
        }
        // The kernel lists IPv6 addresses as its own once the cable is seen to be plugged in.
        let count = located.host.addresses.filter { $0.family == .v6 }.count
        script += """
            for try in $(seq 50); do
                [ "$(ip -6 route show table local type local dev eth0 | wc -l)" -ge \(count) ] && break; sleep 0.05
            done

            """
        machine.run(script)
        return machine
    }

    @Test(arguments: Networks.all)
    func `the kernel accepts every step and then equals the plan`(name: String) throws {
        for plan in NetworkPlanner(try Networks.inventory(name)).plans() {
            guard let machine = machine(plan.host) else { return }
            let before = try machine.observe()
            let steps = difference(from: before, to: plan)
            if steps.isRefused { continue }
            #expect(machine.take(steps.steps) == "", "\(plan.host.host.name)")
            let context = HostContext(records: steps.records(after: []))
            let after = try machine.observe()
            let rest = difference(from: after, to: plan, context: context)
            #expect(rest.steps == [], "\(plan.host.host.name)")
            let removal = difference(from: after, to: HostPlan(host: plan.host), context: context)
            #expect(machine.take(removal.steps) == "", "\(plan.host.host.name)")
            let left = try machine.observe().deviations(from: before)
            #expect(left == [], "\(plan.host.host.name)")
        }
    }

    @Test(arguments: ["vxlan-mesh", "one-link", "office-over-vpn"])
    func `the inverse of the steps leaves no trace`(name: String) throws {
        for plan in NetworkPlanner(try Networks.inventory(name)).plans() {
            guard let machine = machine(plan.host) else { return }
            let before = try machine.observe()
            let steps = difference(from: before, to: plan)
            if steps.isRefused { continue }
            #expect(machine.take(steps.steps) == "")
            #expect(machine.take(steps.inverse) == "")
            let left = try machine.observe().deviations(from: before)
            #expect(left == [], "\(plan.host.host.name)")
        }
    }

    @Test func `the steps repair foreign changes to a mesh`() throws {
        let plan = try Networks.plan("001", in: Networks.inventory("vxlan-mesh"))
        guard let machine = machine(plan.host) else { return }
        #expect(machine.take(difference(from: try machine.observe(), to: plan).steps) == "")
        let mischief = [
            "ip link set vxlan-test down; ip link set vxlan-test up", "nft flush ruleset",
            "bridge fdb replace 7a:3a:fe:45:a3:76 dev vxlan-test dst 192.168.0.99",
            "ip neigh replace 179.17.1.31 lladdr 02:00:00:00:00:01 dev vxlan-test nud permanent",
            "ip route del 10.235.88.0/24; ip route add 10.235.88.0/24 via 192.168.0.1",
            "ip route prepend 10.235.113.0/24 via 192.168.0.1", "ip link set vxlan-test mtu 1400",
            "ip link del vxlan-test",
            "ip link del vxlan-test; ip link add vxlan-test type vxlan id 5 dstport 4899 local 192.168.0.21 dev eth0;"
                + " ip link set vxlan-test alias 'namebridge: old' up",
            "ip route replace 10.236.0.0/18 via 179.17.1.13 dev vxlan-test proto 78",
            "ip route flush proto 78",
        ]
        for script in mischief {
            machine.run(script)
            let repair = difference(from: try machine.observe(), to: plan)
            #expect(!repair.steps.isEmpty, "\(script)")
            #expect(machine.take(repair.steps) == "", "\(script)")
            #expect(difference(from: try machine.observe(), to: plan).steps == [], "\(script)")
        }
    }
}
