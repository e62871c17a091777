import ClusterDiscovery
import Inventory
import InventoryFile
import Synchronization

/// Tries facts with the configuration before they are written: what is in the folder of facts can be used,
/// so that no change in a cluster keeps a server from starting again.
struct FactsTrial {
    /// The path of the configuration.
    private let configuration: String
    /// The facts in use, of all clusters.
    private let known: KnownFacts

    init(configuration: String, known: KnownFacts) {
        self.configuration = configuration
        self.known = known
    }

    /// Why the configuration has an error with `facts`; nil if it has none, or has one without them too.
    func objection(to facts: ClusterFacts) -> String? {
        let others = known.all.filter { $0.cluster != facts.cluster }
        let before = known.all.filter { $0.cluster == facts.cluster }
        if let problem = Self.readingProblem(of: facts, since: before.first) {
            return "what was found can't be used: \(problem)"
        }
        do throws(FileError) {
            let file = try contents(ofFile: configuration)
            func errors(_ facts: [ClusterFacts]) -> [Diagnostic] {
                InventoryFile.errors(file, with: others + facts, name: configuration)
            }
            guard let error = errors([facts]).first, errors(before).isEmpty else { return nil }
            return "what was found contradicts the configuration: \(error)"
        } catch {
            return nil  // without the configuration there is no contradiction
        }
    }

    /// What is wrong with the text of `facts`; nil if it can be read. Nodes that were in the facts before
    /// are not read again: that would be most of the work of a change.
    private static func readingProblem(of facts: ClusterFacts, since before: ClusterFacts?) -> String? {
        var new = facts
        if let nodes = before?.nodes?.value {
            let old = Dictionary(nodes.map { ($0.node.name, $0) }) { first, _ in first }
            new.nodes?.value.removeAll { old[$0.node.name] == $0 }
        }
        let (read, problems) = InventoryFile.readFacts(Array(new.yaml.utf8), name: facts.cluster)
        return read == nil ? problems.first.map { "\($0)" } : nil
    }
}

/// The facts in the folder, as the threads that write them know them.
final class KnownFacts: Sendable {
    /// The facts by their cluster.
    private let facts = Mutex<[String: ClusterFacts]>([:])
    /// Locked while facts are tried and written: of two clusters that contradict each other one is first.
    let writing = Mutex(())

    /// All of them.
    var all: [ClusterFacts] { facts.withLock { Array($0.values) } }

    /// Forgets the facts of all clusters but these: no other command reads them any more.
    func keep(_ clusters: Set<String>) {
        facts.withLock { facts in facts = facts.filter { clusters.contains($0.key) } }
    }

    /// Notes facts that are in the folder.
    func note(_ new: ClusterFacts) { facts.withLock { $0[new.cluster] = new } }
}
