import Foundation
import Testing

/// A path that is down: the server reasons why from what it may read of its host, and `doctor`, as root, from all of it.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct PathReasonTests {
    @Test func `status and doctor say why a path is down, and what mends it`() async throws {
        let lab = try Lab("rea", hosts: OfficeTests.hosts, script: OfficeTests.script, answering: ["p3"])
        let probed = OfficeTests.configuration.replacing(
            "relays: [relay1] }", with: "relays: [relay1], probe: { targets: [\"172.17.54.10:9400\"] } }")
        let file = try lab.file("office.yaml", "dns: { listen: [\"127.0.0.1:5353\"] }\n" + probed)
        let control = lab.path("control.sock")
        try lab.script(
            """
            on relay1 env NAMEBRIDGE_NET_STATE=\(lab.state(of: "relay1")) \(Shell.program) serve --user root --config \(file) \
                --control \(control) >\(lab.path("serve.log")) 2>&1 </dev/null &
            """)
        func run(_ arguments: String) throws -> Shell.Result {
            try lab.on(
                "relay1", "env NAMEBRIDGE_NET_STATE=\(lab.state(of: "relay1")) \(Shell.program) \(arguments) --control \(control)"
            )
        }
        let isTold = try await lab.wait(seconds: 30) {
            try run("status --output json").output.contains("\"code\": \"FORWARDING_OFF\"")
        }
        let status = try run("status")
        // A server has no rights to read rules, and needs none to read settings and routes.
        #expect(isTold && status.output.contains("net apply on relay1"), "\(status.output)")

        // The relay's own kernel shows it.
        let doctor = try run("doctor --config \(file)")
        #expect(doctor.code == 1 && doctor.output.contains("(FORWARDING_OFF) at relay1"), "\(doctor.output)")
        #expect(doctor.output.contains("namebridge net apply on relay1"), "\(doctor.output)")

        #expect(try lab.net("relay1", "apply --config \(file)").code == 0)
        let isUp = try await lab.wait(seconds: 60) {
            // The answering host takes connections while it is asked from here alone; its queue is full meanwhile.
            _ = try lab.probeInVain([Probe(host: "relay1", address: "172.17.54.10")])
            let text = try run("status --output json").output
            return text.contains("\"state\": \"up\"") && !text.contains("FORWARDING_OFF")
        }
        let after = try run("status")
        #expect(isUp, "\(after.output)")
        #expect(try !run("doctor --config \(file)").output.contains("FORWARDING_OFF"))
    }
}
