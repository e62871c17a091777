import IPAddressing
import Inventory
import JSON
import NetworkModel
import Testing

/// What the programs print is read as what the kernel holds.
@Suite struct ObservationTests {
    @Test func `a VXLAN device is read with its VXLAN settings`() throws {
        let links = try Link.read(Array(Captures.link.utf8))
        #expect(links.map(\.name) == ["lo", "eth0", "nbvx10001"])
        let mesh = try #require(links.last)
        let expected = VXLANLink(
            id: 10001, port: 4899, local: IPAddress("192.168.0.21"), underlay: "eth0",
            isLearning: false)
        #expect(mesh.kind == .vxlan(expected))
        #expect(mesh.mtu == 1450 && mesh.isUp && mesh.isOurs)
        #expect(mesh.mac == MACAddress("c2:6a:9b:e5:39:8d"))
        #expect(links[1].kind == .other("veth") && !links[1].isOurs)
    }

    @Test func `addresses are read with their networks`() throws {
        let addresses = try InterfaceAddress.read(Array(Captures.address.utf8))
        #expect(addresses.contains { $0.description == "179.17.1.21/24 dev nbvx10001" && !$0.isLinkLocal })
        #expect(addresses.contains { $0.description == "fd00:5::21/64 dev eth0" })
        #expect(addresses.filter(\.isLinkLocal).count == 2)
    }

