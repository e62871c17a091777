import ClusterDiscovery
import DomainNames
import IPAddressing
import Testing

/// What configurations of other resolvers say of clusters.
@Suite struct ForwardingRuleTests {
    /// Rules as `SUFFIX -> SERVERS [of ZONE] (LINES)`.
    private func rules(_ text: String) -> [String] {
        ForwardingRules(reading: text, name: "f").rules.map { rule in
            let zone = rule.zone.map { " of \($0)" } ?? ""
            let servers = rule.servers.map(\.shortText).joined(separator: " ")
            return "\(rule.suffix) -> \(servers)\(zone) (\(rule.sources.joined(separator: " ")))"
        }
    }

    @Test(arguments: [
        ("server=/cluster.local/172.17.16.10", ["cluster.local -> 172.17.16.10 (f:1)"], "the line of the recipes"),
        (
            "server=/a.example/b.example/10.0.0.1#5353",
            ["a.example -> 10.0.0.1:5353 (f:1)", "b.example -> 10.0.0.1:5353 (f:1)"], "many"
        ),
        (
            "server=/cluster.local/10.0.0.1\nserver=/cluster.local/10.0.0.2", ["cluster.local -> 10.0.0.1 10.0.0.2 (f:1 f:2)"],
            "two servers"
        ),
        ("  server = /cluster.local/10.0.0.1@eth0  # old", ["cluster.local -> 10.0.0.1 (f:1)"], "spaces, source and comment"),
        ("server=/*.cluster.local/fd00::10#53@eth0", ["cluster.local -> fd00::10 (f:1)"], "a wildcard, IPv6"),
        ("server=/.k8s.example.com/10.0.0.1", ["k8s.example.com -> 10.0.0.1 (f:1)"], "a leading dot"),
        ("rev-server=10.96.0.0/16,172.17.16.10", ["96.10.in-addr.arpa -> 172.17.16.10 (f:1)"], "reverse names"),
        ("server=8.8.8.8\nserver=/lan/\nlocal=/home/\nserver=/x.example/#\nno-resolv", [], "nothing of a suffix and an address"),
        ("# server=/cluster.local/10.0.0.1\n;x\n\nserver=/#/10.0.0.1", [], "comments, and every name"),
    ])
    func `dnsmasq's lines`(text: String, expected: [String], reason: String) {
        #expect(rules(text) == expected, "\(reason)")
    }

    @Test(arguments: [
        ("server=/cluster.local/not-an-address", "f:1: server=/cluster.local/not-an-address: no address of a server"),
        ("rev-server=10.0.0.1", "f:1: rev-server=10.0.0.1: no prefix and address of a server"),
        ("staging.local {\n  forward . /etc/resolv.conf\n}", "f:2: staging.local is forwarded to no address: . /etc/resolv.conf"),
    ])
    func `lines that cannot be used are told`(text: String, remark: String) {
        #expect(ForwardingRules(reading: text, name: "f").unusable == [remark])
    }

    /// The Corefile of kubeadm with two stub domains, one of which rewrites names.
    @Test func `a Corefile's stub domains`() {
        let text = """
            .:53 {
                errors
                health { lameduck 5s }
                kubernetes cluster.local in-addr.arpa ip6.arpa {
                   pods insecure
                   fallthrough in-addr.arpa ip6.arpa
                }
                forward . /etc/resolv.conf {
                   max_concurrent 1000
                }
                forward consul.local 10.150.0.1
                cache 30
            }
            staging.local:53 staging.example:53 {
                errors
                rewrite stop name suffix .staging.local .cluster.local answer auto
                forward . 10.97.0.10 dns://10.97.0.11:5353 { prefer_udp }
            }
            10.97.0.0/16 { proxy . 10.97.0.10 }

            """
        #expect(
            rules(text) == [
                "consul.local -> 10.150.0.1 (f:11)",
                "staging.local -> 10.97.0.10 10.97.0.11:5353 of cluster.local (f:17)",
                "staging.example -> 10.97.0.10 10.97.0.11:5353 of cluster.local (f:17)",
            ])
    }

    @Test(arguments: [
        (
            "[Resolve]\nDNS=172.16.0.5 fd00::5%eth0#dns.example\nDomains=~cluster.local ~96.10.in-addr.arpa\n",
            ["cluster.local -> 172.16.0.5 fd00::5 (f:3)", "96.10.in-addr.arpa -> 172.16.0.5 fd00::5 (f:3)"],
            "the lines of the README"
        ),
        (
            "[Match]\nName=wg0\n[Network]\nDNS=10.0.0.1:5353\nDomains=~k8s.example.com\n",
            ["k8s.example.com -> 10.0.0.1:5353 (f:5)"], "a VPN's .network"
        ),
        ("[Resolve]\n#DNS=\nDomains=~cluster.local\n", [], "no server of its own"),
        ("[Resolve]\nDNS=10.0.0.1\nDomains=~.\n", [], "every name"),
        (
            "[Resolve]\nDNS=10.0.0.1\nDomains=~old.local\nDNS=\nDNS=10.0.0.2\nDomains=\nDomains=~new.local\n",
            ["new.local -> 10.0.0.2 (f:7)"], "taken back"
        ),
    ])
    func `systemd-resolved's files`(text: String, expected: [String], reason: String) {
        #expect(rules(text) == expected, "\(reason)")
    }

    @Test func `the same suffix with other servers in another file is another rule`() {
        let all = ForwardingRules([
            ForwardingRules(reading: "server=/cluster.local/10.0.0.1", name: "a"),
            ForwardingRules(reading: "server=/cluster.local/10.0.0.2", name: "b"),
            ForwardingRules(reading: "[Resolve]\nDNS=10.0.0.1\nDomains=~cluster.local", name: "c"),
        ])
        #expect(all.rules.map(\.sources) == [["a:1", "c:3"], ["b:1"]])
    }
}
