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
    /// The commands so far.
    private(set) var commands: [String] = []

    func attempt(_ command: Command) throws(KernelError) -> ChildProcess.Result {
        commands.append("\(command)")
        return ChildProcess.Result(ending: endings["\(command)"] ?? .exit(status: 0))
    }

    func forget(_ ranges: [ConnectionRange]) throws(KernelError) {
        for family in ConnectionRanges.byFamily(ranges) { try LinuxKernel.forget(family, attempt: attempt) }
    }
}
