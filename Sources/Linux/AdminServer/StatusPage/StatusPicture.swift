/// A drawing of sites, this forwarder, paths and clusters as SVG: boxes in columns or in one, lines between
/// them. Colours come from the page's style.
struct StatusPicture {
    /// The width of the drawing.
    let width: Int
    /// The height so far.
    private(set) var height = 0
    /// The lines so far, as SVG.
    private var lines = ""
    /// The boxes so far, as SVG.
    private var boxes = ""

    /// Numbers are units of the drawing, about one pixel each.
    private enum Size {
        /// The height of a title.
        static let head = 30
        /// The height of a line of text.
        static let line = 19
        /// The space inside of a box.
        static let padding = 12
    }

    /// A box before it is placed.
    struct Box {
        /// The first line.
        var title: String
        /// Below the title.
        var notes: [String] = []
        /// With a coloured dot each.
        var servers: [ServerLine] = []
        /// The class of the box, for the style.
        var kind = ""
        /// The part of the page that a click on the box leads to; nil if there is none.
        var anchor: String?

        /// One line for a server.
        struct ServerLine {
            /// The text at the left.
            var text: String
            /// The text at the right.
            var figure: String
            /// The colour of the dot.
            var look: String
        }

        /// The whole box, for screen readers.
        var words: String {
            ([title] + notes + servers.map { "\($0.text) \($0.figure)" }).joined(separator: ", ")
        }

        /// The height of the box.
        var height: Int {
            Size.head + Size.line * (notes.count + servers.count) + (notes.isEmpty && servers.isEmpty ? 4 : 8)
        }
    }

    /// The place of a box.
    struct Frame {
        /// The left edge.
        let x: Int
        /// The upper edge.
        let y: Int
        /// The width.
        let width: Int
        /// The height.
        let height: Int

        /// Where lines from the left end.
        var left: Point { Point(x: x, y: y + 20) }
        /// Where lines to the right begin.
        var right: Point { Point(x: x + width, y: y + 20) }
        /// Where lines of the tree end.
        var lowerLeft: Point { Point(x: x, y: y + height - 13) }
        /// Where lines at the lower right begin.
        var lowerRight: Point { Point(x: x + width, y: y + height - 13) }
        /// The lower edge.
        var bottom: Int { y + height }
    }

    /// A point of the drawing.
    struct Point {
        /// From the left.
        let x: Int
        /// From the top.
        let y: Int
    }

    init(width: Int) {
        self.width = width
    }

    /// Draws a box with its upper left corner at a point.
    @discardableResult
    mutating func add(_ box: Box, x: Int, y: Int, width: Int) -> Frame {
        let frame = Frame(x: x, y: y, width: width, height: box.height)
        let room = (width - 2 * Size.padding) / 7
        if let anchor = box.anchor {
            boxes += "<a href=\"#\(anchor)\" aria-label=\"\(box.words.escapedForHTML)\">"
        }
        boxes += """
            <g class="box \(box.kind)">\
            <rect x="\(x)" y="\(y)" width="\(width)" height="\(box.height)" rx="7"/>\
            <text class="title" x="\(x + Size.padding)" y="\(y + 24)">\
            \(box.title.cut(room - 2).escapedForHTML)</text>
            """
        var base = y + 24
        for note in box.notes {
            base += Size.line
            boxes += """
                <text class="small" x="\(x + Size.padding)" y="\(base)">\
                \(note.cut(room).escapedForHTML)</text>
                """
        }
        for server in box.servers {
            base += Size.line
            boxes += """
                <circle class="\(server.look)" cx="\(x + Size.padding + 4)" cy="\(base - 4)" r="4"/>\
                <text class="server" x="\(x + Size.padding + 15)" y="\(base)">\
                \(server.text.cut(room - 9).escapedForHTML)</text>\
                <text class="small end" x="\(x + width - Size.padding)" y="\(base)">\
                \(server.figure.escapedForHTML)</text>
                """
        }
        boxes += box.anchor == nil ? "</g>\n" : "</g></a>\n"
        height = max(height, frame.bottom)
        return frame
    }

    /// Draws a curve whose ends are horizontal.
    mutating func connect(_ from: Point, _ to: Point, kind: String) {
        let bend = (from.x + to.x) / 2
        let curve = "M\(from.x) \(from.y)C\(bend) \(from.y) \(bend) \(to.y) \(to.x) \(to.y)"
        lines += "<path class=\"\(kind)\" d=\"\(curve)\"/>\n"
    }

    /// Draws a branch of a tree: down, then to the right.
    mutating func branch(_ from: Point, _ to: Point, kind: String) {
        lines += "<path class=\"\(kind)\" d=\"M\(from.x) \(from.y)V\(to.y - 6)q0 6 6 6H\(to.x)\"/>\n"
    }

    /// The heights of `boxes` and the gaps between them.
    static func stack(_ boxes: [Box], gap: Int) -> Int {
        boxes.reduce(0) { $0 + $1.height } + max(0, boxes.count - 1) * gap
    }

    /// The whole drawing; lines lie below boxes.
    func svg(class kind: String, label: String) -> String {
        """
        <svg class="picture \(kind)" viewBox="-1 -1 \(width + 2) \(height + 2)" role="group" \
        aria-label="\(label.escapedForHTML)">
        \(lines)\(boxes)</svg>
        """
    }
}
