import ClusterDiscovery
import Foundation
import Inventory
import InventoryFile
import Testing

@testable import namebridge

/// The Helm chart and the manifest that it gives without any setting. `make check-chart` asks Helm itself.
@Suite struct ChartTests {
    private let manifest: String

    init() throws { manifest = try Guide.text("config/kubernetes/namebridge.yaml") }

    @Test func `the configuration of the manifest passes the check`() throws {
        let lines = manifest.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex(of: "  namebridge.yaml: |")) + 1
        let text = lines[start...].prefix { $0.hasPrefix("    ") }.map { $0.dropFirst(4) + "\n" }.joined()
        let (inventory, problems) = InventoryFile.read(Array(text.utf8), name: "manifest")
        #expect(problems.filter { $0.severity == .error }.map(\.description) == [])
        #expect(inventory?.clusters.isEmpty == false)
    }

    /// Lines without a setting, outside of what only `follow` has.
    @Test(arguments: ["configmap", "daemonset", "poddisruptionbudget", "service"])
    func `the manifest has each line of a template that has no setting`(template: String) throws {
        let lines = manifest.split(separator: "\n")
        var isOptional = false
        for line in try Guide.text("config/helm/namebridge/templates/\(template).yaml").split(separator: "\n") {
            if line.contains("{{- if") { isOptional = true }
            if line.contains("{{- end") { isOptional = false }
            guard !isOptional, !line.contains("{{") else { continue }
            #expect(lines.contains(line), "\(line)")
        }
    }

    /// The permissions in a cluster are the same, whichever way they come there.
    @Test func `the chart's permissions are those of the manifest for follow`() throws {
        let chart = rules(of: try Guide.text("config/helm/namebridge/templates/rbac.yaml"))
        #expect(chart == rules(of: try Guide.text("config/kubernetes/namebridge-follow.yaml")))
        #expect(chart.count > 20)
    }

    /// The lines such as `- apiGroups: ...` and `resources: ...`.
    private func rules(of text: String) -> [Substring] {
        text.split(separator: "\n").filter { line in
            let bare = line.drop { $0 == " " || $0 == "-" }
            return ["apiGroups:", "resources:", "verbs:"].contains { bare.hasPrefix($0) }
        }
    }

    @Test func `the manifest that init names comes with the program`() throws {
        let name = try #require(ReachableServers.outsideManifest.split(separator: "/").last)
        #expect(ReachableServers.outsideManifest.hasPrefix("/usr/share/namebridge/"))
        #expect(try Guide.text("Makefile").contains("config/kubernetes/\(name)"))
        let lines = ReachableServers.advice(for: ClusterFindings(key: "prod", context: "prod"))
        #expect(lines.last == "  kubectl --context prod apply -f \(ReachableServers.outsideManifest)")
    }

    @Test func `chart and program have one version`() throws {
        let chart = try Guide.text("config/helm/namebridge/Chart.yaml")
        let version = try Program.run(["--version"]).output.split(separator: "\n").first ?? ""
        #expect(chart.contains("appVersion: \"\(version)\"\n"))
        #expect(manifest.contains("namebridge:\(version)\""))
    }

    @Test(arguments: ["README.md", "README.zh-CN.md", "docs/install.md", "docs/monitoring.md", "CHANGELOG.md"])
    func `guides name the packages of the program's version`(guide: String) throws {
        let version = try Program.run(["--version"]).output.split(separator: "\n").first ?? ""
        let text = try Guide.text(guide)
        let named = text.matches(of: /namebridge[-_: ]([0-9]+[.][0-9]+[.][0-9]+)/).map { String($0.output.1) }
        #expect(Set(named).isSubset(of: [String(version)]), "\(named)")
        if guide == "CHANGELOG.md" { #expect(text.contains("\n## \(version)\n")) }
    }
}
