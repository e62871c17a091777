/// What the programs of Debian 12 (iproute2 6.1, nftables 1.0.6, iptables 1.8.9) printed in a namespace of their own.
enum Captures {
    /// `ip -j -d link`
    static let link = ##"""
        [
        {"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"qdisc":"noqueue","operstate":"UNKNOWN","linkmode":"DEFAULT","group":"default","txqlen":1000,"link_type":"loopback","address":"00:00:00:00:00:00","broadcast":"00:00:00:00:00:00","promiscuity":0,"allmulti":0,"min_mtu":0,"max_mtu":0,"inet6_addr_gen_mode":"eui64","num_tx_queues":1,"num_rx_queues":1,"gso_max_size":65536,"gso_max_segs":65535,"tso_max_size":524280,"tso_max_segs":65535,"gro_max_size":65536},
        {"ifindex":3,"link":"peer0","ifname":"eth0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,"qdisc":"noqueue","operstate":"UP","linkmode":"DEFAULT","group":"default","txqlen":1000,"link_type":"ether","address":"da:77:c0:36:a0:ce","broadcast":"ff:ff:ff:ff:ff:ff","promiscuity":0,"allmulti":0,"min_mtu":68,"max_mtu":65535,"linkinfo":{"info_kind":"veth"},"inet6_addr_gen_mode":"eui64","num_tx_queues":2,"num_rx_queues":2,"gso_max_size":65536,"gso_max_segs":65535,"tso_max_size":524280,"tso_max_segs":65535,"gro_max_size":65536},
        {"ifindex":4,"ifname":"nbvx10001","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1450,"qdisc":"noqueue","operstate":"UNKNOWN","linkmode":"DEFAULT","group":"default","txqlen":1000,"link_type":"ether","address":"c2:6a:9b:e5:39:8d","broadcast":"ff:ff:ff:ff:ff:ff","promiscuity":0,"allmulti":0,"min_mtu":68,"max_mtu":65535,"linkinfo":{"info_kind":"vxlan","info_data":{"id":10001,"local":"192.168.0.21","link":"eth0","port_range":{"low":0,"high":0},"port":4899,"learning":false,"ttl":0,"df":"unset","ageing":300,"udp_csum":true,"udp_zero_csum6_tx":false,"udp_zero_csum6_rx":false}},"inet6_addr_gen_mode":"eui64","num_tx_queues":1,"num_rx_queues":1,"gso_max_size":65536,"gso_max_segs":65535,"tso_max_size":524280,"tso_max_segs":65535,"gro_max_size":65536,"ifalias":"namebridge: path c1 <-> c2 via vxlan 10001"}
        ]
        """##

    /// `ip -j addr`
    static let address = ##"""
        [
        {"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"qdisc":"noqueue","operstate":"UNKNOWN","group":"default","txqlen":1000,"link_type":"loopback","address":"00:00:00:00:00:00","broadcast":"00:00:00:00:00:00","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host","label":"lo","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet6","local":"::1","prefixlen":128,"scope":"host","valid_life_time":4294967295,"preferred_life_time":4294967295}]},
        {"ifindex":3,"link":"peer0","ifname":"eth0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,"qdisc":"noqueue","operstate":"UP","group":"default","txqlen":1000,"link_type":"ether","address":"da:77:c0:36:a0:ce","broadcast":"ff:ff:ff:ff:ff:ff","addr_info":[{"family":"inet","local":"192.168.0.21","prefixlen":24,"scope":"global","label":"eth0","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet6","local":"fd00:5::21","prefixlen":64,"scope":"global","nodad":true,"valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet6","local":"fe80::d877:c0ff:fe36:a0ce","prefixlen":64,"scope":"link","tentative":true,"valid_life_time":4294967295,"preferred_life_time":4294967295}]},
        {"ifindex":4,"ifname":"nbvx10001","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1450,"qdisc":"noqueue","operstate":"UNKNOWN","group":"default","txqlen":1000,"link_type":"ether","address":"c2:6a:9b:e5:39:8d","broadcast":"ff:ff:ff:ff:ff:ff","addr_info":[{"family":"inet","local":"179.17.1.21","prefixlen":24,"scope":"global","label":"nbvx10001","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet6","local":"fe80::c06a:9bff:fee5:398d","prefixlen":64,"scope":"link","tentative":true,"valid_life_time":4294967295,"preferred_life_time":4294967295}]}
        ]
        """##

    /// `ip -j -d -4 route show table all`
    static let route = ##"""
        [
        {"type":"unicast","dst":"default","gateway":"192.168.0.1","dev":"eth0","table":"main","protocol":"boot","scope":"global","flags":[]},
        {"type":"unicast","dst":"10.9.0.0/16","table":"main","protocol":"78","scope":"global","flags":[],"nexthops":[{"gateway":"192.168.0.1","dev":"eth0","weight":1,"flags":[]},{"gateway":"192.168.0.2","dev":"eth0","weight":1,"flags":[]}]},
        {"type":"unicast","dst":"10.77.0.0/16","via":{"family":"inet6","host":"fd00:5::1"},"dev":"eth0","table":"main","protocol":"78","scope":"global","flags":[]},
        {"type":"unicast","dst":"10.88.0.0/16","gateway":"10.0.0.9","dev":"eth0","table":"main","protocol":"78","scope":"global","flags":["onlink"]},
        {"type":"unicast","dst":"10.235.88.0/24","gateway":"179.17.1.31","dev":"nbvx10001","table":"main","protocol":"78","scope":"global","flags":[]},
        {"type":"unicast","dst":"179.17.1.0/24","dev":"nbvx10001","table":"main","protocol":"kernel","scope":"link","prefsrc":"179.17.1.21","flags":[]},
        {"type":"unicast","dst":"192.168.0.0/24","dev":"eth0","table":"main","protocol":"kernel","scope":"link","prefsrc":"192.168.0.21","flags":[]},
        {"type":"local","dst":"127.0.0.0/8","dev":"lo","table":"local","protocol":"kernel","scope":"host","prefsrc":"127.0.0.1","flags":[]},
        {"type":"local","dst":"127.0.0.1","dev":"lo","table":"local","protocol":"kernel","scope":"host","prefsrc":"127.0.0.1","flags":[]},
        {"type":"broadcast","dst":"127.255.255.255","dev":"lo","table":"local","protocol":"kernel","scope":"link","prefsrc":"127.0.0.1","flags":[]},
        {"type":"local","dst":"179.17.1.21","dev":"nbvx10001","table":"local","protocol":"kernel","scope":"host","prefsrc":"179.17.1.21","flags":[]},
        {"type":"broadcast","dst":"179.17.1.255","dev":"nbvx10001","table":"local","protocol":"kernel","scope":"link","prefsrc":"179.17.1.21","flags":[]},
        {"type":"local","dst":"192.168.0.21","dev":"eth0","table":"local","protocol":"kernel","scope":"host","prefsrc":"192.168.0.21","flags":[]},
        {"type":"broadcast","dst":"192.168.0.255","dev":"eth0","table":"local","protocol":"kernel","scope":"link","prefsrc":"192.168.0.21","flags":[]}
        ]
        """##

    /// `ip -j -d -6 route show table all`
    static let route6 = ##"""
        [
        {"type":"unicast","dst":"fd00:5::/64","dev":"eth0","table":"main","protocol":"kernel","scope":"global","metric":256,"flags":[],"pref":"medium"},
        {"type":"unicast","dst":"fd09::/64","table":"main","protocol":"78","scope":"global","metric":512,"flags":[],"pref":"medium","nexthops":[{"gateway":"fd00:5::1","dev":"eth0","weight":1,"flags":[]},{"gateway":"fd00:5::2","dev":"eth0","weight":1,"flags":[]}]},
        {"type":"unicast","dst":"fd10::/64","gateway":"fe80::1","dev":"nbvx10001","table":"main","protocol":"78","scope":"global","metric":512,"flags":[],"pref":"medium"},
        {"type":"unicast","dst":"fe80::/64","dev":"peer0","table":"main","protocol":"kernel","scope":"global","metric":256,"flags":[],"pref":"medium"},
        {"type":"unicast","dst":"fe80::/64","dev":"eth0","table":"main","protocol":"kernel","scope":"global","metric":256,"flags":[],"pref":"medium"},
        {"type":"unicast","dst":"fe80::/64","dev":"nbvx10001","table":"main","protocol":"kernel","scope":"global","metric":256,"flags":[],"pref":"medium"},
        {"type":"local","dst":"::1","dev":"lo","table":"local","protocol":"kernel","scope":"global","metric":0,"flags":[],"pref":"medium"},
        {"type":"local","dst":"fd00:5::21","dev":"eth0","table":"local","protocol":"kernel","scope":"global","metric":0,"flags":[],"pref":"medium"},
        {"type":"multicast","dst":"ff00::/8","dev":"peer0","table":"local","protocol":"kernel","scope":"global","metric":256,"flags":[],"pref":"medium"},
        {"type":"multicast","dst":"ff00::/8","dev":"eth0","table":"local","protocol":"kernel","scope":"global","metric":256,"flags":[],"pref":"medium"},
        {"type":"multicast","dst":"ff00::/8","dev":"nbvx10001","table":"local","protocol":"kernel","scope":"global","metric":256,"flags":[],"pref":"medium"}
        ]
        """##

    /// `ip -j neigh`
    static let neighbour = ##"""
        [
        {"dst":"179.17.1.31","dev":"nbvx10001","lladdr":"7a:3a:fe:45:a3:76","state":["PERMANENT"]},
        {"dst":"fe80::1","dev":"nbvx10001","lladdr":"7a:3a:fe:45:a3:76","state":["PERMANENT"]}
        ]
        """##

    /// `bridge -j fdb`
    static let fdb = ##"""
        [
        {"mac":"be:e5:f4:65:fb:da","ifname":"peer0","flags":[],"master":"br0","state":"permanent"},
        {"mac":"33:33:00:00:00:01","ifname":"peer0","flags":["self"],"state":"permanent"},
        {"mac":"01:00:5e:00:00:01","ifname":"peer0","flags":["self"],"state":"permanent"},
        {"mac":"33:33:ff:65:fb:da","ifname":"peer0","flags":["self"],"state":"permanent"},
        {"mac":"33:33:00:00:00:01","ifname":"eth0","flags":["self"],"state":"permanent"},
        {"mac":"01:00:5e:00:00:01","ifname":"eth0","flags":["self"],"state":"permanent"},
        {"mac":"33:33:ff:36:a0:ce","ifname":"eth0","flags":["self"],"state":"permanent"},
        {"mac":"33:33:ff:00:00:21","ifname":"eth0","flags":["self"],"state":"permanent"},
        {"mac":"7a:3a:fe:45:a3:77","ifname":"nbvx10001","dst":"192.168.0.32","flags":["self"],"state":"permanent"},
        {"mac":"7a:3a:fe:45:a3:76","ifname":"nbvx10001","dst":"192.168.0.31","flags":["self"],"state":"permanent"},
        {"mac":"33:33:00:00:00:01","ifname":"br0","flags":["self"],"state":"permanent"},
        {"mac":"01:00:5e:00:00:6a","ifname":"br0","flags":["self"],"state":"permanent"},
        {"mac":"33:33:00:00:00:6a","ifname":"br0","flags":["self"],"state":"permanent"},
        {"mac":"01:00:5e:00:00:01","ifname":"br0","flags":["self"],"state":"permanent"}
        ]
        """##

    /// `ip -j -d rule`
    static let rule = ##"""
        [
        {"priority":0,"src":"all","table":"local","protocol":"kernel"},
        {"priority":999,"src":"all","fwmark":"0x1","fwmask":"0xff","iif":"eth0","iif_detached":null,"table":"main","protocol":"unspec"},
        {"priority":1000,"src":"10.0.0.0","srclen":8,"dst":"1.1.1.0","dstlen":24,"table":"100","protocol":"78"},
        {"priority":32766,"src":"all","table":"main","protocol":"kernel"},
        {"priority":32767,"src":"all","table":"default","protocol":"kernel"}
        ]
        """##

    /// `iptables-save`
    static let iptablesSave = ##"""
        # Generated by iptables-save v1.8.9 (nf_tables) on Sat Nov 21 02:34:03 2026
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD DROP [0:0]
        :OUTPUT ACCEPT [0:0]
        -A FORWARD -s 10.0.0.0/8 -d 172.26.0.0/16 -m comment --comment "namebridge: path a -> b" -j ACCEPT
        COMMIT
        # Completed on Sat Nov 21 02:34:03 2026
        # Generated by iptables-save v1.8.9 (nf_tables) on Sat Nov 21 02:34:03 2026
        *nat
        :PREROUTING ACCEPT [0:0]
        :INPUT ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        -A POSTROUTING -s 10.0.0.0/8 -d 172.26.0.0/16 -j MASQUERADE
        -A POSTROUTING -s 10.0.0.0/8 -d 172.26.0.0/16 -o eth0 -j SNAT --to-source 1.2.3.4
        COMMIT
        # Completed on Sat Nov 21 02:34:03 2026
        """##

    /// `nft -j list ruleset` with our table
    static let ruleset = ##"""
        {"nftables":[
        {"metainfo":{"version":"1.0.6","release_name":"Lester Gooch #5","json_schema_version":1}},
        {"table":{"family":"inet","name":"namebridge","handle":1}},
        {"chain":{"family":"inet","table":"namebridge","name":"postrouting","handle":1,"type":"nat","hook":"postrouting","prio":99,"policy":"accept"}},
        {"chain":{"family":"inet","table":"namebridge","name":"clamp","handle":2,"type":"filter","hook":"forward","prio":-150,"policy":"accept"}},
        {"chain":{"family":"inet","table":"namebridge","name":"guard","handle":3,"type":"filter","hook":"forward","prio":0,"policy":"accept"}},
        {"rule":{"family":"inet","table":"namebridge","chain":"postrouting","handle":4,"comment":"path office -> prod via master1","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"prefix":{"addr":"172.16.0.0","len":18}}}},{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"prefix":{"addr":"172.17.32.0","len":19}}}},{"counter":{"packets":0,"bytes":0}},{"masquerade":{"flags":"fully-random"}}]}},
        {"rule":{"family":"inet","table":"namebridge","chain":"postrouting","handle":6,"comment":"x","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"set":[{"prefix":{"addr":"10.1.0.0","len":31}},{"prefix":{"addr":"172.16.0.0","len":18}}]}}},{"match":{"op":"==","left":{"ct":{"key":"ip daddr","dir":"original"}},"right":{"prefix":{"addr":"172.17.16.0","len":20}}}},{"counter":{"packets":0,"bytes":0}},{"snat":{"family":"ip","addr":"172.17.14.11","flags":"fully-random"}}]}},
        {"rule":{"family":"inet","table":"namebridge","chain":"postrouting","handle":8,"comment":"y","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip6","field":"saddr"}},"right":{"prefix":{"addr":"fd00::","len":64}}}},{"match":{"op":"==","left":{"ct":{"key":"ip6 daddr","dir":"original"}},"right":{"set":[{"prefix":{"addr":"fd01::","len":64}},{"prefix":{"addr":"fd02::","len":108}}]}}},{"counter":{"packets":0,"bytes":0}},{"masquerade":null}]}},
        {"rule":{"family":"inet","table":"namebridge","chain":"postrouting","handle":9,"comment":"y","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip6","field":"saddr"}},"right":{"prefix":{"addr":"fd00::","len":64}}}},{"match":{"op":"==","left":{"payload":{"protocol":"ip6","field":"daddr"}},"right":"fd01::1"}},{"counter":{"packets":0,"bytes":0}},{"snat":{"family":"ip6","addr":"fd00::1"}}]}},
        {"rule":{"family":"inet","table":"namebridge","chain":"clamp","handle":10,"comment":"m","expr":[{"match":{"op":"==","left":{"meta":{"key":"oifname"}},"right":"nbvx10001"}},{"match":{"op":"==","left":{"&":[{"payload":{"protocol":"tcp","field":"flags"}},["syn","rst"]]},"right":"syn"}},{"counter":{"packets":0,"bytes":0}},{"mangle":{"key":{"tcp option":{"name":"maxseg","field":"size"}},"value":{"rt":{"key":"mtu"}}}}]}},
        {"rule":{"family":"inet","table":"namebridge","chain":"clamp","handle":12,"expr":[{"match":{"op":"==","left":{"meta":{"key":"oifname"}},"right":{"set":["eth0","eth1"]}}},{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"counter":{"packets":0,"bytes":0}},{"accept":null}]}},
        {"rule":{"family":"inet","table":"namebridge","chain":"guard","handle":13,"comment":"z","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"prefix":{"addr":"172.16.0.0","len":18}}}},{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"prefix":{"addr":"172.17.16.0","len":20}}}},{"counter":{"packets":0,"bytes":0}},{"reject":{"type":"icmpx","expr":"host-unreachable"}}]}},
        {"rule":{"family":"inet","table":"namebridge","chain":"guard","handle":14,"comment":"z","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"prefix":{"addr":"172.16.0.0","len":18}}}},{"match":{"op":"in","left":{"ct":{"key":"status"}},"right":"dnat"}},{"counter":{"packets":0,"bytes":0}}]}},
        {"rule":{"family":"inet","table":"namebridge","chain":"guard","handle":15,"expr":[{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["established","related"]}},{"counter":{"packets":0,"bytes":0}},{"accept":null}]}},
        {"rule":{"family":"inet","table":"namebridge","chain":"guard","handle":17,"expr":[{"vmap":{"key":{"ct":{"key":"state"}},"data":{"set":[["invalid",{"drop":null}],["established",{"accept":null}],["related",{"accept":null}]]}}}]}},
        {"rule":{"family":"inet","table":"namebridge","chain":"guard","handle":18,"expr":[{"match":{"op":"==","left":{"&":[{"meta":{"key":"mark"}},16384]},"right":16384}},{"counter":{"packets":0,"bytes":0}},{"return":null}]}},
        {"rule":{"family":"inet","table":"namebridge","chain":"guard","handle":19,"expr":[{"match":{"op":"==","left":{"payload":{"protocol":"udp","field":"dport"}},"right":4899}},{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"1.2.3.4"}},{"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":"eth*"}},{"drop":null}]}}
        ]}
        """##

    /// `nft -j list ruleset` with tables of iptables
    static let foreignRuleset = ##"""
        {"nftables":[
        {"metainfo":{"version":"1.0.6","release_name":"Lester Gooch #5","json_schema_version":1}},
        {"table":{"family":"ip","name":"filter","handle":2}},
        {"chain":{"family":"ip","table":"filter","name":"FORWARD","handle":1,"type":"filter","hook":"forward","prio":0,"policy":"drop"}},
        {"rule":{"family":"ip","table":"filter","chain":"FORWARD","handle":2,"expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"prefix":{"addr":"10.0.0.0","len":8}}}},{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"prefix":{"addr":"172.26.0.0","len":16}}}},{"xt":{"type":"match","name":"comment"}},{"counter":{"packets":0,"bytes":0}},{"accept":null}]}},
        {"table":{"family":"ip","name":"nat","handle":3}},
        {"chain":{"family":"ip","table":"nat","name":"POSTROUTING","handle":1,"type":"nat","hook":"postrouting","prio":100,"policy":"accept"}},
        {"rule":{"family":"ip","table":"nat","chain":"POSTROUTING","handle":2,"expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"prefix":{"addr":"10.0.0.0","len":8}}}},{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"prefix":{"addr":"172.26.0.0","len":16}}}},{"counter":{"packets":0,"bytes":0}},{"xt":{"type":"target","name":"MASQUERADE"}}]}},
        {"rule":{"family":"ip","table":"nat","chain":"POSTROUTING","handle":3,"expr":[{"match":{"op":"==","left":{"meta":{"key":"oifname"}},"right":"eth0"}},{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"prefix":{"addr":"10.0.0.0","len":8}}}},{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"prefix":{"addr":"172.26.0.0","len":16}}}},{"counter":{"packets":0,"bytes":0}},{"xt":{"type":"target","name":"SNAT"}}]}}
        ]}
        """##

    /// `sysctl -a`
    static let sysctl = ##"""
        net.ipv4.conf.all.arp_filter = 0
        net.ipv4.conf.all.bc_forwarding = 0
        net.ipv4.conf.all.forwarding = 0
        net.ipv4.conf.all.mc_forwarding = 0
        net.ipv4.conf.all.rp_filter = 0
        net.ipv4.conf.eth0.arp_filter = 0
        net.ipv4.conf.eth0.bc_forwarding = 0
        net.ipv4.conf.eth0.forwarding = 0
        net.ipv4.conf.eth0.mc_forwarding = 0
        net.ipv4.conf.eth0.rp_filter = 0
        net.ipv4.conf.nbvx10001.arp_filter = 0
        net.ipv4.conf.nbvx10001.bc_forwarding = 0
        net.ipv4.conf.nbvx10001.forwarding = 0
        net.ipv4.conf.nbvx10001.mc_forwarding = 0
        net.ipv4.conf.nbvx10001.rp_filter = 0
        net.ipv6.conf.all.force_forwarding = 0
        net.ipv6.conf.all.forwarding = 0
        net.ipv6.conf.all.mc_forwarding = 0
        net.ipv6.conf.eth0.force_forwarding = 0
        net.ipv6.conf.eth0.forwarding = 0
        net.ipv6.conf.eth0.mc_forwarding = 0
        net.ipv6.conf.nbvx10001.force_forwarding = 0
        net.ipv6.conf.nbvx10001.forwarding = 0
        net.ipv6.conf.nbvx10001.mc_forwarding = 0
        """##

}
