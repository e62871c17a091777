import Diagnosis
import IPAddressing
import Inventory
import LinuxSystem
import NetworkPlanning

/// Where the server is to listen: the usual addresses, or those whose port no other server of this host has.
struct ListenChoice: Equatable {
    /// The addresses; empty: the usual ones.
    var addresses: [Endpoint] = []
    /// Why they are not the usual ones, for people; nil if they are.
    var reason: String?
    /// How "net render" calls the other server, if that server is to send the clusters' names here.
    var format: RenderFormat?

    /// The first port to take if port 53 is taken at each address.
    private static let otherPorts: ClosedRange<UInt16> = 5300...5309

    /// The usual addresses.
    init() {}

    /// - Parameters:
    ///   - own: The addresses of this host without loopback ones.
    ///   - holders: The other processes whose sockets keep the server from listening at an address.
    init(own: [IPAddress], holders: (Endpoint) -> [ForwarderObservation.Holder]) {
        let usual = DNSSettings.defaultListen
        let others = usual.flatMap(holders)
        guard let port = usual.first?.port, let other = others.first else { return }
        let loopbacks = [IPAddress(v4: 0x7F00_0001), IPAddress(v6: 1)]
        addresses = usual.flatMap { endpoint in
            if holders(endpoint).isEmpty { return [endpoint] }
            return (own + loopbacks).filter { $0.family == endpoint.address.family }
                .map { Endpoint(address: $0, port: port) }.filter { holders($0).isEmpty }
        }
        let taken = others.reduce(into: [String]()) { words, holder in
            let text = "\(holder.name ?? holder.words) at \(holder.endpoint)"
            if !words.contains(text) { words.append(text) }
        }
        let fact = "Port \(port) is taken by \(taken.joined(separator: " and "))"
        // A stub serves this host alone; what others can ask is the resolver that clients have.
        let isStub = others.allSatisfy { $0.endpoint.address.isLoopback }
        if isStub, addresses.contains(where: { !$0.address.isLoopback }) {
            reason = "\(fact): these addresses of this host are free. Leave out those where no client asks."
            return
        }
        let free = Self.otherPorts.map { Endpoint(address: loopbacks[0], port: $0) }
            .first { holders($0).isEmpty }
        addresses = [free ?? Endpoint(address: loopbacks[0], port: Self.otherPorts.lowerBound)]
        reason = "\(fact), and is to send the names of clusters here."
        format = Self.formats.first { other.name?.hasPrefix($0.key) == true }?.value
    }

    /// This host's choice.
    static func ofThisHost() -> ListenChoice {
        let owners = SocketOwners()
        return ListenChoice(own: HostAddresses.all()) { endpoint in
            [false, true].flatMap { owners.holders(at: endpoint, isStream: $0) }.filter { !$0.isOurs }
        }
    }

    /// How "net render" calls the servers whose processes have names with these beginnings.
    private static let formats: [String: RenderFormat] = [
        "dnsmasq": .dnsmasq, "unbound": .unbound, "named": .bind, "kresd": .knot, "pdns_recursor": .pdns,
        "coredns": .coredns, "systemd-resolve": .resolved,
    ]
}
