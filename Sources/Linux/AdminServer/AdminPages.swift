package import HTTP
import IPAddressing
import JSON
import LinuxSystem

/// The pages served over HTTP, by path.
package struct AdminPages: Sendable {
    /// Answers the pages' questions.
    private let control: ServerControl

    package init(_ control: ServerControl) {
        self.control = control
    }

    /// The response to a request; nil if there is no such page.
    package func respond(_ request: HTTPServer.PageRequest) -> HTTPResponse? {
        switch request.path {
        case "/": page(for: request.client)
        case "/metrics": HTTPResponse(.ok, .metrics, control.metrics(for: request.client))
        case "/health": HTTPResponse(.ok, .text, "ok\n")
        case "/ready": ready(for: request.client)
        case "/status.json": statusJSON(for: request.client)
        case "/names.json": names(request)
        default: nil
        }
    }

    /// The names that a client looks for.
    private func names(_ request: HTTPServer.PageRequest) -> HTTPResponse {
        guard let fields = QueryFields(request.query, known: ["find", "limit"]),
            let search = KnownNameSearch(find: fields["find"] ?? "", limit: fields["limit"])
        else {
            let words =
                "expected find=WORDS, at most \(KnownNameSearch.longestFind) octets, and limit=1...100"
            return HTTPResponse(.badRequest, .text, words + "\n")
        }
        return HTTPResponse(.ok, .json, control.names(search, for: request.client).text() + "\n")
    }

    /// The status as a client is shown it.
    private func statusJSON(for client: IPAddress) -> HTTPResponse {
        HTTPResponse(.ok, .json, control.status(for: client).json.text() + "\n")
    }

    /// The status page as a client is shown it.
    private func page(for client: IPAddress) -> HTTPResponse {
        let random = KernelRandom()
        let nonce = String(random.next(), radix: 16) + String(random.next(), radix: 16)
        return HTTPResponse(
            .ok, .page, StatusPage(control.status(for: client)).document(nonce: nonce), nonce: nonce)
    }

    /// Whether questions can be asked; the clusters and their servers are named to this host alone, and only
    /// if its view may ask all of them.
    private func ready(for client: IPAddress) -> HTTPResponse {
        let readiness = control.readiness
        let isWhole =
            readiness.isReady
            || HostAddresses.isLocal(client) && control.hiddenClusters(from: client).isEmpty
        let lines = isWhole ? readiness.lines : Array(readiness.lines.prefix(1))
        return HTTPResponse(
            readiness.isReady ? .ok : .unavailable, .text, lines.joined(separator: "\n") + "\n")
    }
}
