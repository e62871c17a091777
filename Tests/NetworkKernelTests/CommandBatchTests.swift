import NetworkKernel
import NetworkModel
import Testing

/// Commands that one call does.
@Suite struct CommandBatchTests {
    private static func rule(_ word: Command.Argument, table: String = "nat") -> Command {
        Command(.iptables, ["-I", "X", word], options: ["-w", "5", "-t", table])
    }

    private static func up(_ device: Command.Argument, in namespace: String? = nil) -> Command {
        Command(.ip, ["link", "set", device, "up"], in: namespace)
    }

    @Test(arguments: [
        (up("a"), up("b"), true), (up("a", in: "x"), up("b", in: "x"), true), (up("a"), up("b", in: "x"), false),
        (up("a"), Command(.ip, ["rule"], options: ["-6"]), false), (up("a"), up("b#c"), false),
        (up("a"), Command(.bridge, ["fdb"]), false), (rule("a"), rule("b"), true),
        (rule("a"), rule("b", table: "raw"), false),
        (Command(.nft, ["-f", "-"], input: ""), Command(.nft, ["-f", "-"], input: ""), false),
    ])
    func `one call is of one program, one namespace and the same options`(first: Command, second: Command, isOne: Bool) {
        var batch = CommandBatch()
        batch.commands = [first]
        #expect(batch.takes(second) == isOne)
    }

    @Test func `a call of several commands gets them as its input`() throws {
        var batch = CommandBatch()
        batch.commands = [Self.up("a", in: "nb-x"), Self.up("b c", in: "nb-x")]
        let lines = try #require(batch.call)
        #expect(lines.words == ["ip", "-n", "nb-x", "-batch", "-"])
        #expect(lines.input == "link set a up\nlink set \"b c\" up\n")
        batch.commands = [Self.rule("a"), Self.rule("b c")]
        let rules = try #require(batch.call)
        #expect(rules.words == ["iptables-restore", "--noflush", "-w", "5"])
        #expect(rules.input == "*nat\n-I X a\n-I X \"b c\"\nCOMMIT\n")
    }
}
