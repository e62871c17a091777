import DomainNames
import IPAddressing
import Inventory

/// A kind of scalar: its name in messages, and how its text is read. The schema gives a value its type, so
/// quotes change nothing and no word turns into a value of another type.
struct Scalar<Value> {
    /// What was expected, as in `an address`.
    let expected: String
    /// Reads a text of this kind.
    let read: (String) -> Reading<Value>
}

/// The result of reading a text.
enum Reading<Value> {
    /// The value.
    case value(Value)
    /// `expected` if there is more to say than the kind's own text.
    case wrong(expected: String?, suggestion: String?)

    /// Wrong where `value` is nil.
    init(_ value: Value?, suggestion: String? = nil) {
        self = value.map { .value($0) } ?? .wrong(expected: nil, suggestion: suggestion)
    }
}

// MARK: - Words and numbers

extension Scalar where Value == Bool {
    /// True or false.
    static var boolean: Scalar {
        Scalar(expected: "true or false") { text in
            switch text {
            case "true": .value(true)
            case "false": .value(false)
            default: .wrong(expected: nil, suggestion: meaning(of: text))
            }
        }
    }

    /// How other YAML readers read true or false.
    private static func meaning(of text: String) -> String? {
        switch text.lowercased() {
        case "true", "yes", "on", "y", "1": "true"
        case "false", "no", "off", "n", "0": "false"
        default: nil
        }
    }
}

extension Scalar where Value == Int {
    /// A decimal number without sign or leading zeros.
    static func integer(_ range: ClosedRange<Int>, _ noun: String = "a number") -> Scalar {
        let expected = "\(noun) from \(range.lowerBound) to \(range.upperBound)"
        return Scalar(expected: expected) { text in
            guard let number = decimal(text) else {
                let trimmed = text.drop { $0 == "0" }
                return .wrong(expected: nil, suggestion: decimal(trimmed).map(String.init))
            }
            return Reading(range.contains(number) ? number : nil)
        }
    }

    /// A size with its unit, as a number of octets.
    static var size: Scalar {
        Scalar(expected: "a size with its unit: B, KiB, MiB or GiB, as in 64MiB") { text in
            let (number, unit) = splitUnit(text)
            if number == 0, unit.isEmpty { return .value(0) }  // zero needs no unit
            let shifts = ["B": 0, "KiB": 10, "MiB": 20, "GiB": 30]
            guard let number, let shift = shifts[unit] else {
                return .wrong(expected: nil, suggestion: number.map { suggestion($0, unit, shifts: shifts) })
            }
            guard number <= Int.max >> 31, number << shift <= 1 << 40 else {
                return .wrong(expected: "a size of at most 1024GiB", suggestion: nil)
            }
            return .value(number << shift)
        }
    }

    /// The size that `M`, `mb` or a number without unit was likely meant to be.
    private static func suggestion(_ number: Int, _ unit: String, shifts: [String: Int]) -> String {
        if let letter = unit.lowercased().first,
            let near = shifts.keys.first(where: { $0.lowercased().first == letter })
        {
            return "\(number)\(near)"
        }
        let mebibyte = 1 << 20
        return number >= mebibyte && number % mebibyte == 0 ? "\(number / mebibyte)MiB" : "\(number)B"
    }
}

extension Scalar where Value == UInt16 {
    /// A port number.
    static var port: Scalar {
        Scalar(expected: "a port from 1 to 65535") { text in
            Reading(decimal(text).flatMap { UInt16(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil })
        }
    }
}

extension Scalar where Value == Duration {
    /// A time with its unit, up to 30 days.
    static var duration: Scalar {
        Scalar(expected: "a time with its unit: ms, s, m, h or d, as in 30s") { text in
            let (number, unit) = splitUnit(text)
            if number == 0, unit.isEmpty { return .value(.zero) }
            let factors = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
            guard let number, let factor = factors[unit] else {
                let words = [
                    "sec": "s", "seconds": "s", "second": "s", "min": "m", "minutes": "m", "hours": "h",
                    "": "s",
                ]
                let near =
                    words[unit.lowercased()] ?? (factors[unit.lowercased()] == nil ? nil : unit.lowercased())
                return .wrong(
                    expected: nil, suggestion: number.flatMap { number in near.map { "\(number)\($0)" } })
            }
            let limit = 30 * 86_400_000
            guard number <= limit / factor else {
                return .wrong(expected: "a time of at most 30d", suggestion: nil)
            }
            return .value(.milliseconds(number * factor))
        }
    }
}

extension Scalar where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the words of an enumeration.
    static var word: Scalar {
        let words = Value.allCases.map(\.rawValue)
        return Scalar(expected: "one of: " + words.joined(separator: ", ")) { text in
            Reading(Value(rawValue: text), suggestion: nearest(to: text))
        }
    }

    /// The word that was likely meant: of `calico-ipip` and others of its kind the first for `calico`.
    private static func nearest(to text: String) -> String? {
        let words = Value.allCases.map(\.rawValue)
        if let near = nearestSpelling(of: text, among: words) { return near }
        let kinds = words.compactMap { $0.split(separator: "-").first.map(String.init) }
        return nearestSpelling(of: text, among: kinds).flatMap { kind in
            words.first { $0.hasPrefix(kind + "-") }
        }
    }
}

// MARK: - Names

