import ArgumentParser
import DemoClusters
import IPAddressing
import Inventory
import LinuxSystem

/// The name servers of the demo's clusters, running until the end of this value's life.
struct RunningDemo: ~Copyable {
    private let prod: DemoServer?
    private let staging: DemoServer?

    /// - Parameters:
    ///   - zoneFolder: Where the zone files are; nil looks for them.
    ///   - mayRunAlready: A cluster whose port is taken is left to the other process.
    /// - Throws: `ExitStatus`, after a message, where the files or ports are not to be had.
    init(zoneFolder: String?, mayRunAlready: Bool) throws {
        guard let zones = DemoZones(folder: zoneFolder) else {
            printError(
                "namebridge: the demo's zone files were not found; name their folder with --demo-zones FOLDER"
            )
            throw ExitStatus.usage
        }
        let prod = try Self.start("prod", zones, mayRunAlready)
        let staging = try Self.start("staging", zones, mayRunAlready)
        self.prod = consume prod
        self.staging = consume staging
    }

    private static func start(_ name: String, _ zones: DemoZones, _ mayRunAlready: Bool) throws -> DemoServer?
    {
        guard let endpoint = DemoSetting.inventory.cluster(name)?.dns.first else { return nil }
        let responder = try zones.responder(of: name)
        do throws(Errno) {
            return try DemoServer(responder, on: endpoint)
        } catch {
            if error == .addressInUse, mayRunAlready { return nil }
            printError("namebridge: the demo's cluster \(name) cannot listen on \(endpoint): \(error)")
            throw ExitStatus.problem
        }
    }
}
