import ArgumentParser
import Inventory
import LinuxSystem
import NetworkPlanning

/// Completes words of the command line with what the configuration and the kubeconfig name.
///
/// It reads the file of `--config` if that is on the line, else the default one, and says nothing if that
/// fails.
enum ConfigurationCompletion {
    /// Keys of clusters.
    static func clusters(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
        KnownNameCompletion.suggestions(inventory(words)?.clusters.map(\.key) ?? [], prefix)
    }

    /// Hosts, as `CLUSTER-OR-SITE/NAME`.
    static func hosts(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
        KnownNameCompletion.suggestions(inventory(words).map(hosts(of:)) ?? [], prefix)
    }

    /// Sites, clusters, their parts, and hosts: the ends of a path.
    static func ends(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
        guard let inventory = inventory(words) else { return [] }
        let parts = inventory.clusters.flatMap { cluster in
            ["", "/pods", "/services", "/dns"].map { cluster.key + $0 }
        }
        return KnownNameCompletion.suggestions(
            inventory.sites.map(\.key) + parts + hosts(of: inventory), prefix)
    }

    /// Suffixes that clients may ask below.
    static func suffixes(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
        guard let inventory = inventory(words) else { return [] }
        let names = inventory.clusters.flatMap(\.names) + inventory.merges.map(\.name)
        return KnownNameCompletion.suggestions(names.map { "\($0)" }, prefix)
    }

    /// Contexts of the kubeconfig, as kubectl knows them.
    static func contexts(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
        guard let kubectl = ChildProcess.path(of: "kubectl") else { return [] }
        let file = value(of: "--kubeconfig", in: words).map { ["--kubeconfig", $0] } ?? []
        do throws(Errno) {
            let result = try ChildProcess.run(
                kubectl, ["config", "get-contexts", "-o", "name"] + file, timeout: 2_000, outputLimit: 1 << 16
            )
            let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n").map(String.init)
            return KnownNameCompletion.suggestions(lines, prefix)
        } catch {
            return []
        }
    }

    /// The configuration of the line; nil if it can't be used.
    private static func inventory(_ words: [String]) -> Inventory? {
        guard let options = try? ConfigurationOptions.parse([]) else { return nil }
        let path = value(of: "--config", in: words) ?? options.path
        do throws(FileError) {
            return try Configuration(reading: path).inventory
        } catch {
            return nil
        }
    }

    /// The word behind an option; nil if the option is not on the line.
    private static func value(of option: String, in words: [String]) -> String? {
        guard let place = words.firstIndex(of: option), words.indices.contains(place + 1) else { return nil }
        return words[place + 1]
    }

    /// All hosts of the configuration.
    private static func hosts(of inventory: Inventory) -> [String] {
        NetworkPlanner(inventory).hosts.map { "\($0.place)/\($0.host.name)" }
    }
}
