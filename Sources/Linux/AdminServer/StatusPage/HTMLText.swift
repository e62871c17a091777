extension String {
    /// The text with every character escaped that has a meaning in HTML and SVG, for elements and quoted
    /// attributes; control characters become spaces.
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

    /// At most `count` characters, the last of them an ellipsis if the text is longer.
    func cut(_ count: Int) -> String { self.count <= count ? self : prefix(count - 1) + "…" }
}
