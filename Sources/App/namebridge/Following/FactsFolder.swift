import Inventory
import InventoryFile
import LinuxSystem

/// The folder with the facts of followed clusters: `KEY.yaml` for what was found, and `KEY.json` for how it
/// is going.
enum FactsFolder {
    /// The folder that `namebridge follow` writes and all commands read.
    static var path: String { environment("NAMEBRIDGE_FACTS") ?? "/var/lib/namebridge/clusters" }

    /// The end of the names of facts.
    static let suffix = ".yaml"

    /// A configuration with the facts of the clusters that it follows.
    struct Reading {
        /// Both, as `InventoryFile.read` takes them.
        let whole: [UInt8]
        /// A warning for each file of facts that is not used.
        let warnings: [Diagnostic]
    }

    /// Adds to a configuration the facts of the clusters that it follows. A file that can't be used changes
    /// nothing: the earlier facts of its cluster stay, if there are any.
    ///
    /// - Parameter earlier: The facts in use.
    static func adding(
        to file: [UInt8], _ path: String = path, earlier: [FollowedText.FactsText] = []
    ) -> Reading {
        var followed = FollowedText(file: file, facts: [])
        var warnings: [Diagnostic] = []
        let names = Set(FileContents.names(in: path).filter { $0.hasSuffix(suffix) })
        // What is wrong with the configuration itself is told by those who read the whole.
        let clusters =
            names.isEmpty ? nil : InventoryFile.readForFollower(file, name: path).inventory?.clusters
        let keys = (clusters ?? []).filter { $0.follow != nil && names.contains($0.key + suffix) }.map(\.key)
        for path in keys.sorted().map({ "\(path)/\($0)\(suffix)" }) {
            let known = earlier.first { $0.path == path }
            do throws(FileError) {
                let octets = try contents(ofRegularFile: path, limit: InventoryFile.maximumSize)
                guard let known, known.octets != octets else {
                    followed.facts.append(.init(path: path, octets: octets))
                    continue
                }
                let (facts, problems) = InventoryFile.readFacts(octets, name: path)
                followed.facts.append(facts == nil ? known : .init(path: path, octets: octets))
                if facts == nil { warnings += InventoryFile.unusedFacts(problems) }
            } catch {
                if error.isAbsent { continue }  // removed meanwhile
                if let known { followed.facts.append(known) }
                warnings += InventoryFile.unusedFacts(path, because: error.reason)
            }
        }
        return Reading(whole: followed.whole, warnings: warnings)
    }

    /// A configuration that was read before, with the facts of now.
    static func refreshing(_ text: String) -> String {
        let followed = FollowedText(Array(text.utf8))
        return String(decoding: adding(to: followed.file, earlier: followed.facts).whole, as: UTF8.self)
    }

    /// The part of such a configuration that a person has written.
    static func written(_ text: String) -> String {
        String(decoding: FollowedText(Array(text.utf8)).file, as: UTF8.self)
    }
}
