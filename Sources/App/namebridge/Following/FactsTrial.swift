import ClusterDiscovery
import Inventory
import InventoryFile

/// Tries facts with the configuration before they are written: what is in the folder of facts can be used,
/// so that no change in a cluster keeps a server from starting again.
struct FactsTrial: Sendable {
    /// The path of the configuration.
    private let configuration: String
    /// The folder of facts.
    private let folder: String
    /// The cluster's key.
    private let key: String

    init(configuration: String, folder: String, key: String) {
        self.configuration = configuration
        self.folder = folder
        self.key = key
    }

    /// Why the configuration has an error with `facts`; nil if it has none, or has one without them too.
    func objection(to facts: ClusterFacts) -> String? {
        do throws(FileError) {
            let text = Array(facts.yaml.utf8)
            let own = "\(folder)/\(key)\(FactsFolder.suffix)"
            let file = try contents(ofFile: configuration)
            let (read, problems) = InventoryFile.readFacts(text, name: own)
            if read == nil, let problem = problems.first { return "what was found can't be used: \(problem)" }
            var followed = FollowedText(FactsFolder.adding(to: file, folder).whole)
            let before = followed.whole
            followed.facts.removeAll { $0.path == own }
            followed.facts.append(.init(path: own, octets: text))
            let error = Self.errors(in: followed.whole, configuration).first
            guard let error, Self.errors(in: before, configuration).isEmpty else { return nil }
            return "what was found contradicts the configuration: \(error)"
        } catch {
            return nil  // without the configuration there is no contradiction
        }
    }

    /// The errors in a configuration with facts.
    private static func errors(in whole: [UInt8], _ name: String) -> [String] {
        InventoryFile.read(whole, name: name).problems.filter { $0.severity == .error }.map { "\($0)" }
    }
}
