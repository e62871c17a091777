import Diagnosis
import IPAddressing
import LinuxSystem
import NetworkPlanning
import Testing

@testable import namebridge

/// The addresses that `init` writes where another server has port 53.
@Suite struct ListenChoiceTests {
    /// A host whose sockets are these, each as the name of its process and its address.
    private func choice(_ sockets: [(String, String)]) throws -> ListenChoice {
        let holders = try sockets.map { name, text in
            let endpoint = try #require(Endpoint(text, defaultPort: 53))
            return ForwarderObservation.Holder(endpoint: endpoint, process: 7, name: name)
        }
        let own = try ["192.0.2.5", "192.0.2.6", "2001:db8::5"].map { try #require(IPAddress($0)) }
        return ListenChoice(own: own) { wanted in
            var table = SocketTable()
            table.sockets = holders.enumerated().map {
                ListeningSocket(endpoint: $1.endpoint, isStream: false, inode: $0)
            }
            return table.sockets(at: wanted, isStream: false).map { holders[$0.inode] }
        }
    }

    @Test func `nothing is said of a host without another server`() throws {
        #expect(try choice([]) == ListenChoice())
        #expect(try choice([("sshd", "0.0.0.0:22")]) == ListenChoice())
    }

    @Test func `beside the stub of systemd-resolved it listens at the other addresses`() throws {
        let choice = try choice([("systemd-resolve", "127.0.0.53:53"), ("systemd-resolve", "127.0.0.54:53")])
        #expect(choice.addresses.map(\.description) == ["192.0.2.5:53", "192.0.2.6:53", "127.0.0.1:53", "[::]:53"])
        #expect(
            choice.reason?.hasPrefix("Port 53 is taken by systemd-resolve at 127.0.0.53:53 and systemd-resolve at 127.0.0.54")
                == true)
        #expect(choice.format == nil)
    }

    @Test func `behind a server that others can ask it takes another port, though an address is free`() throws {
        let choice = try choice([("named", "192.0.2.5:53"), ("named", "127.0.0.1:53"), ("named", "[::1]:53")])
        #expect(choice.addresses.map(\.description) == ["127.0.0.1:5300"] && choice.format == .bind)
    }

    @Test func `behind a server that has every address it takes another port`() throws {
        let dnsmasq = [("dnsmasq", "0.0.0.0:53"), ("dnsmasq", "[::]:53")]
        var choice = try choice(dnsmasq)
        #expect(choice.addresses.map(\.description) == ["127.0.0.1:5300"] && choice.format == .dnsmasq)
        #expect(choice.reason?.hasSuffix("and is to send the names of clusters here.") == true)
        choice = try self.choice(dnsmasq + [("x", "127.0.0.1:5300")])
        #expect(choice.addresses.map(\.description) == ["127.0.0.1:5301"])
    }

    @Test func `a socket of this process is seen in proc`() throws {
        let endpoint = try #require(Endpoint("127.0.0.1:0", defaultPort: 0))
        let socket = try DatagramSocket.listen(on: endpoint, sharesPort: false, reportsLocalAddress: false)
        let bound = try socket.localEndpoint()
        let holders = SocketOwners().holders(at: bound, isStream: false)
        #expect(holders.map(\.endpoint) == [bound] && holders.first?.process == Int(ThisProcess.identifier))
    }
}
