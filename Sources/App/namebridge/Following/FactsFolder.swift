import InventoryFile
import LinuxSystem

/// The folder with the facts of followed clusters: `KEY.yaml` for what was found, and `KEY.json` for how it
/// is going.
enum FactsFolder {
    /// The folder that `namebridge follow` writes and all commands read.
    static var path: String { environment("NAMEBRIDGE_FACTS") ?? "/var/lib/namebridge/clusters" }

    /// The end of the names of facts.
    static let suffix = ".yaml"

    /// More files of facts are not read.
    private static let most = 1_000

    /// A configuration with the facts of the folder, as `InventoryFile.read` takes both.
    static func adding(to file: [UInt8], _ path: String = path) throws(FileError) -> [UInt8] {
        var followed = FollowedText(file: file, facts: [])
        for name in FileContents.names(in: path).filter({ $0.hasSuffix(suffix) }).sorted().prefix(most) {
            let path = "\(path)/\(name)"
            do throws(FileError) {
                followed.facts.append(.init(path: path, octets: try contents(ofFile: path)))
            } catch {
                if !error.isAbsent { throw error }  // removed meanwhile
            }
        }
        return followed.whole
    }
}
