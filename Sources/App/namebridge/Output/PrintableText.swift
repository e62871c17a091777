extension String {
    /// With a space for each control character (C0, DEL and C1, ECMA-48): what a stranger wrote steers no
    /// terminal.
    var printable: String { Self(unicodeScalars.map { $0.isControl ? " " : $0 }) }

    /// The same for several lines, with tabs.
    var printableLines: String {
        Self(unicodeScalars.map { $0.isControl && $0 != "\n" && $0 != "\t" ? " " : $0 })
    }

    private init(_ scalars: [Unicode.Scalar]) {
        self.init()
        unicodeScalars.append(contentsOf: scalars)
    }
}

extension Unicode.Scalar {
    /// True for what steers a terminal instead of being shown.
    var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }
}
