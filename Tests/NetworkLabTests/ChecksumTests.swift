import Foundation
import Testing

/// What leaves a relay of clusters with outer addresses, looked at on both wires: devices here compute no checksums, so that
/// each translation must have mended those of the packet and of the one that an ICMP error quotes.
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare", "tcpdump", "ethtool")), .serialized)
struct ChecksumTests {
    @Test(arguments: ["keep", "snat"]) func `checksums are right on both wires`(source: String) throws {
        let lab = try EqualClusters.lab("mapsum\(source)")
        try lab.script(
            "ip -n ${P}n1 route add 172.16.0.0/18 via 192.168.10.1; ip -n ${P}n1 -6 route add fd00:16::/64 via fd00:10::1")
        let file = try lab.file("sum.yaml", EqualClusters.configuration(EqualClusters.officePaths(source: source)))
        #expect(try lab.net("gate", "apply --config \(file)").code == 0)
        try lab.script(
            """
            plain() { for d in $(on $1 ip -o link | sed -n 's/^[0-9]*: \\([^:@]*\\)@.*/\\1/p'); do
                on $1 ethtool -K $d tx off rx off tso off gso off gro off >/dev/null 2>&1 || true
            done; }
            for h in pc gate n1 p1; do plain $h; done
            for n in nb-c1 nb-c2; do
                on gate ip netns exec $n ethtool -K nb0 tx off rx off tso off gso off gro off >/dev/null
            done
            for h in n1 pc; do
                on $h tcpdump --immediate-mode -i eth0 -U -w $F/$h.pcap >/dev/null 2>&1 </dev/null &
                for try in $(seq 100); do [ -s $F/$h.pcap ] && break; sleep 0.05; done
                [ -s $F/$h.pcap ]
            done
            """)
        let answers = try lab.probe(
            ["10.201.1.7", "fd00:201:1::7"].map { Probe(host: "pc", address: $0) }
                + ["10.16.0.10", "fd00:961::a"].map { Probe(host: "pc", address: $0, port: 80) })
        for answer in answers { #expect(answer.outcome.isWhole, "\(answer)") }
        // Errors of each kind: a closed port, a hop limit, and a packet that is too large.
        try lab.script("ip -n ${P}n1 link set calip1 mtu 1290; ip -n ${P}p1 link set eth0 mtu 1290")
        for address in ["10.201.1.7", "fd00:201:1::7"] {
            _ = try lab.on("pc", "bash -c 'echo closed > /dev/udp/\(address)/9'")
            _ = try lab.on("pc", "ping -n -c 3 -i 0.3 -W 2 -t 4 \(address)")
            _ = try lab.on("pc", "ping -n -c 3 -i 0.3 -W 2 -M do -s 1400 \(address)")
        }
        try lab.script(
            """
            for h in n1 pc; do for p in $(ip netns pids $P$h); do
                [ "$(cat /proc/$p/comm)" = tcpdump ] || continue
                kill -INT $p
                for try in $(seq 100); do [ -d /proc/$p ] || break; sleep 0.05; done
            done; done
            """)
        for host in ["n1", "pc"] {
            let text = try lab.script("tcpdump -n -vv -r $F/\(host).pcap 2>/dev/null")
            let wrong = text.split(separator: "\n").filter { line in
                ["incorrect", "bad cksum", "bad udp cksum", "wrong icmp", "bad icmp6"].contains { line.contains($0) }
            }
            #expect(wrong.isEmpty, "\(source), \(host): \(wrong.prefix(5).joined(separator: "\n"))")
            for kind in ["(correct)", "udp sum ok", "icmp6 sum ok", "unreachable", "time exceeded", "too big", "need to frag"] {
                #expect(text.contains(kind), "\(source), \(host): no \(kind)")
            }
        }
    }
}
