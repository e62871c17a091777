import DNSWire
import IPAddressing
import Telemetry

/// Cookies between clients and us (RFC 7873 section 5.2).
extension ForwardingEngine {
    /// Finds out whether the cookie of a question is ours, and makes the one that goes back.
    ///
    /// A bad one costs the client nothing (section 5.2.4 lets the server choose): its question is answered
    /// as one without cookie, and the answer brings a good one.
    mutating func judgeCookie(of query: inout ClientQuery, from path: ClientPath) {
        guard var cookie = query.cookie else { return }
        cookies.judge(&cookie, from: path.client.address, at: unixTime)
        if cookie.isProof {
            counters.cookiesGood += 1
        } else if cookie.server != nil {
            counters.cookiesBad += 1
        }
        query.cookie = cookie
    }

    /// Answers a message that has no question and asks for a cookie: BADCOOKIE where it has one that is not
    /// ours (RFC 7873 section 5.4).
    mutating func giveCookie(_ recipient: Recipient, into outbox: inout Outbox) {
        guard let cookie = recipient.terms.cookie, policy.view(of: recipient.path.client.address) != nil
        else {
            var recipient = recipient
            recipient.terms.cookie = nil
            return reject(.refused, recipient, into: &outbox)
        }
        let rcode: ResponseCode = cookie.hasServerPart && !cookie.isProof ? .badCookie : .noError
        deliver(ReplyDraft(body: .empty(rcode, nil), source: .local), to: recipient, into: &outbox)
    }
}
