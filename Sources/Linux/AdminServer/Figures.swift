/// Numbers for people.
package enum Figures {
    /// Digits in groups of three.
    package static func grouped(_ number: Int, by space: String = " ") -> String {
        let digits = Array(String(number))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3), digits[index - 1] != "-" { text += space }
            text.append(digit)
        }
        return text
    }

    /// One digit behind the point; 100.0 % is all of them.
    package static func percent(_ part: Int, of whole: Int) -> String {
        guard whole > 0 else { return "0.0 %" }
        let rounded = (part * 1000 + whole / 2) / whole
        let tenths = part < whole ? min(rounded, 999) : rounded
        return "\(tenths / 10).\(tenths % 10) %"
    }

    /// A number of octets in MiB.
    package static func size(_ octets: Int) -> String {
        guard octets >= 1 << 20 else { return "\((octets + 1023) >> 10) KiB" }
        let tenths = octets * 10 / (1 << 20)
        return "\(tenths / 10).\(tenths % 10) MiB"
    }

    /// Two significant digits: `85 µs`, `1.2 ms`, `45 ms`, `1.3 s`.
    package static func time(microseconds: Int) -> String {
        switch microseconds {
        case ..<1000: "\(microseconds) µs"
        case ..<10_000: "\(microseconds / 1000).\(microseconds % 1000 / 100) ms"
        case ..<1_000_000: "\(microseconds / 1000) ms"
        default: "\(microseconds / 1_000_000).\(microseconds % 1_000_000 / 100_000) s"
        }
    }

    /// The two largest units; the second only if there is something of it.
    package static func duration(seconds: Int) -> String {
        let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)]
        guard let first = units.firstIndex(where: { seconds >= $0.1 }) else { return "0 s" }
        var text = "\(seconds / units[first].1) \(units[first].0)"
        if first + 1 < units.count {
            let rest = seconds % units[first].1 / units[first + 1].1
            if rest > 0 { text += " \(rest) \(units[first + 1].0)" }
        }
        return text
    }
}
