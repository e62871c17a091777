import Diagnosis
import DomainNames
import Forwarding
import IPAddressing
import LinuxSystem

/// Examines a client: its files, its resolvers, and the forwarder for comparison.
struct ClientInspection {
    /// The cluster's suffix.
    let suffix: DomainName
    /// The name whose address is compared.
    let name: DomainName
    /// The address of Namebridge; nil if it was not given.
    let forwarder: Endpoint?

    /// Asked instead of those in resolv.conf, if there are any.
    let resolvers: [Endpoint]

    /// The folder used as `/`.
    let root: String

    /// Told how far the questions of a round are.
    var progress: Interrogation.Progress = { _, _ in }

    /// The questions whose answers are compared.
    private static let dataProbes: [Probe] = [.zone, .version, .address, .addressV6]
    /// The questions with CD, and the one for the software.
    private static let uncheckedProbes: [Probe] = [.zoneUnchecked, .addressUnchecked, .software]

    /// Asked later: a resolver that still fetches keys would delay these answers too.
    private static let wayProbes: [Probe] = [
        .zonePlain, .zoneOverTCP, .zonePadded, .addressOverTCP, .addressLarge, .reverse,
    ]

    /// Asks all questions: two rounds of three seconds at most.
    func run() -> ClientObservation {
        var client = ClientObservation(suffix: suffix, name: name)
        if resolvers.isEmpty { readFiles(into: &client) }
        let owners = SocketOwners()
        let servers = resolvers.isEmpty ? Self.used(client.resolverFile) : resolvers
        client.resolvers = servers.map { ServerObservation(server: $0, process: owners.process(at: $0)) }
        client.forwarder = forwarder.map { ServerObservation(server: $0) }
        ask(Self.dataProbes, Self.uncheckedProbes, client: &client)
        ask(Self.wayProbes, [], client: &client)
        if resolvers.isEmpty, root == "/" { client.libraryAddresses = libraryAddresses() }
        return client
    }

    /// Asks `probes` of all servers, and `others` only of the resolvers.
    private func ask(_ probes: [Probe], _ others: [Probe], client: inout ClientObservation) {
        let address = client.forwarder?.addresses.first
        let writer = ProbeQuestions(suffix: suffix, name: name, address: address)
        var random = SystemRandomNumberGenerator()
        var questions: [Interrogation.Question] = []
        for resolver in client.resolvers where resolver.server != forwarder {
            let asked = (probes + others).filter { $0 != .zonePadded || resolver.software.takesLongQuestions }
            questions += writer.questions(asked, to: resolver.server, random: &random)
        }
        if let forwarder { questions += writer.questions(probes, to: forwarder, random: &random) }
        let outcomes = Interrogation.ask(questions, progress: progress)
        for index in client.resolvers.indices {
            let found = outcomes[client.resolvers[index].server] ?? [:]
            client.resolvers[index].outcomes.merge(found) { $1 }
        }
        if let forwarder { client.forwarder?.outcomes.merge(outcomes[forwarder] ?? [:]) { $1 } }
    }

    // MARK: - The host's own files

    /// Reads resolv.conf, nsswitch.conf and systemd-resolved's domains.
    private func readFiles(into client: inout ClientObservation) {
        client.hasOwnFiles = true
        let root = root.hasSuffix("/") ? String(root.dropLast()) : root
        client.resolverFile = TextFile.read(root + "/etc/resolv.conf").map { ResolverFile(reading: $0) }
        client.nameServices = TextFile.read(root + "/etc/nsswitch.conf").map {
            NameServiceSwitch(reading: $0)
        }
        guard root.isEmpty, let path = ChildProcess.path(of: "resolvectl"),
            client.resolverFile?.servers.contains(where: { $0.address.bits == 0x7F00_0035 }) == true
        else { return }
        client.resolvedDomains = Self.output(path, ["domain"]).map {
            ResolvedDomains(reading: $0, servers: Self.output(path, ["dns"]) ?? "")
        }
    }

    /// The resolvers that the C library uses.
    private static func used(_ file: ResolverFile?) -> [Endpoint] {
        var servers: [Endpoint] = []
        for server in file?.servers ?? [] where !servers.contains(server) { servers.append(server) }
        return servers
    }

    /// The addresses that getent(1), and with it every program, finds for the name; nil if there are none.
    private func libraryAddresses() -> [IPAddress]? {
        guard let path = ChildProcess.path(of: "getent"),
            let text = Self.output(path, ["ahostsv4", "\(name)"])
        else { return nil }
        let addresses = text.split(separator: "\n").compactMap { line in
            line.split(separator: " ").first.flatMap { IPAddress($0) }
        }
        return Set(addresses).sorted()
    }

    /// The output of a program within five seconds, with any exit code; nil if it cannot be run.
    private static func output(_ path: String, _ arguments: [String]) -> String? {
        do throws(Errno) {
            let result = try ChildProcess.run(path, arguments, timeout: 5_000, outputLimit: 1 << 20)
            guard case .exit = result.ending else { return nil }
            return String(decoding: result.output, as: UTF8.self)
        } catch {
            return nil
        }
    }
}