    @Test func `routes are read, and written as ip accepts them`() throws {
        let routes = try Route.read(Array(Captures.route.utf8), family: .v4)
        #expect(
            routes.filter(\.isOurs).map(\.description) == [
                "10.9.0.0/16 proto 78 nexthop via 192.168.0.1 dev eth0 nexthop via 192.168.0.2 dev eth0",
                "10.77.0.0/16 via inet6 fd00:5::1 dev eth0 proto 78",
                "10.88.0.0/16 via 10.0.0.9 dev eth0 onlink proto 78",
                "10.235.88.0/24 via 179.17.1.31 dev nbvx10001 proto 78",
            ])
        #expect(routes.filter(\.isDefault).map(\.description) == ["default via 192.168.0.1 dev eth0 proto 3"])
        #expect(
            routes.filter(\.isConnected).map(\.destination.description) == [
                "179.17.1.0/24", "192.168.0.0/24",
            ])
        let v6 = try Route.read(Array(Captures.route6.utf8), family: .v6)
        #expect(
            v6.filter(\.isOurs).map(\.description) == [
                "fd09::/64 proto 78 metric 512 nexthop via fd00:5::1 dev eth0 nexthop via fd00:5::2 dev eth0",
                "fd10::/64 via fe80::1 dev nbvx10001 proto 78 metric 512",
            ])
    }

    @Test func `permanent neighbours and forwarding entries are read and written`() throws {
        #expect(
            try Neighbour.read(Array(Captures.neighbour.utf8)).map(\.description) == [
                "179.17.1.31 lladdr 7a:3a:fe:45:a3:76 dev nbvx10001 nud permanent",
                "fe80::1 lladdr 7a:3a:fe:45:a3:76 dev nbvx10001 nud permanent",
            ])
        #expect(
            try ForwardingEntry.read(Array(Captures.fdb.utf8)).map(\.description) == [
                "7a:3a:fe:45:a3:77 dev nbvx10001 dst 192.168.0.32 self permanent",
                "7a:3a:fe:45:a3:76 dev nbvx10001 dst 192.168.0.31 self permanent",
            ])
    }

    @Test func `only neighbours that do not answer are read`() throws {
        let listing = """
            [{"dst":"10.14.0.62","dev":"br0","state":["FAILED"]},
            {"dst":"10.14.0.63","dev":"br0","state":["INCOMPLETE"]},
            {"dst":"10.14.0.61","dev":"br0","lladdr":"02:00:00:00:00:61","state":["REACHABLE"]},
            {"dst":"fd00:14::62","dev":"br0","router":null,"state":["FAILED"]},
            {"dst":"179.17.1.31","dev":"nbvx10001","lladdr":"7a:3a:fe:45:a3:76","state":["PERMANENT"]}]
            """
        let found = try UnresolvedNeighbour.read(Array(listing.utf8))
        #expect(found.map { "\($0.address) \($0.device)" } == ["10.14.0.62 br0", "10.14.0.63 br0", "fd00:14::62 br0"])
        #expect(try Neighbour.read(Array(listing.utf8)).count == 1)
    }

    @Test func `policy rules are read and written`() throws {
        let rules = try PolicyRule.read(Array(Captures.rule.utf8), family: .v4)
        #expect(
            rules.map(\.description) == [
                "from all lookup 255 priority 0 protocol 2",
                "from all fwmark 0x1/0xff iif eth0 lookup 254 priority 999",
                "from 10.0.0.0/8 to 1.1.1.0/24 lookup 100 priority 1000 protocol 78",
                "from all lookup 254 priority 32766 protocol 2",
                "from all lookup 253 priority 32767 protocol 2",
            ])
        #expect(rules.map(\.isOurs) == [false, false, true, false, false])
    }

    /// `nft -j list chains` and `nft -j list chain` name tables by the way alone.
    @Test func `a listing of chains is read without tables of its own`() throws {
        let text = """
            {"nftables": [{"metainfo": {"version": "1.0.6"}},
            {"chain": {"family": "ip", "table": "nat", "name": "KUBE-SEP-1", "handle": 5}},
            {"chain": {"family": "inet", "table": "site", "name": "forward", "handle": 1, "type": "filter",
            "hook": "forward", "prio": 0, "policy": "drop"}},
            {"rule": {"family": "inet", "table": "site", "chain": "forward", "handle": 4, "expr": [{"accept": null}]}}]}
            """
        let tables = try FilterTable.read(ruleset: Array(text.utf8))
        #expect(tables.map(\.name) == ["nat", "site"] && tables.map(\.family) == [.ip, .inet])
        #expect(tables[1].chains.map(\.rules.count) == [1] && tables[1].chains[0].hook?.acceptsByDefault == false)
    }

    @Test func `of many chains of iptables only those that are asked for are read`() {
        let text = """
            *nat
            :POSTROUTING ACCEPT [0:0]
            :POSTROUTING-2 - [0:0]
            -A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE
            -A POSTROUTING-2 -j RETURN
            -A KUBE-SVC-1 -m comment --comment "POSTROUTING " -j RETURN
            COMMIT
            *filter
            :FORWARD DROP [0:0]
            """
        let names: Set = ["POSTROUTING", "FORWARD"]
        let state = IPTablesState(family: .v4, saved: Array(text.utf8), chains: names)
        let whole = IPTablesState(family: .v4, saved: text)
        #expect(state.chains == whole.chains.filter { names.contains($0.name) })
        #expect(state.rules.count == 1 && state.chain("FORWARD", of: "filter")?.policy == "DROP")
    }

    @Test func `settings that forwarding depends on are read`() {
        let settings = KernelSetting.read(Captures.sysctl)
        let forwarding = KernelSetting(family: .v4, device: "eth0", name: .forwarding)
        #expect(settings[forwarding] == 0)
        #expect(settings.keys.contains { $0.description == "net.ipv6.conf.nbvx10001.force_forwarding" })
        #expect(settings.keys.contains { $0.description == "net.ipv4.conf.all.rp_filter" })
        #expect(KernelSetting("net.ipv4.conf.eth0/5.rp_filter")?.device == "eth0.5")
        #expect(KernelSetting("net.ipv4.ip_forward") == nil)
        #expect(KernelSetting("net.ipv4.conf.eth0.fib_multipath_hash_policy") == nil)
        #expect(KernelSetting("net.ipv6.forwarding") == nil)
        let fields = KernelSetting.read("net.ipv6.fib_multipath_hash_fields = 0x0007\n")
        #expect(fields.map(\.value) == [7] && fields.first?.key.isOfHost == true)
        let policy = "net.ipv6.fib_multipath_hash_policy"
        #expect(KernelSetting(policy)?.description == policy && KernelSetting(policy)?.device == "all")
    }

    @Test func `saved rules of iptables are read with policies, words and comments`() throws {
        let state = IPTablesState(family: .v4, saved: Captures.iptablesSave)
        #expect(state.chain("FORWARD", of: "filter")?.policy == "DROP")
        let accept = try #require(state.chain("FORWARD", of: "filter")?.rules.first)
        #expect(accept.isOurs && accept.comment == "namebridge: path a -> b" && accept.target == "ACCEPT")
        #expect(
            accept.description == "FORWARD -s 10.0.0.0/8 -d 172.26.0.0/16 -m comment"
                + #" --comment "namebridge: path a -> b" -j ACCEPT"#)
        let nat = try #require(state.chain("POSTROUTING", of: "nat")?.rules)
        #expect(nat.map(\.target) == ["MASQUERADE", "SNAT"])
        #expect(nat.map { $0.destination?.description } == ["172.26.0.0/16", "172.26.0.0/16"])
        #expect(nat.allSatisfy { !$0.isOurs })
    }

    @Test func `our own table is read as it is written`() throws {
        let tables = try FilterTable.read(ruleset: Array(Captures.ruleset.utf8))
        let table = try #require(tables.first { $0.isOurs })
        #expect(tables.count == 1)
        #expect(table.chains.map(\.name) == ["postrouting", "clamp", "guard"])
        let rules = table.chains.flatMap(\.rules).map(\.description)
        #expect(
            Array(rules.prefix(5)) == [
                "ip saddr 172.16.0.0/18 ip daddr 172.17.32.0/19 counter masquerade fully-random"
                    + #" comment "path office -> prod via master1""#,
                "ip saddr { 10.1.0.0/31, 172.16.0.0/18 } ct original ip daddr 172.17.16.0/20 counter"
                    + #" snat ip to 172.17.14.11 fully-random comment "x""#,
                "ip6 saddr fd00::/64 ct original ip6 daddr { fd01::/64, fd02::/108 } counter masquerade"
                    + #" comment "y""#,
                #"ip6 saddr fd00::/64 ip6 daddr fd01::1 counter snat ip6 to fd00::1 comment "y""#,
                #"oifname "nbvx10001" tcp flags syn / syn,rst counter tcp option maxseg size set rt mtu comment "m""#,
            ])
        #expect(
            rules.contains(
                "ip saddr 172.16.0.0/18 ip daddr 172.17.16.0/20 counter reject with icmpx host-unreachable"
                    + #" comment "z""#))
        #expect(
            table.chains[0].hook?.description
                == "type nat hook postrouting priority srcnat - 1; policy accept;")
    }

    @Test func `foreign tables are read with their hooks and policies`() throws {
        let tables = try FilterTable.read(ruleset: Array(Captures.foreignRuleset.utf8))
        #expect(tables.map(\.name) == ["filter", "nat"] && tables.allSatisfy { !$0.isOurs })
        let hook = FilterHook(type: .filter, point: .forward, priority: 0, acceptsByDefault: false)
        #expect(tables[0].chains[0].hook == hook)
        let rule = try #require(tables[0].chains[0].rules.first)
        #expect(rule.action == .accept && rule.counter == FilterRule.Counter(packets: 0, octets: 0))
    }

    @Test(arguments: [
        ("[{", ReadingError.notJSON(program: "ip -j addr", .truncated(offset: 2))),
        ("{}", .unexpected(program: "ip -j addr", what: "no array")),
    ])
    func `output of another shape is an error that names the program`(text: String, error: ReadingError) {
        #expect(throws: error) { try InterfaceAddress.read(Array(text.utf8)) }
    }

    @Test func `empty output reads as an empty listing`() throws {
        #expect(try Route.read([], family: .v6).isEmpty)
        #expect(try Neighbour.read(Array("\n".utf8)).isEmpty)
    }
}

