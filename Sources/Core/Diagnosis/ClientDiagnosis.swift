import DomainNames
import IPAddressing

/// Evaluates the observation of a client.
package struct ClientDiagnosis: Sendable {
    /// The observation.
    private let client: ClientObservation

    /// Creates client diagnosis.
    package init(_ client: ClientObservation) { self.client = client }

    /// The client's own files first, then the forwarder, then each resolver, last the result for programs.
    package var findings: [Finding] {
        var findings: [Finding] = []
        if let file = client.resolverFile {
            findings += [resolverList(file), searchList(file)]
        } else if client.hasOwnFiles {
            findings.append(noResolverFile)
        }
        if let services = client.nameServices { findings.append(multicast(services)) }
        if let domains = client.resolvedDomains { findings.append(routing(domains)) }
        if let forwarder = client.forwarder {
            let subject = "Namebridge \(forwarder.server)"
            findings += ServerDiagnosis(seen: forwarder, subject: subject).findings
            if forwarder.isAlive { findings.append(served(forwarder, subject)) }
        }
        for resolver in client.resolvers {
            let subject = "resolver \(resolver.server)" + Self.kind(resolver.software)
            if resolver.server != client.forwarder?.server {
                findings += ServerDiagnosis(seen: resolver, subject: subject).findings
            }
            findings += ResolverDiagnosis(seen: resolver, client: client, subject: subject).findings
        }
        if let programs { findings.append(programs) }
        return findings
    }

    /// The kind of a resolver in parentheses; empty if unknown.
    private static func kind(_ software: ResolverSoftware) -> String {
        software == .unknown ? "" : " (\(software.rawValue))"
    }

    // MARK: - The client's files

    /// The file with the list of resolvers.
    private static let file = "/etc/resolv.conf"

    /// The finding if the file can't be read.
    private var noResolverFile: Finding {
        Finding(
            .problem, Self.file, .resolverList, "cannot be read",
            "The C library asks 127.0.0.1 then, where often no server listens. --resolver names a resolver to"
                + " look at, --root another place of the file.")
    }

    /// The finding about the list of resolvers.
    private func resolverList(_ file: ResolverFile) -> Finding {
        guard !file.servers.isEmpty else {
            return Finding(
                .problem, Self.file, .resolverList, "names no server",
                "The C library asks 127.0.0.1 then, where often no server listens.")
        }
        let list = file.servers.map { "\($0.address)" }.joined(separator: ", ")
        if file.servers.count > ResolverFile.usedServers {
            return Finding(
                .warning, Self.file, .resolverList, "names \(file.servers.count) servers: \(list)",
                "The C library asks only the first three.")
        }
        if file.servers.count > 1, let odd = oddResolvers() { return odd }
        return Finding(.ok, Self.file, .resolverList, "asks \(list)")
    }

    /// All resolvers of one list must know the suffix: the next one is asked only if one does not answer, not
    /// if it denies the name.
    private func oddResolvers() -> Finding? {
        let expected = client.forwarder?.addresses ?? []
        guard !expected.isEmpty else { return nil }
        let good = client.resolvers.filter { $0.addresses == expected }
        let bad = client.resolvers.filter { $0.isAlive && $0.addresses != expected }
        guard !good.isEmpty, !bad.isEmpty else { return nil }
        return Finding(
            .warning, Self.file, .resolverList,
            "\(bad.map { "\($0.server.address)" }.joined(separator: ", ")) does not know"
                + " \(client.suffixText),"
                + " \(good.map { "\($0.server.address)" }.joined(separator: ", ")) does",
            "A client asks the first server that answers and accepts its denial, so names are found only"
                + " some of the time. All servers of the list must know the suffix.")
    }

    /// The finding about the search list and `ndots`.
    private func searchList(_ file: ResolverFile) -> Finding {
        let list = file.search.isEmpty ? "no search list" : "search \(file.search.joined(separator: " "))"
        let dots = client.nameText.split(separator: ".").count - 1
        if !file.search.isEmpty, file.dots > dots {
            return Finding(
                .warning, Self.file, .searchList, "\(list), ndots \(file.dots)",
                "\(client.nameText) has \(dots) dots: it is asked below each domain of the search list before"
                    + " it is asked as it is, \(file.search.count) needless questions for each. Write names"
                    + " with a dot at the end, or lower ndots.",
                remedies: [Remedy("C library", Self.file, ["options ndots:1"])])
        }
        if file.timeout < 2 {
            return Finding(
                .warning, Self.file, .searchList, "gives servers \(file.timeout) s to answer",
                "While a cluster's server is dead, Namebridge may take longer to ask the others.",
                remedies: [Remedy("C library", Self.file, ["options timeout:5"])])
        }
        return Finding(.ok, Self.file, .searchList, "\(list), ndots \(file.dots)")
    }

    /// The finding about multicast DNS in nsswitch.conf.
    private func multicast(_ services: NameServiceSwitch) -> Finding {
        let file = "/etc/nsswitch.conf"
        let line = "hosts: \(services.words.joined(separator: " "))"
        guard client.isLocal, let service = services.multicastBeforeDNS else {
            return Finding(.ok, file, .multicast, line)
        }
        let expected = client.forwarder?.addresses ?? client.resolvers.first?.addresses ?? []
        if let found = client.libraryAddresses, !found.isEmpty, found == expected {
            return Finding(
                .ok, file, .multicast, "\(line): multicast DNS comes first, but leaves the name to DNS")
        }
        let isConfirmed = client.libraryAddresses?.isEmpty == true && !expected.isEmpty
        return Finding(
            isConfirmed ? .problem : .warning, file, .multicast,
            "\(service) comes before dns and ends the search for names below .local",
            "Programs may ask the local network by multicast instead of the DNS, wait, and give up. Newer"
                + " versions leave names of more than two labels to DNS, unless /etc/mdns.allow says"
                + " otherwise.",
            remedies: [Remedy("C library", file, [services.mended])])
    }

    /// The finding about systemd-resolved's routing domains.
    private func routing(_ domains: ResolvedDomains) -> Finding {
        let subject = "systemd-resolved"
        if let match = domains.match(client.suffix) {
            let text = match.isEmpty ? "." : match
            let asked = domains.servers(for: client.suffix)
            guard let forwarder = client.forwarder?.server, asked.contains(forwarder), asked.count > 1 else {
                return Finding(.ok, subject, .searchList, "sends names below \(text) on")
            }
            let others = asked.subtracting([forwarder]).map { "\($0.address)" }.sorted()
            return Finding(
                .warning, subject, .searchList,
                "sends names below \(text) to \(others.joined(separator: ", ")) as well",
                "A routing domain holds for all servers beside it, and whichever answered last is asked: the"
                    + " others must know the suffix, too, or belong to a link instead of the whole host.",
                remedies: [
                    Remedy(
                        "systemd-resolved",
                        "the link's file in /etc/systemd/network (and no longer in resolved.conf)",
                        ["[Network]"] + others.map { "DNS=\($0)" },
                        then: "networkctl reload && systemctl restart systemd-resolved")
                ])
        }
        return Finding(
            .warning, subject, .searchList, "has no routing domain for \(client.suffixText)",
            "It asks its default servers, or multicast DNS for names below .local.",
            remedies: Remedies(suffix: client.suffix, forwarder: client.forwarder?.server)
                .forwarding(.resolved))
    }

    // MARK: - Namebridge and programs

    /// Whether the forwarder knows the suffix and the name.
    private func served(_ forwarder: ServerObservation, _ subject: String) -> Finding {
        let addresses = forwarder.addresses
        if !addresses.isEmpty {
            return Finding(
                .ok, subject, .forwarded, "\(client.nameText) is \(ResolverDiagnosis.list(addresses))")
        }
        let answer = forwarder[.address] ?? forwarder[.addressOverTCP] ?? forwarder[.zone]
        let said = answer?.words ?? "nothing"
        switch answer?.rcode {
        case ProbeAnswer.refused:
            return refused(subject, answer?.extendedError?.code, said: said)
        case ProbeAnswer.serverFailure:
            return Finding(
                .problem, subject, .forwarded, "gets no answer from the cluster: \(said)",
                "Run \"namebridge doctor\" on \(forwarder.server.address): it asks the cluster's servers.")
        case ProbeAnswer.nameError, 0:
            let isKnown = forwarder[.version]?.texts.isEmpty == false || forwarder[.zone]?.isFine == true
            return Finding(
                isKnown ? .warning : .problem, subject, .forwarded,
                "\(client.nameText) does not exist: \(said)",
                isKnown
                    ? "The suffix is known. Name something that exists to have addresses compared."
                    : "No cluster of its configuration answers for \(client.suffixText).")
        default:
            return Finding(.problem, subject, .forwarded, "\(client.nameText): \(said)")
        }
    }

    /// - Parameter code: The INFO-CODE of the refusal; nil for none.
    private func refused(_ subject: String, _ code: Int?, said: String) -> Finding {
        let file = "/etc/namebridge/namebridge.yaml"
        let clients = Remedy(
            "Namebridge", file, ["dns:", "  clients: [...]  # with this host's network"],
            then: "namebridge reload")
        let names = Remedy(
            "Namebridge", file, ["clusters:", "  ...:", "    names: [\(client.suffixText)]"],
            then: "namebridge reload")
        let summary = "refuses \(client.suffixText): \(said)"
        switch code {
        case 18:  // Prohibited
            return Finding(
                .problem, subject, .forwarded, summary,
                "This host's address is not among those that may ask.",
                remedies: [clients])
        case 20:  // Not Authoritative
            return Finding(
                .problem, subject, .forwarded, summary,
                "No cluster of its configuration has this suffix: is it spelled as in \"names\"?",
                remedies: [names])
        default:
            return Finding(
                .problem, subject, .forwarded, summary,
                "This host's address is not among those that may ask, or no cluster has the suffix.",
                remedies: [clients, names])
        }
    }

    /// The result for programs that use the C library.
    private var programs: Finding? {
        guard let found = client.libraryAddresses else { return nil }
        let expected = client.forwarder?.addresses ?? client.resolvers.first?.addresses ?? []
        let subject = "programs on this host"
        if !found.isEmpty, expected.isEmpty || found == expected {
            return Finding(
                .ok, subject, .programs, "get \(ResolverDiagnosis.list(found)) for \(client.nameText)")
        }
        guard !expected.isEmpty else { return nil }
        return Finding(
            .problem, subject, .programs,
            "get \(found.isEmpty ? "nothing" : ResolverDiagnosis.list(found)) for \(client.nameText)",
            "The DNS has \(ResolverDiagnosis.list(expected)), but the C library does not find it: /etc/hosts,"
                + " nsswitch.conf, a cache (nscd), or a resolver from above.")
    }
}
