import HTTP
import IPAddressing
import LinuxSystem

/// Answers GET and HEAD.
struct HTTPService: ConnectionService {
    /// Decides who is served.
    let access: HTTPServer.Access
    /// Gives the responses.
    let respond: HTTPServer.Responder

    static let limits = ConnectionLimits(
        connections: 32, requestMilliseconds: 5_000, responseMilliseconds: 15_000,
        lateResponse: HTTPResponse(.tooSlow).octets(isHead: false), busyResponse: nil)

    func accept(from listener: borrowing FileDescriptor) throws(Errno) -> AcceptedClient? {
        guard let accepted = try StreamSocket.accept(from: listener) else { return nil }
        let isAllowed = access.clients.longestMatch(accepted.client.address) != nil
        let refusal = isAllowed ? nil : HTTPResponse(.notAllowed).octets(isHead: false)
        let address = accepted.client.address.unmapped
        return AcceptedClient(accepted.takeDescriptor(), address: address, refusal: refusal)
    }

    func read(_ octets: [UInt8], from client: IPAddress?, isEnd: Bool) -> RequestProgress {
        guard !isEnd else { return .nothing }
        do throws(HTTPProblem) {
            guard let end = HTTPRequest.endOfHead(in: octets) else {
                guard octets.count <= HTTPRequest.longestHead else { throw .headTooLong }
                return .incomplete
            }
            guard end <= HTTPRequest.longestHead else { throw .headTooLong }
            let request = try HTTPRequest(parsing: octets[..<end])
            return .response(answer(to: request, from: client).octets(isHead: request.isHead))
        } catch {
            return .response(HTTPResponse(error).octets(isHead: false))
        }
    }

    /// The response to a request.
    private func answer(to request: HTTPRequest, from client: IPAddress?) -> HTTPResponse {
        guard isOurs(request.host), let client else { return HTTPResponse(.strangeHost) }
        let page = HTTPServer.PageRequest(path: request.path, query: request.query, client: client)
        return respond(page) ?? HTTPResponse(.notFound)
    }

    /// True if `host` is an address, `localhost`, or a name of this machine.
    ///
    /// A browser that a foreign name has led here sends that name; it can't send an address instead.
    private func isOurs(_ host: String?) -> Bool {
        guard let host, host != "localhost", !access.hosts.contains(host) else { return true }
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        return IPAddress(bare) != nil
    }
}
