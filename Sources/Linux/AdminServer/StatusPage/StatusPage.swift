/// The page at `/`: a server's status for a browser, complete in one document that needs no script.
///
/// A script fetches it again every five seconds and replaces the main part; without scripts the browser
/// reloads it every ten.
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

    /// The part that the script replaces.
    private var main: String {
        [
            header, figures,
            section("Where names and packets go", picture, isBare: false),
            section("Name servers", serverTable, isBare: false), mapsSection,
            "<div class=\"columns\">", answersSection, failuresSection, limitsSection, suffixSection,
            topSection,
            networkSection, followedSection, "</div>",
            footer,
        ].joined(separator: "\n")
    }

    // MARK: - Head

    /// The name, the facts and the problems.
    private var header: String {
        let troubles = status.troubles
        let pill =
            troubles.isEmpty
            ? "<p class=\"pill good\"><span class=\"dot\"></span>All well</p>"
            : "<p class=\"pill bad\"><span class=\"dot\"></span>\(Self.count(troubles.count, "problem"))</p>"
        let list =
            troubles.isEmpty
            ? ""
            : "<ul class=\"troubles\">"
                + troubles.map { "<li>\($0.escapedForHTML)</li>" }.joined() + "</ul>"
        let facts = [
            status.host, "version \(status.version)",
            "up \(Figures.duration(seconds: status.uptimeSeconds))",
        ].filter { !$0.isEmpty }.map(\.escapedForHTML).joined(separator: " · ")
        return """
            <header>
            <div><h1>\(Self.mark)Namebridge</h1><p class="facts">\(facts)</p></div>
            \(pill)
            </header>
            \(list)
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
        <span>Counts since the start of process \(status.processID); rates of the last seconds, times of the \
        last one or two minutes.</span></footer>
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
