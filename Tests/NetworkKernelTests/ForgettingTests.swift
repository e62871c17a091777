import IPAddressing
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning
import Testing

/// Connections are deleted however many there are: a listing that was cut is not taken for all of them.
@Suite struct ForgettingTests {
    @Test(arguments: [ChildProcess.Ending.tooMuchOutput, .timeout])
    func `a listing that was cut is made in parts`(ending: ChildProcess.Ending) throws {
        let conntrack = FakeConntrack()
        conntrack.endings["conntrack -L -f ipv4 -s 10.1.0.0/16 -d 10.8.0.0/15"] = ending
        try conntrack.forget([range("10.8.0.0/16"), range("10.9.0.0/16")])
        #expect(
            conntrack.commands == [
                "conntrack -L -f ipv4 -s 10.1.0.0/16 -d 10.8.0.0/15", "conntrack -L -f ipv4 -s 10.1.0.0/16 -d 10.8.0.0/16",
                "conntrack -L -f ipv4 -s 10.1.0.0/16 -d 10.9.0.0/16",
            ])
    }

    @Test func `a range that goes as a whole is not listed`() throws {
        let conntrack = FakeConntrack()
        try conntrack.forget([range("10.8.0.0/16", .all)])
        #expect(conntrack.commands == ["conntrack -D -f ipv4 -s 10.1.0.0/16 -d 10.8.0.0/16"])
    }

    @Test func `a single range whose listing was cut is an error`() throws {
        let conntrack = FakeConntrack()
        conntrack.endings["conntrack -L -f ipv4 -s 10.1.0.0/16 -d 10.8.0.0/16"] = .tooMuchOutput
        #expect(throws: KernelError.self) { try conntrack.forget([range("10.8.0.0/16")]) }
    }

    @Test func `a conntrack that fails is asked once more, and is no reason to undo an apply`() throws {
        let conntrack = FakeConntrack()
        let listing = "conntrack -L -f ipv4 -s 10.1.0.0/16 -d 10.8.0.0/15"
        conntrack.endings[listing] = .exit(status: 1)
        conntrack.errors = "Operation failed: no such protocol"
        var lines: [String] = []
        LinuxKernel.forget(
            try [range("10.8.0.0/16"), range("10.9.0.0/16")], attempt: conntrack.attempt,
            announce: { lines.append($0) })
        #expect(conntrack.commands == [listing, listing], "it fails for parts as well: they are not tried")
        #expect(
            lines == [
                "# older connections stay as they are until they end, because \"\(listing)\" failed (exit status 1):"
                    + " Operation failed: no such protocol; once that is repaired, the lines with \"conntrack -D\""
                    + " above end them"
            ])
    }

    @Test func `a range whose listing was cut keeps no other from being deleted`() throws {
        let conntrack = FakeConntrack()
        conntrack.endings["conntrack -L -f ipv4 -s 10.1.0.0/16 -d 10.8.0.0/15"] = .timeout
        conntrack.endings["conntrack -L -f ipv4 -s 10.1.0.0/16 -d 10.8.0.0/16"] = .timeout
        #expect(throws: KernelError.self) { try conntrack.forget([range("10.8.0.0/16"), range("10.9.0.0/16")]) }
        #expect(conntrack.commands.last == "conntrack -L -f ipv4 -s 10.1.0.0/16 -d 10.9.0.0/16")
    }

    @Test func `a conntrack that hangs is run a few times, however many ranges there are`() throws {
        let conntrack = FakeConntrack()
        conntrack.usualEnding = .timeout
        var lines: [String] = []
        let ranges = try (0..<64).map { try range("10.\(2 * $0).0.0/16") }
        LinuxKernel.forget(ranges, attempt: conntrack.attempt, announce: { lines.append($0) })
        #expect(conntrack.commands.count == 3)
        #expect(lines.count == 1 && lines[0].contains("older connections stay"), "\(lines)")
    }

    @Test func `a connection that can't be deleted keeps no other from being deleted`() throws {
        let conntrack = FakeConntrack()
        let listing = "conntrack -L -f ipv4 -s 10.1.0.0/16 -d 10.8.0.0/16"
        conntrack.outputs[listing] = [1, 2].map { number in
            "tcp 6 431999 ESTABLISHED src=10.1.0.\(number) dst=10.8.0.9 sport=4000 dport=80"
                + " src=10.8.0.9 dst=10.1.0.\(number) sport=80 dport=4000 [ASSURED] mark=0 use=1\n"
        }.joined()
        conntrack.endings["conntrack -R -"] = .exit(status: 1)
        conntrack.usualEnding = .exit(status: 1)
        conntrack.endings[listing] = .exit(status: 0)
        #expect(throws: KernelError.self) { try conntrack.forget([range("10.8.0.0/16")]) }
        #expect(conntrack.commands.count { $0.hasPrefix("conntrack -D") } == 2, "\(conntrack.commands)")
    }

    @Test func `routes stay for the connections of either end, and where these are not known`() throws {
        let conntrack = FakeConntrack()
        let opened =
            "tcp 6 99 ESTABLISHED src=172.16.0.9 dst=10.201.1.7 sport=1 dport=80"
            + " src=10.96.1.7 dst=169.254.0.1 sport=80 dport=1 [ASSURED] mark=0 use=1\n"
        let answered =
            "tcp 6 99 ESTABLISHED src=10.96.1.8 dst=172.16.0.9 sport=2 dport=22"
            + " src=172.16.0.9 dst=10.202.1.8 sport=22 dport=2 [ASSURED] mark=0 use=1\n"
        let ended = opened.replacing("ESTABLISHED", with: "TIME_WAIT").replacing("10.201", with: "10.203")
        conntrack.outputs["ip netns exec nb-c1 conntrack -L -f ipv4 -p tcp -u ASSURED"] = opened + answered + ended
        conntrack.endings["ip netns exec nb-c1 conntrack -L -f ipv6 -p tcp -u ASSURED"] = .timeout
        let routes = try ["10.201.0.0/16", "10.202.0.0/16", "10.203.0.0/16", "10.204.0.0/16", "fd00:1::/64"].map {
            LeavingRoute(namespace: "nb-c1", destination: try IPPrefix(parsing: $0))
        }
        let held = try LinuxKernel.held(routes, attempt: conntrack.attempt)
        #expect(held.map(\.description).sorted() == ["10.201.0.0/16", "10.202.0.0/16", "fd00:1::/64"])
        #expect(conntrack.commands.count == 2, "one for each family")
    }

    private func range(
        _ destination: String, _ part: ConnectionRange.Part = .untranslated
    ) throws -> ConnectionRange {
        try ConnectionRange(
            source: IPPrefix(parsing: "10.1.0.0/16"), destination: IPPrefix(parsing: destination), part: part)
    }
}

/// A `conntrack` that knows no connections.
private final class FakeConntrack {
    /// How commands end, instead of with exit status 0.
    var endings: [String: ChildProcess.Ending] = [:]
    /// How other commands end.
    var usualEnding = ChildProcess.Ending.exit(status: 0)
    /// What commands print, instead of nothing.
    var outputs: [String: String] = [:]
    /// What failing commands say.
    var errors = ""
    /// The commands so far.
    private(set) var commands: [String] = []

    func attempt(_ command: Command) throws(KernelError) -> ChildProcess.Result {
        commands.append("\(command)")
        let ending = endings["\(command)"] ?? usualEnding
        return ChildProcess.Result(
            ending: ending, output: Array((outputs["\(command)"] ?? "").utf8),
            errors: ending == .exit(status: 0) ? [] : Array(errors.utf8))
    }

    func forget(_ ranges: [ConnectionRange]) throws(KernelError) {
        for family in ConnectionRanges.byFamily(ranges) { try LinuxKernel.forget(family, attempt: attempt) }
    }
}
