import ArgumentParser
import DemoClusters
import IPAddressing
import Inventory
import LDNSBridge
import LinuxSystem

/// The name servers of the demo's clusters, running until the end of this value's life.
struct RunningDemo: ~Copyable {
    /// The demo's configuration, with the clusters' actual endpoints.
    let inventory: Inventory

    /// The services of each cluster, each as `SERVICE.NAMESPACE`.
    let services: [(cluster: String, names: [String])]

    /// The name server of prod.
    private let prod: DemoServer
    /// The name server of staging.
    private let staging: DemoServer

    /// - Parameters:
    ///   - zoneFolder: The folder of the zone files; nil searches for it.
    ///   - usesFixedPorts: False lets the kernel choose the ports, so that other demos do not interfere.
    /// - Throws: `ExitStatus`, after a message, if the files or ports are not available.
    init(zoneFolder: String?, usesFixedPorts: Bool) throws {
        guard let zones = DemoZones(folder: zoneFolder) else {
            printError(
                "namebridge: the demo's zone files were not found in "
                    + "\(DemoZones.searched(folder: zoneFolder));"
                    + " name their folder with --demo-zones")
            throw ExitStatus.usage
        }
        let records = (prod: try zones.records(of: "prod"), staging: try zones.records(of: "staging"))
        let prod = try Self.start("prod", records.prod, port: usesFixedPorts ? DemoSetting.prodPort : 0)
        let staging = try Self.start(
            "staging", records.staging, port: usesFixedPorts ? DemoSetting.stagingPort : 0)
        services = [
            ("prod", DemoZones.services(in: records.prod)),
            ("staging", DemoZones.services(in: records.staging)),
        ]
        inventory = DemoSetting.inventory(prod: prod.endpoint, staging: staging.endpoint)
        self.prod = prod
        self.staging = staging
    }

    /// Starts the name server of one cluster.
    private static func start(
        _ name: String, _ records: [ResourceRecord], port: UInt16
    ) throws -> DemoServer {
        let endpoint = Endpoint(address: DemoSetting.loopback, port: port)
        do throws(Errno) {
            return try DemoServer(ZoneResponder(records), on: endpoint)
        } catch {
            printError("namebridge: the demo's cluster \(name) cannot listen on \(endpoint): \(error)")
            if error == .addressInUse {
                printError("A demo may run there already: \"namebridge status --demo\" shows it.")
            }
            throw ExitStatus.problem
        }
    }
}