@Suite struct TrackedConnectionTests {
    @Test func `a connection is translated if its answers do not go to its source`() {
        let text = """
            udp      17 29 src=10.8.0.1 dst=10.9.0.2 sport=5000 dport=99 [UNREPLIED] src=10.9.0.2 dst=10.8.0.1 sport=99 \
            dport=5000 mark=0 use=1
            tcp      6 431999 ESTABLISHED src=10.8.0.2 dst=10.9.0.2 sport=5001 dport=99 src=10.9.0.2 dst=10.9.0.1 \
            sport=99 dport=14764 [ASSURED] mark=0 use=1
            icmpv6   58 29 src=fd00::1 dst=fd01::2 type=128 code=0 id=7 src=fd01::2 dst=fd00::1 type=129 code=0 id=7 use=1
            conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.
            tcp src=nonsense dst=10.9.0.2 src=1 dst=2
            """
        let connections = TrackedConnection.read(Array(text.utf8))
        #expect(connections.map(\.isTranslated) == [false, true, false])
        #expect(connections.map(\.source.description) == ["10.8.0.1", "10.8.0.2", "fd00::1"])
    }
}

@Suite struct IPTablesWordsTests {
    @Test(arguments: [
        ["FORWARD", "-j", "ACCEPT"], ["A", "two words", "with \"marks\"", "back\\slash", ""], ["é", "日本 語"],
    ])
    func `what is written is read again`(words: [String]) {
        let rule = IPTablesRule(family: .v4, table: "filter", chain: "X", words: words)
        #expect(IPTablesState.words(of: Substring("\(rule)")) == ["X"] + words)
    }
}
