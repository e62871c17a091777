import ClusterDiscovery
import IPAddressing
import Inventory

/// The questions of `namebridge init`, each with an answer that Enter gives.
struct InitInterview {
    /// Asks a question with the answer for an empty line; nil once the person has gone.
    let ask: (_ question: String, _ usual: String) -> String?
    /// Says something before the next question.
    let say: (String) -> Void
    /// Whether a forwarder of this host is known to answer there.
    var isOwnResolver: (Endpoint) -> Bool = { _ in false }

    /// Questions about one thing before its usual answer is taken.
    private static let tries = 5

    /// Asks what the clusters that were found are called; those answered with "-" are left out.
    func nameClusters(in draft: inout ConfigurationDraft) {
        var named: [DraftCluster] = []
        for var cluster in draft.clusters {
            say(
                "\nFound: \(cluster.suffix ?? cluster.domain) is asked of "
                    + cluster.dns.map(\.shortText).joined(separator: ", ")
                    + " (\(cluster.sources.joined(separator: ", ")))")
            let taken = Set(named.map(\.key) + draft.findings.map(\.key))
            guard let key = key(usual: ClusterKey.free(cluster.key, besides: taken), besides: taken) else {
                continue
            }
            cluster.key = key
            named.append(cluster)
        }
        draft.clusters = named
    }

    /// A cluster's key; nil if it is to be left out.
    private func key(usual: String, besides taken: Set<String>) -> String? {
        checked("What do you call this cluster? (\"-\" leaves it out)", usual) { answer in
            if answer == "-" { return .success(nil) }
            if taken.contains(answer) { return .failure(.init(reason: "another cluster is called that")) }
            guard ClusterKey.isValid(answer) else {
                let near = ClusterKey.label(of: answer)
                return .failure(.init(reason: "a key has lower-case letters, digits and hyphens: \(near)"))
            }
            return .success(answer)
        } ?? usual
    }

    /// The contexts to ask, out of `known`.
    func contexts(_ known: [String], usual: String) -> [String] {
        say("\nThe kubeconfig has the contexts " + known.map(plainText).joined(separator: ", ") + ".")
        let question = "Which of them to ask for prefixes and nodes? (names, \"all\", or \"-\" for none)"
        return checked(question, usual) { answer in
            if answer == "-" { return .success([]) }
            if answer == "all" { return .success(known) }
            let names = Self.words(answer)
            if let strange = names.first(where: { !known.contains($0) }) {
                return .failure(.init(reason: "there is no context \(quoted(strange))"))
            }
            return .success(names)
        } ?? []
    }

    /// A cluster that nothing was found of; nil if no address was given.
    func cluster() -> DraftCluster? {
        say("\nNo cluster was found here. Its DNS server: kubectl get service -n kube-system kube-dns")
        let question = "The addresses of the cluster's DNS servers"
        let servers = endpoints(question, usual: "-", isOfCluster: true) ?? []
        if servers.isEmpty { return nil }
        guard let key = key(usual: "prod", besides: []) else { return nil }
        return DraftCluster(key: key, dns: servers, source: "your answer to \"namebridge init\"")
    }

    /// Who answers plain names.
    func bareDomain(of keys: [String]) -> [String] {
        say("")
        return checked(
            "Which clusters answer plain names such as web.shop.svc.cluster.local, in this order?",
            keys.joined(separator: ", ")
        ) { answer in
            if answer == "-" { return .success([]) }
            let names = Self.words(answer)
            if let strange = names.first(where: { !keys.contains($0) }) {
                return .failure(
                    .init(reason: "there is no such cluster: \(quoted(strange)); there are: \(keys)"))
            }
            return .success(names)
        } ?? keys
    }

    /// Addresses with or without a port; nil for the usual answer, empty for "-".
    ///
    /// - Parameter isOfCluster: True if they are not to be this host's own resolver.
    func endpoints(_ question: String, usual: String, isOfCluster: Bool = false) -> [Endpoint]? {
        checked(question, usual) { answer in
            if answer == usual { return .success(nil) }
            if answer == "-" { return .success([]) }
            var servers: [Endpoint] = []
            for word in Self.words(answer) {
                guard let server = Endpoint(word, defaultPort: 53) else {
                    return .failure(
                        .init(
                            reason: Endpoint.hasWrongPort(word)
                                ? "\(quoted(word)): a port is 1 to 65535"
                                : "\(quoted(word)) is no address, such as 10.96.0.10"))
                }
                if isOfCluster, isOwnResolver(server) {
                    return .failure(.init(reason: Self.ownResolver(server)))
                }
                servers.append(server)
            }
            return .success(servers)
        } ?? nil
    }

    /// Why such a server is none of a cluster.
    static func ownResolver(_ server: Endpoint) -> String {
        "\(server.shortText) is this host itself: its questions would come back here; the cluster's own DNS"
            + " server is meant (kubectl get service -n kube-system kube-dns)"
    }

    /// What is wrong with an answer.
    private struct Objection: Error {
        /// For the person.
        let reason: String
    }

    /// Asks until an answer can be used; nil if none could, or the person has gone.
    private func checked<Value>(
        _ question: String, _ usual: String, _ read: (String) -> Result<Value, Objection>
    ) -> Value? {
        for _ in 0..<Self.tries {
            guard let line = ask(question, usual) else { return nil }
            let answer = line.isEmpty ? usual : line
            switch read(answer) {
            case .success(let value): return value
            case .failure(let objection): say("  \(objection.reason)")
            }
        }
        return nil
    }

    /// The words of a list with commas or spaces.
    private static func words(_ text: String) -> [String] {
        text.split { $0 == "," || $0 == " " }.map(String.init)
    }
}
