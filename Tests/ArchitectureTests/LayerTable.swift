/// The modules of each layer from bottom to top, and which modules each may import. An import that is not here is
/// a decision: it is made by entering it. A module may import only what stands before it, so arrows only go down.
enum LayerTable {
    typealias Modules = KeyValuePairs<String, Set<String>>

    /// Values and decisions: no socket, clock, file, process, randomness or logging.
    static let core: Modules = [
        "IPAddressing": [],
        "DomainNames": [],
        "Time": [],
        "Telemetry": ["Time"],
        "JSON": [],
        "HTTP": [],
        "DNSWire": ["DomainNames", "IPAddressing"],
        "Inventory": ["DomainNames", "IPAddressing"],
        "PathHealth": ["IPAddressing", "Inventory", "Time"],
        "ClusterDiscovery": ["DomainNames", "IPAddressing", "Inventory", "JSON", "Time"],
        "AnswerCache": ["DNSWire", "DomainNames", "Time"],
        "Forwarding": ["AnswerCache", "DNSWire", "DomainNames", "IPAddressing", "Inventory", "Telemetry", "Time"],
        "NetworkModel": ["IPAddressing", "Inventory", "JSON"],
        "PacketPath": ["IPAddressing", "JSON", "NetworkModel"],
        "NetworkPlanning": [
            "DomainNames", "IPAddressing", "Inventory", "NetworkModel", "PacketPath", "PathHealth", "Time",
        ],
        "PathExplanation": ["IPAddressing", "Inventory", "JSON", "NetworkModel", "NetworkPlanning", "PacketPath"],
        "Diagnosis": ["DomainNames", "IPAddressing"],
    ]

    /// What meets the kernel and C, thinly.
    static let linux: Modules = [
        "CLinux": [],
        "CLDNS": [],
        "CYAML": [],
        "LinuxSystem": ["CLinux", "IPAddressing", "Time"],
        "PathProbing": ["IPAddressing", "LinuxSystem", "PathHealth", "Time"],
        "LDNSBridge": ["CLDNS", "DomainNames"],
        "DemoClusters": ["DNSWire", "DomainNames", "IPAddressing", "LDNSBridge", "LinuxSystem"],
        "InventoryFile": ["CYAML", "DomainNames", "IPAddressing", "Inventory", "JSON", "Time"],
        "DNSServer": [
            "AnswerCache", "DNSWire", "DomainNames", "Forwarding", "IPAddressing", "Inventory", "LDNSBridge",
            "LinuxSystem", "Telemetry", "Time",
        ],
        "NetworkKernel": [
            "IPAddressing", "Inventory", "JSON", "LinuxSystem", "NetworkModel", "NetworkPlanning", "Time",
        ],
        "AdminServer": [
            "AnswerCache", "DNSServer", "DNSWire", "Diagnosis", "DomainNames", "Forwarding", "HTTP", "IPAddressing", "Inventory",
            "JSON", "LDNSBridge", "LinuxSystem", "PathHealth", "Telemetry", "Time",
        ],
    ]

    /// Composition, lifecycle, the command line: it may import every module but those of C.
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
    static let all = core.map(\.key) + linux.map(\.key) + app

    /// What each module of Core and Linux may import.
    static let imports = Dictionary(uniqueKeysWithValues: (Array(core) + Array(linux)).map { ($0.key, $0.value) })

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
            if importedRank >= rank { return "\(module) stands below \(imported)" }
            let isAllowed = imports[module].map { $0.contains(imported) } ?? true
            return isAllowed ? nil : "LayerTable does not let \(module) import \(imported)"
        }
        guard layer == "Core", !allowedInCore.contains(imported) else { return nil }
        return "Core does not import \(imported)"
    }
}
