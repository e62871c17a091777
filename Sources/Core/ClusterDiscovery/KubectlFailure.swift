import Inventory

/// Why kubectl gave no answer, derived from its standard error.
package enum KubectlFailure: Error, Hashable, Sendable {
    /// The kubeconfig has no context of this name.
    case noContext
    /// There is no usable kubeconfig.
    case noConfiguration(String)
    /// The API server rejects the credentials: the login has expired, or they are wrong.
    case unauthorized
    /// The program that logs in (`users[].user.exec` of the kubeconfig) is missing or failed.
    case login(String)
    /// kubectl does not know the version of that program's interface (`apiVersion` of `users[].user.exec`).
    case loginVersion(String)
    /// The API server's certificate is not the one that the kubeconfig expects.
    case certificate(String)
    /// The API server can't be reached; the text is kubectl's.
    case unreachable(String)
    /// The API server did not answer in time.
    case timeout
    /// The server knows the user and refuses; `reason` names user, verb and resource.
    case forbidden(reason: String)
    /// The API server does not have the resource.
    case notFound
    /// The token for the next page of a list has expired (HTTP 410): the list must be read from the start.
    case expired
    /// The server has too many requests, and wants fewer (HTTP 429).
    case throttled
    /// The server found the request invalid, which is the purpose of a dry run.
    case invalid(String)
    /// Another failure, in kubectl's words.
    case other(String)
}

extension KubectlFailure {
    /// Recognises the failure by its words: kubectl's exit status is 1 for all of them.
    package init(errors text: String) {
        let lines = text.split(whereSeparator: \.isNewline).map { plainText(String($0)) }
        let place = lines.firstIndex { line in Self.beginnings.contains { line.hasPrefix($0) } }
        // The line that says what went wrong is followed by kubectl's advice.
        let said = place.map { lines[$0...].filter { !$0.isEmpty }.joined(separator: "; ") }
        let words = said ?? lines.last ?? "kubectl failed without a message"
        func says(_ phrases: String...) -> Bool { phrases.contains { text.contains($0) } }
        if let reason = Self.reason(text, after: "Error from server (Forbidden): ") {
            self = .forbidden(reason: reason)
        } else if says("Error from server (NotFound)", "the server could not find the requested resource") {
            self = .notFound
        } else if says("(Expired)", "(Gone)", "The provided continue parameter is too old") {
            self = .expired
        } else if says("(TooManyRequests)", "Too many requests", "too many requests") {
            self = .throttled
        } else if says("(Unauthorized)", "You must be logged in", "provide credentials") {
            self = .unauthorized
        } else if says("exec plugin: invalid apiVersion") {
            self = .loginVersion(Self.tail(words))
        } else if says("getting credentials:", "exec plugin", "no Auth Provider found") {
            // The output of the login program comes before kubectl's.
            let own = lines[..<(place ?? 0)].joined(separator: " ").prefix(1000)
            let words = Self.tail(words)
            self = .login(own.isEmpty ? words : words + " (\(own))")
        } else if says("context \"", "context was not found") && says("does not exist", "was not found") {
            self = .noContext
        } else if says(
            "error loading config file", "invalid configuration", "no configuration has been provided")
        {
            self = .noConfiguration(Self.tail(words))
        } else if says("x509:", "tls: failed to verify", "certificate is") {
            self = .certificate(Self.tail(words))
        } else if says(
            "Client.Timeout", "i/o timeout", "context deadline exceeded", "TLS handshake timeout",
            "(Timeout)", "request timed out")
        {
            self = .timeout
        } else if says(
            "was refused", "connection refused", "no such host", "no route to host", "Unable to connect",
            "network is unreachable", "connection reset")
        {
            self = .unreachable(Self.tail(words))
        } else if says("is invalid:", "(Invalid)", "(BadRequest)") {
            self = .invalid(plainText(text))
        } else {
            self = .other(Self.tail(words))
        }
    }

    /// The line after `prefix`; nil if there is none.
    private static func reason(_ text: String, after prefix: String) -> String? {
        guard let start = text.range(of: prefix) else { return nil }
        return plainText(String(text[start.upperBound...].prefix { !$0.isNewline }))
    }

