/// What is wrong with a domain name.
package enum DomainNameError: Error, Hashable, Sendable {
    /// Two dots in a row, a leading dot, or nothing at all.
    case emptyLabel
    /// A label of more than 63 octets.
    case labelTooLong(octets: Int)
    /// More than 255 octets in wire form.
    case nameTooLong(octets: Int)
    /// A backslash that is followed by neither three digits up to 255 nor another character.
    case badEscape
    /// Octets that are not one whole uncompressed name.
    case malformedWire
}

extension DomainNameError: CustomStringConvertible {
    /// As it is shown to people.
    package var description: String {
        switch self {
        case .emptyLabel: "has an empty label"
        case .labelTooLong(let octets): "has a label of \(octets) octets, 63 are allowed"
        case .nameTooLong(let octets): "takes \(octets) octets, 255 are allowed"
        case .badEscape: "has a backslash without a character or \\DDD after it"
        case .malformedWire: "is not a whole name in wire form"
        }
    }
}
