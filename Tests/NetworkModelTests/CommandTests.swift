import IPAddressing
import NetworkModel
import Testing

/// What a command is called with, and how it is shown.
@Suite struct CommandTests {
    static let rule = Command(.nft, ["-f", "-"], input: "delete table inet x\n")
    static let route = Command(.ip, ["route", "del", "10.0.0.0/8"], options: ["-4"])

    @Test(
        arguments: [
            (rule, nil, ["nft", "-f", "-"]),
            (rule, "nb-prod", ["ip", "netns", "exec", "nb-prod", "nft", "-f", "-"]),
            (route, nil, ["ip", "-4", "route", "del", "10.0.0.0/8"]),
            (route, "nb-prod", ["ip", "-n", "nb-prod", "-4", "route", "del", "10.0.0.0/8"]),
            (Command(.bridge, ["fdb"]), "nb-prod", ["bridge", "-n", "nb-prod", "fdb"]),
            (
                Command(.sysctl, ["-w", "net.ipv4.ip_forward=1"]), "nb-prod",
                ["ip", "netns", "exec", "nb-prod", "sysctl", "-w", "net.ipv4.ip_forward=1"]
            ),
        ] as [(Command, String?, [String])])
    func `a command runs in its namespace`(command: Command, namespace: String?, words: [String]) {
        var command = command
        command.namespace = namespace
        #expect(command.words == words)
        #expect(command.line == words.joined(separator: " "))
    }

    @Test func `the input stands below the command, and in no error`() {
        #expect(Self.rule.description == "nft -f - <<'END'\ndelete table inet x\nEND")
        #expect(Self.rule.line == "nft -f -")
    }

    @Test func `arguments are quoted if needed, and an unknown device is described`() {
        let device = DeviceReference.carrying(IPAddress(v4: 0x0A00_0003))
        #expect(Command(.ip, ["alias", "path a", ""], options: ["x y"]).line == #"ip "x y" alias "path a" """#)
        #expect(Command(.ip, ["dev", .device(device), "up"]).line == "ip dev <device of 10.0.0.3> up")
        #expect(Command(.ip, ["dev", .device(.named("eth0"))]).arguments == ["dev", "eth0"])
        #expect(Command(.conntrack, ["-q", .sameSource]).line == "conntrack -q <the same source>")
    }

    /// As `ip` reads lines (iproute2, lib/utils.c): without escapes, and `#` begins a comment even in a quotation.
    @Test(
        arguments: [
            (["alias", "a b"], #"alias "a b""#), (["alias", #"a"b"#], #"alias 'a"b'"#), (["alias", "a'b"], #"alias "a'b""#),
            (["alias", #"a"'b"#], nil), (["alias", "a#b"], nil), (["alias", ""], nil), (["alias", "a\nb"], nil),
        ] as [([String], String?)])
    func `a line of a batch equals the arguments, or there is no line`(arguments: [String], line: String?) {
        #expect(Command(.ip, arguments.map { .word($0) }).batchLine == line)
    }
}
