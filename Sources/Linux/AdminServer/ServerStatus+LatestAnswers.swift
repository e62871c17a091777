import DNSServer
import DomainNames
import Forwarding
import IPAddressing
package import JSON
import LDNSBridge
import Time

extension ServerStatus {
    /// An answer that the query log has taken.
    package struct LatestAnswer: Hashable, Sendable {
        /// Since it was given.
        package var secondsAgo = 0
        /// The client's address.
        package var client = ""
        /// The name that was asked.
        package var name = ""
        /// The mnemonic of the type.
        package var type = ""
        /// The mnemonic of the response code.
        package var rcode = ""
        /// The cluster that answered; empty if none did.
        package var cluster = ""
        /// The first address of the answer; empty if it has none.
        package var address = ""
        /// From the question to the reply; nil if the reply left at once.
        package var microseconds: Int?

        package init() {}

        /// The text fields and their names in JSON.
        private static var fields: [(name: String, path: WritableKeyPath<LatestAnswer, String>)] {
            [
                ("client", \.client), ("name", \.name), ("type", \.type), ("rcode", \.rcode),
                ("cluster", \.cluster), ("address", \.address),
            ]
        }

        package var json: JSONValue {
            .object(
                [("seconds-ago", .integer(secondsAgo))]
                    + Self.fields.map { ($0.name, .string(self[keyPath: $0.path])) }
                    + [("microseconds", .optional(microseconds))])
        }

        package init(json: JSONValue) {
            secondsAgo = json["seconds-ago"]?.count ?? 0
            for field in Self.fields { self[keyPath: field.path] = json[field.name]?.string ?? "" }
            microseconds = json["microseconds"]?.count
        }
    }
}

extension ServerStatus.LatestAnswer {
    init(_ reply: LoggedReply, secondsAgo: Int) {
        self.secondsAgo = secondsAgo
        client = "\(reply.client.address)"
        name = (try? DomainName(wire: reply.name))?.description ?? ""
        type = Mnemonics.type(UInt16(clamping: reply.type))
        rcode = Mnemonics.rcode(UInt16(clamping: reply.rcode))
        cluster = reply.cluster
        address = reply.address.map { "\($0)" } ?? ""
        microseconds = reply.microseconds
    }
}
