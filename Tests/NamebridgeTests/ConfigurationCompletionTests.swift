import ArgumentParser
import Foundation
import Testing

@testable import namebridge

/// Words of the command line that the configuration and the kubeconfig complete.
@Suite struct ConfigurationCompletionTests {
    private static let text = """
        clusters:
          prod: { dns: 10.96.0.10, pods: 10.244.0.0/16, services: 10.96.0.0/16, nodes: { n1: { address: 192.0.2.11 } } }
          staging: { dns: 10.97.0.10, names: [staging.example.com] }
        sites: { office: { networks: 172.16.0.0/18, router: 172.16.0.1 } }
        paths: [{ from: office, to: prod, via: relay, relays: n1 }]
        merge: { all.example.org: { clusters: [prod, staging] } }

        """

    @Test(arguments: [
        ("clusters", "", ["prod", "staging"]), ("clusters", "st", ["staging"]), ("hosts", "", ["prod/n1"]),
        ("ends", "o", ["office"]), ("ends", "prod/", ["prod/dns", "prod/n1", "prod/pods", "prod/services"]),
        ("suffixes", "", ["all.example.org", "prod.cluster.local", "staging.example.com"]),
    ])
    func `clusters, hosts, places and suffixes of the file are completed`(
        kind: String, prefix: String, expected: [String]
    ) throws {
        let file = try TemporaryFile(Self.text)
        let words = ["namebridge", "--config", file.path]
        let complete = [
            "clusters": ConfigurationCompletion.clusters, "hosts": ConfigurationCompletion.hosts,
            "ends": ConfigurationCompletion.ends, "suffixes": ConfigurationCompletion.suffixes,
        ]
        let function = try #require(complete[kind])
        #expect(function(words, 2, prefix) == expected)
    }

    @Test func `a file that is wrong or missing completes nothing`() throws {
        let file = try TemporaryFile("clusters: [")
        for path in [file.path, "/nonexistent.yaml"] {
            #expect(ConfigurationCompletion.clusters(["namebridge", "--config", path], 2, "") == [])
        }
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/kubectl"), "kubectl is missing"))
    func `contexts are those of the kubeconfig`() throws {
        let contexts = ["staging", "prod"].map { "{ name: \($0), context: { cluster: c, user: u } }" }
        let file = try TemporaryFile("apiVersion: v1\nkind: Config\ncontexts: [\(contexts.joined(separator: ", "))]\n")
        let words = ["namebridge", "discover", "--kubeconfig", file.path, "--context", ""]
        #expect(ConfigurationCompletion.contexts(words, 5, "") == ["prod", "staging"])
        #expect(ConfigurationCompletion.contexts(words, 5, "p") == ["prod"])
    }

    @Test func `what writes JSON takes -o json`() {
        var commands: [any ParsableCommand.Type] = [Namebridge.self]
        var count = 0
        while let command = commands.popLast() {  // ends: each command is taken once
            commands += command.configuration.subcommands
            let help = command.helpMessage(columns: 200)
            guard help.contains("--output <output>") else { continue }
            count += 1
            #expect(help.contains("-o, --output <output>"), "\(command)")
        }
        #expect(count >= 14)
    }
}
