package import IPAddressing

/// How a server's answer becomes one for clients.
///
/// A class, so that each answer costs one reference count.
package final class AnswerTerms: Sendable {
    /// For owners and names in data.
    package let names: NameMapping

    /// For names at or below what was asked in place of the client's name, where that is no suffix of a
    /// cluster: reverse names of outer addresses, and pod names that have one in them; a private zone is
    /// mapped to itself. Comes before `names`.
    package let question: NameMapping?

    /// From the addresses that servers give to those that clients get.
    package let addresses: PrefixMap

    /// The names for which the server is believed.
    package let bailiwick: Bailiwick

    /// A zone beside the cluster's domain for which the cluster is believed as well: names in it stay.
    let zone: NameMapping?

    /// True if records go out as they came: names need not be read.
    let keepsNames: Bool

    /// True if nothing is changed that a signature covers.
    let keepsSignatures: Bool

    /// - Parameter changesAddressesLater: True if addresses are changed after the mapping.
    package init(
        names: NameMapping, question: NameMapping? = nil, addresses: PrefixMap = PrefixMap(),
        bailiwick: Bailiwick = .unchecked, changesAddressesLater: Bool = false
    ) {
        self.names = names
        self.question = question
        self.addresses = addresses
        self.bailiwick = bailiwick
        zone = question?.isIdentity == true ? question : nil
        keepsNames = names.isIdentity && question == nil
        keepsSignatures = keepsNames && addresses.isEmpty && !changesAddressesLater
    }
}
