import Foundation
import JSON
import Testing

/// `namebridge discover` where something is in its way: a clear message each, and no way out of its contract.
@Suite(.enabled(if: DiscoverRun.kubectlFolder != nil, "there is no kubectl on PATH"))
struct TroubleTests {
    private func oneRun(_ change: (inout StandInCluster) -> Void = { _ in }) throws -> DiscoverRun {
        var cluster = Clusters.flannel(backend: "vxlan")
        change(&cluster)
        return try DiscoverRun([("prod", cluster)])
    }

    @Test func `a forbidden resource is reported with the missing access, the rest is found`() throws {
        let reason = #"nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope"#
        let run = try oneRun { cluster in
            cluster.forbidden["/api/v1/nodes"] = reason
            cluster.forbidden[StandInCluster.system + "/configmaps"] =
                #"configmaps is forbidden: User "jane" cannot list resource "configmaps" in the namespace "kube-system""#
        }
        let result = try run.discover()
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.errors.contains("prod: no permission: \(reason); not known therefore: nodes, their addresses"))
        #expect(!result.errors.contains("configmaps"), "each one could be read: \(result.errors)")
        #expect(result.errors.contains("prod: not found: nodes; the output says how"))
        #expect(result.output.contains("\n    pods: [10.244.0.0/16]\n"), "\(result.output)")
        #expect(result.output.contains("# nodes: not found. By hand: kubectl --context prod get nodes -o wide"))
        #expect(try run.check(result.output).code == 0)
    }

    @Test func `where nothing may be read, nothing is made up`() throws {
        let run = try oneRun { $0.isSealed = true }
        let result = try run.discover()
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.errors.contains(#"User "jane" cannot create /api/v1/namespaces/default/services"#))
        #expect(result.errors.contains("prod: not found: domain, dns, pods, services, cni, kube-proxy, nodes"))
        #expect(try run.check(result.output).code == 0, "\(result.output)")
    }

    @Test func `an expired login is reported, with what to do`() throws {
        let result = try oneRun { $0.isLoggedOut = true }.discover()
        #expect(result.code == 1 && result.output.isEmpty)
        let words = "prod: the API server does not accept the login, which may have expired"
        #expect(result.errors.contains(words), "\(result.errors)")
        #expect(result.errors.contains("kubectl --context prod get nodes"))
    }

    @Test func `an unknown context is reported with the known ones`() throws {
        let result = try oneRun().discover("--context", "prdo", "--context", "prod")
        #expect(result.code == 1)
        #expect(
            result.errors.contains(
                "prdo: the kubeconfig has no such context; did you mean \"prod\"?; it has: prod"), "\(result.errors)")
        #expect(result.output.contains("\n  prod:\n"), "the other one is found")
    }

    @Test func `an unreachable server is reported`() throws {
        let run = try oneRun()
        try run.add("away", server: "http://127.0.0.1:1")
        let result = try run.discover("--context", "away")
        #expect(result.code == 1 && result.output.isEmpty)
        #expect(result.errors.contains("away: the API server can't be reached: "), "\(result.errors)")
    }

    @Test func `a silent server is given up after the timeout`() throws {
        let result = try oneRun { $0.isSilent = true }.discover("--timeout", "1s")
        #expect(result.code == 1 && result.output.isEmpty)
        #expect(result.errors.contains("prod: the API server did not answer in time"), "\(result.errors)")
    }

    @Test func `without kubectl the error says what to install`() throws {
        let result = try oneRun().discover(path: "/nonexistent")
        #expect(result.code == 2 && result.errors.contains("no kubectl on PATH; install it (Debian: kubernetes-client)"))
    }

    @Test(arguments: [("v1beta1", "all versions"), ("v1", "1.22 and later")])
    func `a missing login program is reported`(version: String, known: String) throws {
        let run = try oneRun()
        let text = try String(contentsOf: run.folder.appending(path: "config"), encoding: .utf8).replacing(
            "user: { token: secret }",
            with: "user: { exec: { apiVersion: client.authentication.k8s.io/\(version), command: no-such-login,"
                + " interactiveMode: Never } }")
        try run.write(text.replacing("http://", with: "https://"), to: "config")
        let result = try run.discover()
        #expect(result.code == 1)
        if version == "v1", result.errors.contains("this kubectl can't use the kubeconfig's way to log in: ") { return }
        #expect(result.errors.contains("prod: the login program of the kubeconfig failed: "), "\(result.errors)")
        #expect(result.errors.contains("failed: exec: executable no-such-login not found; "), "\(result.errors)")
        // kubectl's advice is printed completely, and once.
        #expect(result.errors.split(separator: "/#client-go-credential-plugins").count == 2, "\(result.errors)")
    }

    @Test func `a login program's prompt is shown while it waits, without kubectl's own lines`() throws {
        let run = try oneRun()
        let script = try run.write(
            """
            #!/bin/sh
            echo "To sign in, open https://login.example and enter ABCD-EFGH" >&2
            printf 'Waiting...' >&2
            echo "$$" > "$(dirname "$0")/asked"
            echo '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"t"}}'
            """, to: "login")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        let text = try String(contentsOf: run.folder.appending(path: "config"), encoding: .utf8).replacing(
            "user: { token: secret }",
            with: "user: { exec: { apiVersion: client.authentication.k8s.io/v1beta1, command: \(script),"
                + " interactiveMode: IfAvailable } }")
        // kubectl runs the program only for TLS, which the fake server does not support.
        try run.write(text.replacing("http://", with: "https://"), to: "config")
        let result = try run.discover()
        try #require(FileManager.default.fileExists(atPath: run.folder.appending(path: "asked").path))
        #expect(result.code == 1, "\(result.errors)")
        #expect(result.errors.contains("open https://login.example and enter ABCD-EFGH\nWaiting..."), "\(result.errors)")
        let prompts = result.errors.split(separator: "ABCD-EFGH").count - 1
        #expect(prompts == 1, "the login is shown once: \(result.errors)")
    }

    @Test(
        arguments: [
            ("config-that-is-not-there", ["discover"], "there is no kubeconfig: "),
            ("broken", ["discover"], "the kubeconfig can't be used"),
            ("config", ["discover", "--key", "A_b"], "can't be a key"),
            ("config", ["discover", "--key", "a", "--key", "b"], "more --key than --context"),
            ("config", ["discover", "--merge", "/nonexistent.yaml"], "/nonexistent.yaml: cannot be read"),
            ("config", ["discover", "--timeout", "0s"], "--timeout"),
        ] as [(String, [String], String)])
    func `wrong usage ends with 2 and says why`(configuration: String, arguments: [String], words: String) throws {
        let run = try oneRun()
        try run.write("apiVersion: v1\nkind: [", to: "broken")
        let result = try run.run(arguments, configuration: configuration)
        #expect(result.code == 2, "\(result.errors)")
        #expect(result.errors.contains(words), "\(result.errors)")
    }

    @Test func `what a cluster says can't break out of a comment`() throws {
        let run = try oneRun { cluster in
            cluster.add("/version", .object(["gitVersion": .string("v1\nclusters: { x: {} }\u{1B}[31m")]))
        }
        let result = try run.discover()
        #expect(result.code == 0 && !result.output.contains("\u{1B}"))
        #expect(try run.check(result.output).code == 0)
    }
}
