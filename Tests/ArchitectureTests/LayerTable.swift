/// The modules of each layer from bottom to top. A module may import those before it, so arrows only go down; a new module takes
/// its place here.
enum LayerTable {
    /// Values and decisions: no socket, clock, file, process, randomness or logging.
    static let core = [
        "IPAddressing", "DomainNames", "Telemetry", "JSON", "HTTP", "DNSWire", "Inventory", "PathHealth",
        "ClusterDiscovery", "AnswerCache", "Forwarding", "NetworkModel", "PacketPath", "NetworkPlanning", "Diagnosis",
    ]

    /// What meets the kernel and C, thinly.
    static let linux = [
        "CLinux", "CLDNS", "CYAML", "LinuxSystem", "PathProbing", "LDNSBridge", "DemoClusters", "InventoryFile", "DNSServer",
        "NetworkKernel",
        "AdminServer",
    ]

    /// Composition, lifecycle, the command line.
    static let app = ["namebridge"]

    /// The only importer of each C module.
    static let importers = ["CLinux": "LinuxSystem", "CLDNS": "LDNSBridge", "CYAML": "InventoryFile"]

    /// What `Core` may import besides its own modules.
    static let allowedInCore: Set<String> = ["Synchronization"]

    /// What no module imports: these are large, and a daemon does without.
    static let forbidden: Set<String> = [
        "Foundation", "FoundationEssentials", "FoundationNetworking", "Dispatch",
    ]

    /// Every module, the lowest first.
    static let all = core + linux + app

    /// What is wrong with `module`, of `layer`, importing `imported`; nil if it may.
    static func objection(to imported: String, in module: String, layer: String) -> String? {
        if forbidden.contains(imported) { return "\(imported) is not imported anywhere" }
        if layer == "Support" { return nil }
        guard let rank = all.firstIndex(of: module) else {
            return "module \(module) is missing in LayerTable"
        }
        if let importer = importers[imported], importer != module {
            return "\(imported) is imported by \(importer) alone"
        }
        if let importedRank = all.firstIndex(of: imported) {
            return importedRank < rank ? nil : "\(module) stands below \(imported)"
        }
        guard layer == "Core", !allowedInCore.contains(imported) else { return nil }
        return "Core does not import \(imported)"
    }
}
