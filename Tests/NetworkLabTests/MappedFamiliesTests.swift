import Foundation
import Testing

/// Both families through maps, with sources that are kept or mapped, under each reverse path filter and a firewall that drops.
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare")), .serialized) struct MappedFamiliesTests {
    @Test(arguments: [("keep", 0), ("map", 1), ("map", 2)])
    func `an office is seen by one address for each client in both families`(source: String, filter: Int) throws {
        let lab = try EqualClusters.lab("mapsix\(source)\(filter)")
        let isMapped = source == "map"
        // A firewall that drops has connections that clients open alone, unless its owner lets pods open some.
        let isOneWay = filter == 2
        try lab.script(
            """
            for p in iptables ip6tables; do
                on gate $p -P FORWARD DROP
                for d in \(isOneWay ? "" : "upa+ nb-+"); do
                    on gate $p -A FORWARD -i $d -m conntrack --ctdir ORIGINAL -j ACCEPT
                    on gate $p -A FORWARD -o $d -m conntrack --ctdir REPLY -j ACCEPT
                done
            done
            for h in gate n1 n2; do on $h sysctl -qw net.ipv4.conf.all.rp_filter=\(filter); done
            for n in n1 n2; do
                ip -n $P$n route add \(isMapped ? "10.250.0.0/18" : "172.16.0.0/18") via 192.168.10.1
                ip -n $P$n -6 route add \(isMapped ? "fd00:250::/64" : "fd00:16::/64") via fd00:10::1
            done
            """)
        let map = isMapped ? "    map: { 172.16.0.0/18: 10.250.0.0/18, \"fd00:16::/64\": \"fd00:250::/64\" }" : ""
        let file = try lab.file(
            "six.yaml", EqualClusters.configuration(EqualClusters.officePaths(source: source), officeMap: map))
        let (four, six) = isMapped ? ("10.250.0.100", "fd00:250::100") : ("172.16.0.100", "fd00:16::100")
        let passages = [
            Passage("pc", "10.201.1.7", from: four), Passage("pc", "10.202.1.7", from: four),
            Passage("pc", "fd00:201:1::7", from: six), Passage("pc", "fd00:202:1::7", from: six),
            Passage("pc", "10.32.0.10", port: 80, from: four), Passage("pc", "fd00:961::a", port: 80, from: six),
            Passage("gate", "10.201.1.7", from: "192.168.10.1"), Passage("gate", "fd00:202:1::7", from: "fd00:10::1"),
        ]
        try lab.expectRepair(by: file, on: ["gate"], of: passages) {
            if !isOneWay { try Self.expectWayBack(lab, four, six) }
            try Self.expectRoute(lab)
            try lab.script("on gate nft delete chain inet namebridge clamp")
            for cable in ["gate upa1 n1 eth0", "gate eth0 pc eth0"] {
                let set = "cable() { ip -n $P$1 link set $2 mtu $5; ip -n $P$3 link set $4 mtu $5; }; cable \(cable)"
                try lab.script("\(set) 1300")
                for (address, client) in [("10.201.1.7", four), ("fd00:201:1::7", six)] {
                    #expect(lab.transfer(from: "pc", to: "p1", at: address) == 50_000_000, "\(address): \(cable)")
                    guard !isOneWay else { continue }
                    #expect(lab.transfer(from: "p1", to: "pc", at: client) == 50_000_000, "\(client): \(cable)")
                }
                try lab.script("\(set) 1500")
            }
            #expect(try lab.net("gate", "apply --config \(file)").code == 0)
        }
    }

    /// A pod that asks the office shows its outer address.
    private static func expectWayBack(_ lab: Lab, _ four: String, _ six: String) throws {
        let answers = try lab.probe([Probe(host: "p2", address: four), Probe(host: "p1", address: six)])
        #expect(answers[0].outcome.isWhole(from: ["10.202.1.7"]), "\(answers[0])")
        #expect(answers[1].outcome.isWhole(from: ["fd00:201:1::7"]), "\(answers[1])")
    }

    /// Each hop answers, and those behind the translation show as the target.
    private static func expectRoute(_ lab: Lab) throws {
        for address in ["10.201.1.7", "fd00:201:1::7"] {
            var hops: [String] = []
            for limit in 1...8 {
                // The number of errors in a time is limited, and neighbours may have to be asked for first.
                let lines = try lab.on("pc", "ping -n -c 5 -i 0.3 -W 2 -t \(limit) \(address)").output.split(separator: "\n")
                let line = lines.first { $0.contains("exceeded") || $0.contains("bytes from") } ?? ""
                let words = line.split(separator: " ").map { $0.trimmingCharacters(in: [":", ","]) }
                hops.append(words.first { $0.contains(".") && !$0.contains("=") || $0.contains(":") && $0.count > 4 } ?? "-")
                if line.contains("bytes from") { break }
            }
            #expect(!hops.contains("-") && hops.last == address, "\(address): \(hops)")
        }
    }
}
