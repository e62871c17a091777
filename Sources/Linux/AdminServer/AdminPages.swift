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

    /// Whether questions can be asked.
    private var ready: HTTPResponse {
        let readiness = control.readiness
        return HTTPResponse(
            readiness.isReady ? .ok : .unavailable, .text, readiness.lines.joined(separator: "\n") + "\n")
    }
}
