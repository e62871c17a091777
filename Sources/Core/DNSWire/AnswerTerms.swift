package import IPAddressing

/// How a server's answer becomes one for clients.
package struct AnswerTerms: Sendable {
    /// For owners and names in data.
    package var names: NameMapping

    /// For names at or below what was asked in place of the client's name, where that is no suffix of a
    /// cluster: reverse names of outer addresses, and pod names that have one in them; a private zone is
    /// mapped to itself. Comes before `names`.
    package var question: NameMapping?

    /// From the addresses that servers give to those that clients get.
    package var addresses: PrefixMap

    /// The names for which the server is believed.
    package var bailiwick: Bailiwick

    package init(
        names: NameMapping, question: NameMapping? = nil, addresses: PrefixMap = PrefixMap(),
        bailiwick: Bailiwick = .unchecked
    ) {
        self.names = names
        self.question = question
        self.addresses = addresses
        self.bailiwick = bailiwick
    }

    /// A zone beside the cluster's domain for which the cluster is believed as well: names in it stay.
    var zone: NameMapping? { question.flatMap { $0.isIdentity ? $0 : nil } }

    /// True if records go out as they came: names need not be read.
    var keepsNames: Bool { names.isIdentity && question == nil }

    /// True if nothing is changed that a signature covers.
    var keepsSignatures: Bool { keepsNames && addresses.isEmpty }
}
