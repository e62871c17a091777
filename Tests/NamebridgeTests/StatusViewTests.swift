import AdminServer
import Testing

@testable import namebridge

/// The keys of `namebridge status --watch`.
@Suite struct StatusViewTests {
    private static let status: ServerStatus = {
        var status = ServerStatus()
        status.groups = [
            .init(
                name: "prod",
                servers: [.init(address: "10.0.0.10:53", state: "full"), .init(address: "10.0.0.11:53", state: "full")]),
            .init(name: "staging", servers: [.init(address: "10.1.0.10:53", state: "dead")]),
        ]
        status.groups[0].servers[1].failures = 3
        status.groups[1].servers[0].failures = 9
        status.failures = [.init(cluster: "staging", name: "web.shop", reason: "timeout", count: 9, secondsAgo: 1)]
        return status
    }()

    private func view(after keys: [RawTerminal.Key]) -> (view: StatusView, last: StatusView.Effect) {
        var view = StatusView()
        var last = StatusView.Effect.nothing
        for key in keys { last = view.take(key, clusters: ["prod", "staging"]) }
        return (view, last)
    }

    @Test func `s sorts, c chooses a cluster, and a filter is typed`() {
        let sorted = view(after: [.character("s")]).view.applied(to: Self.status)
        #expect(sorted.groups.map(\.name) == ["staging", "prod"])
        #expect(sorted.groups[1].servers.map(\.address) == ["10.0.0.11:53", "10.0.0.10:53"])
        let chosen = view(after: [.character("c")]).view.applied(to: Self.status)
        #expect(chosen.groups.map(\.name) == ["prod"] && chosen.failures.isEmpty)
        #expect(view(after: Array(repeating: .character("c"), count: 3)).view.cluster == nil, "after the last come all")
        let keys: [RawTerminal.Key] = [.character("/"), .character("q"), .backspace, .character("1"), .character("1"), .enter]
        let filtered = view(after: keys)
        #expect(filtered.last == .redraw && filtered.view.filter == "11" && !filtered.view.isTyping)
        #expect(filtered.view.applied(to: Self.status).groups.map(\.servers.count) == [1])
        #expect(filtered.view.help.contains("/ filter: 11"))
    }

    @Test(arguments: [
        (RawTerminal.Key.character("q"), StatusView.Effect.quit), (.interrupt, .quit), (.end, .quit), (.character("x"), .nothing),
        (.down, .redraw),
    ])
    func `q ends, and so do Ctrl-C and the end of the input`(key: RawTerminal.Key, effect: StatusView.Effect) {
        #expect(view(after: [key]).last == effect)
    }

    @Test func `keys are read from what a terminal sends`() {
        #expect(RawTerminal.keys(in: Array("qs".utf8)) == [.character("q"), .character("s")])
        #expect(
            RawTerminal.keys(in: [27, 91, 65, 27, 79, 66, 27, 13, 127, 3]) == [
                .up, .down, .escape, .enter, .backspace, .interrupt,
            ])
        #expect(RawTerminal.keys(in: [27, 91]).isEmpty && RawTerminal.keys(in: [0xC3, 0xA4]).isEmpty)
    }

    @Test func `what is drawn fits the window, and scrolls`() {
        let text = StatusText(Self.status)
        let all = text.text().map { $0.rendered(for: nil) }
        let shown = text.text(rows: 10).map { $0.rendered(for: nil) }
        #expect(shown.count == 10 && shown.last == "... \(all.count - 9) more lines")
        let scrolled = text.text(rows: 10, from: 2).map { $0.rendered(for: nil) }
        #expect(scrolled.count == 10 && scrolled.first == all[2])
        #expect(text.text(rows: 10, from: 1_000).last?.rendered(for: nil) == all.last)
    }
}