extension Scalar where Value == String {
    /// The key of a cluster or site, which becomes a label of names: lower-case letters, digits,
    /// inner hyphens.
    static var key: Scalar {
        Scalar(expected: "a name of 1 to 63 lower-case letters, digits and inner hyphens") { text in
            let isKey =
                (1...63).contains(text.utf8.count) && text.first != "-" && text.last != "-"
                && text.utf8.allSatisfy { isLowerCase($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
            let folded = String(text.lowercased().map { $0 == "_" || $0 == " " || $0 == "." ? "-" : $0 })
            return Reading(isKey ? text : nil, suggestion: folded == text ? nil : folded)
        }
    }

    /// The path of a file; absolute, since a service has no folder of its own.
    static var path: Scalar {
        Scalar(expected: "an absolute path") { text in
            Reading((2...4095).contains(text.utf8.count) && text.hasPrefix("/") ? text : nil)
        }
    }

    /// The name of a node, host, subnet or view: also capitals, dots and underscores.
    static var name: Scalar {
        Scalar(expected: "a name of 1 to 253 letters, digits, dots, hyphens and underscores") { text in
            Reading((1...253).contains(text.utf8.count) && text.utf8.allSatisfy(isNameOctet) ? text : nil)
        }
    }

    /// `NAME` or `PLACE/NAME`; the cross-checks decide if it exists.
    static var reference: Scalar {
        Scalar(expected: "a name, or CLUSTER/NAME or SITE/NAME") { text in
            let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            let isReference =
                parts.count <= 2 && text.utf8.count <= 320
                && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy(isNameOctet) }
            return Reading(isReference ? text : nil)
        }
    }

    /// The name of a network interface, at most 15 octets (IFNAMSIZ, netdevice(7)).
    static var device: Scalar {
        Scalar(expected: "an interface name of 1 to 15 letters, digits, dots, hyphens and underscores") {
            text in
            let isName =
                (1...15).contains(text.utf8.count) && text.utf8.allSatisfy(isNameOctet)
                && text != "." && text != ".." && text.first != "-"
            return Reading(isName ? text : nil)
        }
    }
}

extension Scalar where Value == DomainName {
    /// A domain name.
    static var domainName: Scalar {
        Scalar(expected: "a domain name of letters, digits, hyphens and underscores") { text in
            guard text.utf8.allSatisfy({ $0 < 0x80 }) else {
                return .wrong(
                    expected: "a domain name in ASCII; write others in their xn-- form", suggestion: nil)
            }
            if text.hasPrefix("*.") {
                return .wrong(
                    expected: "the suffix itself, which stands for all names below it",
                    suggestion: String(text.dropFirst(2)))
            }
            guard text == "." || text.utf8.allSatisfy(isNameOctet) else { return Reading(nil) }
            do throws(DomainNameError) {
                return .value(try DomainName(parsing: text))
            } catch {
                return .wrong(expected: "a domain name; this one \(error)", suggestion: nil)
            }
        }
    }
}

// MARK: - Addresses

extension Scalar where Value == IPAddress {
    /// An IPv4 or IPv6 address.
    static var address: Scalar {
        Scalar(expected: "an IPv4 or IPv6 address") { Reading(IPAddress($0)) }
    }
}

extension Scalar where Value == Endpoint {
    /// An address, with port 53 where none is given.
    static var server: Scalar { endpoint(defaultPort: 53) }

    /// An address to listen on for HTTP, with the usual port where none is given.
    static var adminListener: Scalar { endpoint(defaultPort: AdminSettings.defaultPort) }

    /// An address with or without a port.
    private static func endpoint(defaultPort: UInt16) -> Scalar {
        Scalar(expected: "ADDRESS or ADDRESS:PORT, an IPv6 address with a port as [ADDRESS]:PORT") { text in
            if let endpoint = Endpoint(text, defaultPort: defaultPort) { return .value(endpoint) }
            let isPort = Endpoint.hasWrongPort(text)
            return .wrong(expected: isPort ? "a port from 1 to 65535" : nil, suggestion: nil)
        }
    }
}

extension Scalar where Value == IPPrefix {
    /// A prefix without host bits.
    static var prefix: Scalar {
        Scalar(expected: "a prefix, as in 10.0.0.0/8 or fd00::/8") { text in
            do throws(IPPrefixError) {
                return .value(try IPPrefix(parsing: text))
            } catch {
                switch error {
                case .notAnAddress: return Reading(nil)
                case .badLength:
                    return .wrong(
                        expected: "a length of 0 to 32 for IPv4, 0 to 128 for IPv6 after the \"/\"",
                        suggestion: nil)
                case .hostBits(let meant):
                    return .wrong(expected: "a prefix without host bits: \(meant)", suggestion: nil)
                }
            }
        }
    }
}

extension Scalar where Value == MACAddress {
    /// An Ethernet address.
    static var mac: Scalar {
        Scalar(expected: "an Ethernet address, as in c2:6a:9b:e5:39:8d") { Reading(MACAddress($0)) }
    }
}

// MARK: - Characters

/// Nil for an empty text, a sign, a leading zero, or more than 15 digits.
private func decimal(_ text: some StringProtocol) -> Int? {
    guard (1...15).contains(text.utf8.count), text.utf8.allSatisfy(isDigit), text == "0" || text.first != "0"
    else { return nil }
    return Int(text)
}

/// The number that `text` begins with, nil if there is none, and what follows it.
private func splitUnit(_ text: String) -> (number: Int?, unit: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit = text.dropFirst(digits.count).drop { $0 == " " }
    return (decimal(digits), String(unit))
}

/// True for an ASCII digit.
private func isDigit(_ octet: UInt8) -> Bool { (0x30...0x39).contains(octet) }

/// True for an ASCII lower-case letter.
private func isLowerCase(_ octet: UInt8) -> Bool { (0x61...0x7A).contains(octet) }

/// True for an octet of names of nodes and devices.
private func isNameOctet(_ octet: UInt8) -> Bool {
    isDigit(octet) || isLowerCase(octet | 0x20) || octet == UInt8(ascii: ".") || octet == UInt8(ascii: "-")
        || octet == UInt8(ascii: "_")
}
