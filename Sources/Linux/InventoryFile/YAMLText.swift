/// Checks what libyaml would refuse without a position: size, NUL, and characters that YAML does not allow.
///
/// - Throws: The first such place.
func checkText(_ text: [UInt8]) throws(YAMLError) {
    var mark = Mark(line: 1, column: 1)
    guard text.count <= InventoryFile.maximumSize else {
        throw YAMLError(
            mark: mark,
            message:
                "found a file of \(text.count) octets, expected at most \(InventoryFile.maximumSize) (4MiB)")
    }
    var decoder = Unicode.UTF8.ForwardParser()
    var octets = text.makeIterator()
    while true {  // every turn consumes an octet or ends
        switch decoder.parseScalar(from: &octets) {
        case .emptyInput: return
        case .error:
            throw YAMLError(mark: mark, message: "found octets that are not UTF-8, expected UTF-8 text")
        case .valid(let encoded):
            let scalar = Unicode.UTF8.decode(encoded)
            guard isAllowed(scalar) else {
                throw YAMLError(mark: mark, message: refusal(of: scalar))
            }
            if scalar == "\n" {
                mark = Mark(line: mark.line + 1, column: 1)
            } else {
                mark.column += 1
            }
        }
    }
}

/// The printable characters of YAML 1.1, production 1, without the byte order mark.
private func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x85, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD,
        0x10000...0x10FFFF:
        true
    default: false
    }
}

/// Why a character is refused.
private func refusal(of scalar: Unicode.Scalar) -> String {
    if scalar == "\0" { return "found a NUL octet, expected text: is this a binary file, or UTF-16?" }
    let number = String(scalar.value, radix: 16, uppercase: true)
    let digits = String(repeating: "0", count: max(0, 4 - number.count)) + number
    return "found the control character U+\(digits), expected text without control characters"
}
