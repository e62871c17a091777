import Diagnosis
import DomainNames
import IPAddressing
import Testing

/// What is read from a host's files.
@Suite struct FileTests {
    @Test func `resolv_conf is read as glibc reads it`() {
        let file = ResolverFile(
            reading: """
                # made by hand
                domain old.example
                search lan  corp.example
                nameserver 172.16.0.1
                nameserver\tfe80::1%eth0
                nameserver nonsense
                options ndots:5 edns0
                options timeout:1 ndots:2
                sortlist 10.0.0.0
                """)
        #expect(file.servers.map(\.description) == ["172.16.0.1:53", "[fe80::1]:53"])
        #expect(file.search == ["lan", "corp.example"], "the last line holds")
        #expect(file.dots == 2 && file.timeout == 1)
    }

    @Test(
        arguments: [
            ("hosts: files dns", nil, "nothing before DNS"),
            ("hosts: files mdns4_minimal [NOTFOUND=return] dns", "mdns4_minimal", "Debian's libnss-mdns"),
            ("hosts: files mdns_minimal [notfound=RETURN] resolve", "mdns_minimal", "in any case of letters"),
            ("hosts: files mdns4_minimal dns", nil, "without the action DNS is asked as well"),
            ("hosts: files mdns4 dns", "mdns4", "the whole service answers and denies"),
            ("hosts: files dns mdns4", nil, "behind DNS"),
            ("passwd: files", nil, "no such line"),
        ] as [(String, String?, String)])
    func `a multicast service before DNS is seen`(text: String, service: String?, reason: String) {
        #expect(NameServiceSwitch(reading: text + "\n").multicastBeforeDNS == service, "\(reason)")
    }

    @Test func `the mended line has multicast behind DNS`() {
        let services = NameServiceSwitch(reading: "hosts:\tfiles mdns4_minimal [NOTFOUND=return] dns myhostname\n")
        #expect(services.mended == "hosts: files dns myhostname mdns4_minimal")
        #expect(NameServiceSwitch(reading: services.mended).multicastBeforeDNS == nil)
    }

    @Test func `the longest routing domain of systemd-resolved is found`() throws {
        let domains = ResolvedDomains(reading: "Global: ~local\nLink 2 (eth0): lan ~prod.cluster.local\nLink 3 (wg0):\n")
        #expect(try domains.match(DomainName(parsing: "prod.cluster.local")) == "prod.cluster.local")
        #expect(try domains.match(DomainName(parsing: "staging.cluster.local")) == "local")
        #expect(try domains.match(DomainName(parsing: "example.net")) == nil)
        #expect(try ResolvedDomains(reading: "Global: ~.\n").match(DomainName(parsing: "example.net")) == ".")
    }

    @Test func `the servers that systemd-resolved asks for a suffix are those of its scope`() throws {
        let domains = ResolvedDomains(
            reading: "Global: ~prod.cluster.local\nLink 2 (eth0): lan\n",
            servers: "Global: 172.16.0.5 [fd00::5]:5353#dns.example\nLink 2 (eth0): 172.16.0.1%2\n")
        let asked = try domains.servers(for: DomainName(parsing: "prod.cluster.local")).map(\.description).sorted()
        #expect(asked == ["172.16.0.5:53", "[fd00::5]:5353"])
        #expect(try domains.servers(for: DomainName(parsing: "lan")).map(\.description) == ["172.16.0.1:53"])
        #expect(try domains.servers(for: DomainName(parsing: "example.net")).isEmpty)
    }

    private static let udp = """
          sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
          154: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 2301 2 0000000000000000 0
          155: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 2302 2 0000000000000000 0
          156: 0100007F:8001 0100007F:0035 01 00000000:00000000 00:00000000 00000000   101        0 2303 2 0000000000000000 0
        """
    private static let udp6 = """
          sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
          210: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2310 2 0 0
          211: B80D0120000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2311 2 0 0
        """

    @Test func `the kernel's list of sockets is read, with addresses in the host's order`() {
        var table = SocketTable()
        table.read(Self.udp, isStream: false)
        table.read(Self.udp6, isStream: false)
        #expect(
            table.sockets.map { "\($0.endpoint) \($0.inode)" } == [
                "127.0.0.53:53 2301", "0.0.0.0:5353 2302", "[::]:53 2310", "[2001:db8::1]:53 2311",
            ])
    }

    @Test(arguments: [
        ("127.0.0.53:53", [2301, 2310], "itself, and the IPv6 socket for all addresses"),
        ("0.0.0.0:53", [2301, 2310], "every socket of the port is in the way"),
        ("127.0.0.1:53", [2310], "another address of the host"),
        ("[2001:db8::1]:53", [2310, 2311], "of its family"),
        ("127.0.0.1:5353", [2302], "the socket for all addresses"),
    ])
    func `the sockets bound to an address are found`(text: String, inodes: [Int], reason: String) throws {
        var table = SocketTable()
        table.read(Self.udp, isStream: false)
        table.read(Self.udp6, isStream: false)
        let endpoint = try #require(Endpoint(text, defaultPort: 53))
        #expect(table.sockets(at: endpoint, isStream: false).map(\.inode) == inodes, "\(reason)")
        #expect(table.sockets(at: endpoint, isStream: true).isEmpty)
    }

    @Test(
        arguments: [
            ("172.16.0.1", "dnsmasq-2.90", nil, ResolverSoftware.dnsmasq),
            ("172.16.0.1", "unbound 1.17.1", nil, .unbound), ("172.16.0.1", "9.18.41-1~deb12u1-Debian", nil, .bind),
            ("172.16.0.1", "Knot Resolver 5.6.0", nil, .knotResolver), ("127.0.0.53", nil, nil, .resolved),
            ("127.0.0.1", nil, "named", .bind), ("127.0.0.1", "dnsmasq-2.90", "unbound", .unbound),
            ("172.16.0.1", "go away", nil, .unknown), ("172.16.0.1", nil, nil, .unknown),
        ] as [(String, String?, String?, ResolverSoftware)])
    func `software is known by its process, its address or what it says`(
        address: String, version: String?, process: String?, expected: ResolverSoftware
    ) throws {
        let server = try #require(Endpoint(address, defaultPort: 53))
        #expect(ResolverSoftware(server: server, version: version, process: process) == expected)
    }
}
