import LinuxSystem
import Testing

@Suite struct ChildProcessTests {
    /// What guards a process must not wait for its parent.
    @Test func `a process that has ended is seen no more, though its parent has not waited for it`() throws {
        let child = try ChildProcess.startDetached("/bin/true", [], log: "/dev/null")
        for _ in 0..<1000 where ThisProcess.sees(process: child) { ThisProcess.sleep(milliseconds: 10) }
        #expect(!ThisProcess.sees(process: child))
        #expect(ChildProcess.hasEnded(child))
        #expect(ThisProcess.sees(process: ThisProcess.identifier))
    }

    @Test func `a program gets its input and says its part on both outputs`() throws {
        let result = try ChildProcess.run("/bin/sh", ["-c", "cat; echo no >&2; exit 3"], input: [65, 66], timeout: 5_000)
        #expect(result.ending == .exit(status: 3))
        #expect(result.output == [65, 66])
        #expect(result.errors == Array("no\n".utf8))
    }

    @Test func `more output than a pipe holds arrives whole`() throws {
        let result = try ChildProcess.run("/bin/sh", ["-c", "head -c 3000000 /dev/zero"], timeout: 20_000)
        #expect(result.ending == .exit(status: 0) && result.output.count == 3_000_000)
    }

    @Test func `a program that does not end is killed with all that it started`() throws {
        let result = try ChildProcess.run("/bin/sh", ["-c", "sleep 600 & sleep 600"], timeout: 100)
        #expect(result.ending == .timeout)
    }

    @Test func `a program that says too much is killed`() throws {
        let result = try ChildProcess.run(
            "/bin/sh", ["-c", "cat /dev/zero"], timeout: 20_000, outputLimit: 100_000)
        #expect(result.ending == .tooMuchOutput)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a program whose output is streamed may say any amount on its errors`() throws {
        var output: [UInt8] = []
        let end = try ChildProcess.stream(
            "/bin/sh", ["-c", "head -c 400000 /dev/zero >&2; echo end"], environment: [], until: try EventFD()
        ) { octets in
            output += octets
            return .goOn
        }
        #expect(end.ending == .exit(status: 0) && output == Array("end\n".utf8))
        #expect(end.errors.count == 65_536)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a program whose output is too much for the one who takes it is ended`() throws {
        let end = try ChildProcess.stream("/bin/cat", ["/dev/zero"], environment: [], until: try EventFD()) { _ in .end }
        #expect(end.ending == nil)
    }

    @Test func `a program that is killed says so, and one that is missing throws`() throws {
        let result = try ChildProcess.run("/bin/sh", ["-c", "kill -9 $$"], timeout: 5_000)
        #expect(result.ending == .signal(9))
        #expect(throws: Errno(code: 2)) { try ChildProcess.run("/bin/no-such-program", [], timeout: 5_000) }
        #expect(ChildProcess.path(of: "no-such-program") == nil)
        #expect(ChildProcess.path(of: "sh") != nil)
    }
}
