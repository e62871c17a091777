extension String {
    /// The text with all that means something in HTML and SVG escaped, in elements and quoted attributes
    /// alike; control characters become spaces.
    var escapedForHTML: String {
        var text = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            case let control where control.value < 0x20 || (0x7F..<0xA0).contains(control.value): text += " "
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// At most `count` characters, the last of them an ellipsis where something was cut.
    func cut(_ count: Int) -> String { self.count <= count ? self : prefix(count - 1) + "…" }
}
