/// The page at `/`: a server's status for a browser, complete in one document that needs no script.
///
/// A script fetches it again every five seconds and replaces the parts that have changed, but for one in
/// which text is selected; without scripts the browser reloads it every ten.
package struct StatusPage {
    /// The status to show.
    let status: ServerStatus

    /// Creates a status page.
    package init(_ status: ServerStatus) {
        self.status = status
    }

    /// - Parameter nonce: The nonce of the response's Content-Security-Policy: letters and digits.
    package func document(nonce: String) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>\(title.escapedForHTML)</title>
        <noscript><meta http-equiv="refresh" content="10"></noscript>
        <style nonce="\(nonce)">\(Self.style)</style>
        </head>
        <body>
        <main>
        \(main)
        </main>
        <script nonce="\(nonce)">\(Self.script)</script>
        </body>
        </html>

        """
    }

    /// The title of the document.
    private var title: String {
        let place = status.host.isEmpty ? "Namebridge" : "Namebridge on \(status.host)"
        return status.troubles.isEmpty ? place : "(!) \(place)"
    }

    /// The parts of the page; the script replaces each that has changed.
    private var main: String {
        [
            live("head", header), live("problems", problemList), live("figures", figures), search,
            live("map", section("Where names and packets go", picture, isBare: false)),
            live("servers", section("Name servers", serverTable, isBare: false) + mapsSection),
            live("latest", latestSection),
            live(
                "details",
                "<div class=\"columns\">"
                    + [
                        answersSection, failuresSection, limitsSection, suffixSection, topSection,
                        networkSection, followedSection,
                    ].joined(separator: "\n") + "</div>"), footer,
        ].joined(separator: "\n")
    }

    /// A part that the script replaces.
    private func live(_ name: String, _ body: String) -> String {
        "<div id=\"live-\(name)\" data-live>\(body)</div>"
    }

    // MARK: - Head

    /// The name, the facts and the number of problems.
    private var header: String {
        let count = status.problems.count
        let pill =
            count == 0
            ? "<p class=\"pill good\"><span class=\"dot\"></span>All well</p>"
            : "<p class=\"pill bad\"><span class=\"dot\"></span>\(Self.count(count, "problem"))</p>"
        let facts = [
            status.host, "version \(status.version)",
            "up \(Figures.duration(seconds: status.uptimeSeconds))",
        ].filter { !$0.isEmpty }.map(\.escapedForHTML).joined(separator: " · ")
        return """
            <header>
            <div><h1>\(Self.mark)Namebridge</h1><p class="facts">\(facts)</p></div>
            \(pill)
            </header>
            """
    }

    /// The problems, each with its age, the names that it concerns and what to do; empty if there are none.
    private var problemList: String {
        let problems = status.problems
        guard !problems.isEmpty else { return "" }
        let items = problems.map { problem in
            let since = problem.age.map { "<small>\($0)</small>" } ?? ""
            return "<li><p>\(problem.words.escapedForHTML) \(since)</p>" + Self.lines(of: problem)
                + "</li>"
        }
        return "<ul class=\"troubles\" aria-label=\"Problems\">\(items.joined())</ul>"
    }

    /// What a problem concerns, and what to do about it.
    static func lines(of problem: ServerStatus.Problem) -> String {
        func row(_ head: String, _ texts: [String]) -> String {
            let cells = texts.map { "<dd>\($0.escapedForHTML)</dd>" }.joined()
            return cells.isEmpty ? "" : "<dt>\(head)</dt>\(cells)"
        }
        let affected = problem.affected.joined(separator: ", ")
        let rows =
            row("Cause", problem.causes) + row("Affected", affected.isEmpty ? [] : [affected])
            + row("What to do", problem.remedies)
        return rows.isEmpty ? "" : "<dl class=\"remedy\">\(rows)</dl>"
    }

    /// The search for names; the script shows it, and it is not replaced.
    private var search: String {
        """
        <section id="search" hidden><h2><label for="find">Find a name, a cluster or an address</label></h2>
        <form role="search" id="search-form"><input id="find" type="search" autocomplete="off" \
        autocapitalize="none" spellcheck="false" maxlength="300" placeholder="web shop, prod, 10.208."></form>
        <p id="found" role="status" class="empty"></p>
        <ul id="results" class="results"></ul></section>
        """
    }

    /// Two banks and an arch.
    private static let mark = """
        <svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><path d="M2 17h20M5 17v-4M19 17v-4\
        M5 13c2-6 12-6 14 0M9.5 17v-7.3M14.5 17v-7.3"/></svg>
        """

    /// The links and notes at the end.
    private var footer: String {
        """
        <footer><a href="/metrics">metrics</a> <a href="/status.json">status.json</a> \
        <a href="/ready">ready</a> <a href="/health">health</a>\
        <span>Counts since the start of process \(status.processID) if nothing else is said; rates of the \
        last seconds, times of the last one or two minutes.</span></footer>
        """
    }

    // MARK: - Pieces

    /// A section with its heading.
    ///
    /// - Parameter isBare: Without a frame around it.
    func section(_ heading: String, _ body: String, isBare: Bool) -> String {
        "<section\(isBare ? " class=\"bare\"" : "")><h2>\(heading.escapedForHTML)</h2>\n\(body)</section>"
    }

    /// A number with its noun.
    static func count(_ number: Int, _ noun: String) -> String {
        "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    /// Digits in groups of three, which do not break.
    static func grouped(_ number: Int) -> String { Figures.grouped(number, by: "\u{202F}") }

    /// A time, or a dash.
    static func time(_ microseconds: Int?) -> String {
        microseconds.map { Figures.time(microseconds: $0) } ?? "–"
    }
}
