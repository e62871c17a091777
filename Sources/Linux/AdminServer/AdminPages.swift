package import HTTP
import JSON
import LinuxSystem

/// The pages served over HTTP, by path.
package struct AdminPages: Sendable {
    /// Answers the pages' questions.
    private let control: ServerControl

    package init(_ control: ServerControl) {
        self.control = control
    }

    /// The response for `path`; nil if there is no such page.
    package func respond(_ path: String) -> HTTPResponse? {
        switch path {
        case "/": page
        case "/metrics": HTTPResponse(.ok, .metrics, control.metrics)
        case "/health": HTTPResponse(.ok, .text, "ok\n")
        case "/ready": ready
        case "/status.json": HTTPResponse(.ok, .json, control.status.json.text() + "\n")
        default: nil
        }
    }

    /// The status page.
    private var page: HTTPResponse {
        let random = KernelRandom()
        let nonce = String(random.next(), radix: 16) + String(random.next(), radix: 16)
        return HTTPResponse(.ok, .page, StatusPage(control.status).document(nonce: nonce), nonce: nonce)
    }

    /// Ready: at least one name server answers, so questions can be asked.
    private var ready: HTTPResponse {
        let groups = control.status.groups
        if groups.contains(where: { $0.servers.contains { !$0.isDown } }) {
            return HTTPResponse(.ok, .text, "ready\n")
        }
        let reasons = groups.flatMap { group in
            group.servers.map {
                "\(group.name): \($0.address) is \($0.state) (\($0.lastError ?? "no reason known"))\n"
            }
        }
        let text = reasons.isEmpty ? "no name server is configured\n" : reasons.joined()
        return HTTPResponse(.unavailable, .text, "no cluster can be asked\n" + text)
    }
}
