import ArgumentParser
import Testing

@testable import namebridge

/// Where servers and those who ask them meet.
@Suite struct ControlOptionsTests {
    @Test func `a demo has a socket of its own, unless another is given`() throws {
        let options = try ControlOptions.parse([])
        let demo = try #require(options.serverPath(isDemo: true))
        #expect(options.clientPaths(isDemo: true) == [demo], "status --demo finds it")
        #expect(options.serverPath(isDemo: false) != demo && !options.clientPaths().contains(demo))
        #expect(demo.hasSuffix("/control.sock") && demo.contains("namebridge-demo"))
        let named = try ControlOptions.parse(["--control", "/tmp/x.sock"])
        for isDemo in [false, true] {
            #expect(named.serverPath(isDemo: isDemo) == "/tmp/x.sock" && named.clientPaths(isDemo: isDemo) == ["/tmp/x.sock"])
        }
    }
}
