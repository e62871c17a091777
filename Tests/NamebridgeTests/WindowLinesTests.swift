import Testing

@testable import namebridge

/// Lines that are wider than the terminal's window.
@Suite struct WindowLinesTests {
    @Test func `a comment is broken at spaces, and a command stays whole above its reason`() {
        let note = "# warning: the router of the office has to know these routes as well"
        #expect(note.fitted(nil) == [note] && note.fitted(200) == [note])
        #expect(
            note.fitted(40) == ["# warning: the router of the office", "#   has to know these routes as well"])
        let line = "+ ip route prepend 172.17.32.0/19 via 172.17.14.11 dev eth0  # office -> prod via master1"
        #expect(
            line.fitted(40) == [
                "+ ip route prepend 172.17.32.0/19 via 172.17.14.11 dev eth0", "    # office -> prod via master1",
            ])
        // What is to be entered at a router is copied from here.
        let advice = "#   ip route add 172.17.32.0/19 via 172.17.14.11 metric 50"
        #expect(advice.fitted(40) == [advice])
    }

    @Test func `other lines hang below their first`() {
        let origin = "  pods: 172.17.32.0/19, 172.17.64.0/19; for 3 h from the nodes' blocks"
        #expect(
            origin.hanging(44) == [
                "  pods: 172.17.32.0/19, 172.17.64.0/19;", "      for 3 h from the nodes' blocks",
            ])
        #expect(origin.hanging(nil) == [origin])
    }
}