    /// True for a line of kubectl itself, false for one of a program that it runs to log in.
    ///
    ///     The beginning of a line that may become either counts as kubectl's.
    package static func isOwn(_ line: String) -> Bool {
        // klog: a letter for the severity, month and day, as in "E1130 06:12:33.123456".
        let isLogged =
            line.count > 5 && "EWIF".contains(line.prefix(1))
            && line.dropFirst().prefix(4).allSatisfy(\.isNumber)
        return isLogged || beginnings.contains { line.hasPrefix($0) || $0.hasPrefix(line) }
    }

    /// The first words of the line that says what went wrong.
    private static let beginnings = [
        "error: ", "Error from server", "Error in configuration", "Unable to connect to the server: ",
        "The connection to the server", "The request is invalid",
    ]

    /// `line` without these first words.
    private static func tail(_ line: String) -> String {
        var line = Substring(line)
        for beginning in ["error: ", "Unable to connect to the server: ", "getting credentials: "]
        where line.hasPrefix(beginning) {
            line = line.dropFirst(beginning.count)
        }
        return String(line)
    }

    /// True if any other question to the same cluster would fail too.
    package var isFinal: Bool {
        switch self {
        case .noContext, .noConfiguration, .unauthorized, .login, .loginVersion, .certificate, .unreachable:
            true
        case .timeout, .forbidden, .notFound, .expired, .throttled, .invalid, .other: false
        }
    }

    /// True if the same question may get an answer a little later, without anything being done.
    var mayPass: Bool {
        switch self {
        case .unreachable, .timeout, .expired, .throttled, .invalid, .other: true
        case .noContext, .noConfiguration, .unauthorized, .login, .loginVersion, .certificate, .forbidden,
            .notFound:
            false
        }
    }

    /// The failure and what to do.
    ///
    /// - Parameter kubectl: How to call kubectl for this cluster by hand.
    package func explanation(kubectl: String) -> String {
        switch self {
        case .noContext:
            "the kubeconfig has no such context; \"kubectl config get-contexts\" lists those that it has"
        case .noConfiguration(let words): "the kubeconfig can't be used: \(words)"
        case .unauthorized:
            "the API server does not accept the login, which may have expired; log in again, until"
                + " \"\(kubectl) get nodes\" works"
        case .login(let words):
            "the login program of the kubeconfig failed: \(words); log in again, until \"\(kubectl) get"
                + " nodes\" works"
        case .loginVersion(let words):
            "this kubectl can't use the kubeconfig's way to log in: \(words); v1 needs kubectl 1.22 or newer,"
                + " v1alpha1 one before 1.24: install a matching one, or have the kubeconfig written again"
        case .certificate(let words):
            words.range(of: "not yet valid") == nil
                ? "the API server's certificate is not trusted: \(words); is the kubeconfig the one of this"
                    + " cluster, or a proxy in between?"
                : "the API server's certificate is not valid at the time of this host's clock: \(words); is"
                    + " the clock right (timedatectl), or has the certificate expired?"
        case .unreachable(let words): "the API server can't be reached: \(words)"
        case .timeout:
            "the API server did not answer in time; is there a way to it from here (VPN)? --timeout waits"
                + " longer"
        case .forbidden(let reason): "no permission: \(reason)"
        case .notFound: "the API server does not have this"
        case .expired: "the list changed while it was read, and its continuation has expired (HTTP 410)"
        case .throttled: "the API server has too many requests, and wants fewer (HTTP 429)"
        case .invalid(let words), .other(let words): words
        }
    }
}

extension StringProtocol {
    /// The first range of `phrase`; nil if there is none.
    func range(of phrase: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {  // each turn moves on by one character
            if self[start...].hasPrefix(phrase) { return start..<index(start, offsetBy: phrase.count) }
            start = index(after: start)
        }
        return nil
    }
}

/// `text` on one line, single spaces between its words: it came from another machine, and is printed to a
/// terminal or into a comment.
package func plainText(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ").printable
}
