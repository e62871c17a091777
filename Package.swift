// swift-tools-version: 6.2
import PackageDescription

/// The settings of every target: the strictest checks that the compiler offers, and warnings as errors.
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

/// A module of values and decisions: no socket, clock, file, process, randomness or logging.
func core(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Core/\(name)", swiftSettings: strict)
}

/// A module that meets the kernel or a C library, thinly.
func linux(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Linux/\(name)", swiftSettings: strict)
}

/// What only tests and measurements use.
func support(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Support/\(name)", swiftSettings: strict)
}

/// A suite of tests; `Tests/<name>`.
///
/// - Parameter data: Files beside the suite's sources that it reads where they stand.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], data: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: data, swiftSettings: strict)
}

/// Links a release with packed relocations (DT_RELR, which loaders know from glibc 2.36 on, Debian 12's): they
/// take 9 KB instead of a megabyte that the loader reads and that stays resident. Only lld can, of the toolchain.
let packed: [LinkerSetting] = [
    .unsafeFlags(
        ["-use-ld=lld", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs", "-Xlinker", "--icf=safe"],
        .when(configuration: .release))
]

let package = Package(
    name: "namebridge",
    products: [
        .executable(name: "namebridge", targets: ["namebridge"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")
    ],
    targets: [
        // Core
        core("IPAddressing"),
        core("DomainNames"),
        core("Time"),
        core("Telemetry", ["Time"]),
        core("JSON"),
        core("DNSWire", ["DomainNames", "IPAddressing"]),
        core("HTTP"),
        core("AnswerCache", ["DomainNames", "DNSWire", "Time"]),
        core("Inventory", ["IPAddressing", "DomainNames"]),
        core("PathHealth", ["IPAddressing", "Inventory", "Time"]),
        core("NetworkModel", ["IPAddressing", "Inventory", "JSON"]),
        core("PacketPath", ["IPAddressing", "JSON", "NetworkModel"]),
        core(
            "NetworkPlanning",
            [
                "IPAddressing", "DomainNames", "Inventory", "JSON", "NetworkModel", "PacketPath",
                "PathHealth",
                "Time",
            ]),
        core(
            "PathExplanation",
            ["IPAddressing", "Inventory", "JSON", "NetworkModel", "NetworkPlanning", "PacketPath"]),
        core("Diagnosis", ["IPAddressing", "DomainNames"]),
        core("ClusterDiscovery", ["DomainNames", "Inventory", "IPAddressing", "JSON", "Time"]),
        core(
            "Forwarding",
            ["AnswerCache", "IPAddressing", "DomainNames", "DNSWire", "Inventory", "Telemetry", "Time"]),

        // Linux
        .target(name: "CLinux", path: "Sources/Linux/CLinux"),
        .systemLibrary(
            name: "CLDNS", path: "Sources/Linux/CLDNS", pkgConfig: "ldns", providers: [.apt(["libldns-dev"])]),
        .systemLibrary(
            name: "CYAML", path: "Sources/Linux/CYAML", pkgConfig: "yaml-0.1",
            providers: [.apt(["libyaml-dev"])]),
        linux("LinuxSystem", ["CLinux", "IPAddressing", "Time"]),
        linux("PathProbing", ["LinuxSystem", "PathHealth", "IPAddressing", "Time"]),
        linux("LDNSBridge", ["CLDNS", "DomainNames"]),
        linux("DemoClusters", ["LinuxSystem", "LDNSBridge", "DNSWire", "DomainNames", "IPAddressing"]),
        linux(
            "InventoryFile", ["CYAML", "Inventory", "IPAddressing", "DomainNames", "JSON", "Time"]),
        linux(
            "AdminServer",
            [
                "DNSServer", "LinuxSystem", "AnswerCache", "Diagnosis", "Forwarding", "DNSWire",
                "DomainNames", "HTTP",
                "IPAddressing", "Inventory",
                "JSON", "LDNSBridge", "PathHealth", "Telemetry", "Time",
            ]),
        linux(
            "NetworkKernel",
            [
                "LinuxSystem", "NetworkPlanning", "NetworkModel", "Inventory", "IPAddressing", "JSON",
                "Time",
            ]),
        linux(
            "DNSServer",
            [
                "LinuxSystem", "LDNSBridge", "AnswerCache", "Forwarding", "DNSWire", "DomainNames",
                "IPAddressing", "Inventory", "Telemetry", "Time",
            ]),

        // App
        .executableTarget(
            name: "namebridge",
            dependencies: [
                "AdminServer", "ClusterDiscovery", "DNSServer", "LinuxSystem", "LDNSBridge", "DemoClusters",
                "InventoryFile", "NetworkKernel", "NetworkPlanning", "NetworkModel", "Diagnosis",
                "Forwarding", "DNSWire", "DomainNames", "IPAddressing", "Inventory", "JSON", "PathHealth",
                "PathExplanation", "PathProbing",
                "Telemetry", "Time",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/App/namebridge", swiftSettings: strict, linkerSettings: packed),

        // Support
        .executableTarget(name: "baseline", path: "Sources/Support/Baseline"),
        .target(name: "LabProbe", path: "Sources/Support/LabProbe"),
        support(
            "TestSupport",
            [
                "AnswerCache", "Forwarding", "DNSWire", "DomainNames", "IPAddressing", "Inventory",
                "Time", "LDNSBridge",
                "NetworkKernel", "NetworkPlanning", "NetworkModel", "LinuxSystem", "PacketPath", "PathHealth",
            ]),

        support(
            "FuzzTargets",
            [
                "TestSupport", "AdminServer", "AnswerCache", "DNSWire", "Forwarding", "IPAddressing",
                "Inventory",
                "InventoryFile", "JSON", "NetworkModel", "NetworkPlanning", "Time",
            ]),

        // Tests
        tests("IPAddressingTests", ["IPAddressing"]),
        tests("TelemetryTests", ["Telemetry", "Time"]),
        tests("JSONTests", ["JSON"]),
        tests("HTTPTests", ["HTTP"]),
        tests(
            "ClusterDiscoveryTests",
            [
                "ClusterDiscovery", "DomainNames", "InventoryFile", "Inventory", "IPAddressing", "JSON",
                "LinuxSystem", "TestSupport", "Time",
                "namebridge",
            ], data: ["Goldens"]),
        tests("PacketPathTests", ["PacketPath", "NetworkModel", "IPAddressing", "JSON"], data: ["RuleSets"]),
        tests(
            "PathExplanationTests",
            [
                "PathExplanation", "PacketPath", "NetworkPlanning", "NetworkModel", "InventoryFile",
                "Inventory",
                "IPAddressing", "JSON", "TestSupport",
            ],
            data: ["Networks", "Goldens"]),
        tests("NetworkModelTests", ["NetworkModel", "Inventory", "IPAddressing", "JSON"]),
        tests(
            "NetworkPlanningTests",
            [
                "NetworkPlanning", "NetworkModel", "PacketPath", "PathHealth", "InventoryFile", "Inventory",
                "IPAddressing", "Time", "TestSupport",
            ],
            data: ["Goldens"]),
        tests(
            "PathHealthTests", ["PathHealth", "IPAddressing", "Inventory", "Time", "TestSupport"],
            data: ["Scenarios"]),
        tests(
            "PathProbingTests",
            ["PathProbing", "PathHealth", "LinuxSystem", "IPAddressing", "Inventory", "Time"]),
        tests("DomainNamesTests", ["DomainNames"]),
        tests("DiagnosisTests", ["Diagnosis", "DomainNames", "IPAddressing"]),
        tests("DNSWireTests", ["DNSWire", "DomainNames", "TestSupport"]),
        tests(
            "AnswerCacheTests", ["AnswerCache", "DNSWire", "DomainNames", "Telemetry", "Time", "TestSupport"]),
        tests("CodecOracleTests", ["DNSWire", "DomainNames", "LDNSBridge", "TestSupport"]),
        tests(
            "CoreDNSReplayTests", ["DNSWire", "DomainNames", "IPAddressing", "TestSupport"],
            data: ["answers.jsonl"]),
        tests(
            "ForwardingTests",
            [
                "Forwarding", "AnswerCache", "DNSWire", "DomainNames", "IPAddressing", "Inventory",
                "Telemetry", "Time",
                "TestSupport",
            ],
            data: ["Scenarios"]),
        tests("ArchitectureTests"),
        tests(
            "NamebridgeTests",
            [
                "namebridge", "AdminServer", "ClusterDiscovery", "DNSServer", "DNSWire", "DemoClusters",
                "DomainNames", "Forwarding", "HTTP", "IPAddressing", "Inventory",
                "InventoryFile", "JSON", "LDNSBridge", "LabProbe", "LinuxSystem", "NetworkPlanning",
                "TestSupport", "Time",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        tests("LinuxSystemTests", ["LinuxSystem", "IPAddressing", "Time"]),
        tests(
            "DNSServerTests",
            [
                "DNSServer", "DomainNames", "LinuxSystem", "Forwarding", "DNSWire", "IPAddressing",
                "Inventory", "Telemetry", "Time", "TestSupport",
            ]),
        tests(
            "HostileTests",
            [
                "DNSServer", "LinuxSystem", "Forwarding", "DNSWire", "DomainNames", "IPAddressing",
                "Inventory", "TestSupport",
            ]),
        tests(
            "AdminServerTests",
            [
                "AdminServer", "DNSServer", "LinuxSystem", "Forwarding", "DomainNames", "HTTP",
                "IPAddressing",
                "Inventory", "JSON", "PathHealth", "Time", "TestSupport",
            ]),
        tests("LDNSBridgeTests", ["LDNSBridge", "DomainNames"]),
        tests("DemoClustersTests", ["DemoClusters", "LDNSBridge", "DNSWire", "DomainNames"]),
        tests("InventoryTests", ["Inventory", "DomainNames", "IPAddressing"]),
        tests(
            "InventoryFileTests", ["InventoryFile", "Inventory", "DomainNames", "IPAddressing"],
            data: ["Networks", "Wrong"]),
        tests(
            "NetworkKernelTests",
            [
                "NetworkKernel", "NetworkPlanning", "NetworkModel", "LinuxSystem", "InventoryFile",
                "Inventory",
                "IPAddressing", "PathExplanation", "Time", "TestSupport",
            ]),
        tests(
            "NetworkLabTests",
            [
                "namebridge", "IPAddressing", "JSON", "LabProbe", "LinuxSystem", "NetworkModel", "PacketPath",
                "TestSupport",
            ]),
        tests("FuzzTests", ["FuzzTargets"], data: ["Corpus"]),
        tests("EndToEndTests", ["namebridge", "baseline", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)

// libFuzzer brings its own `main`: such a program links with `--sanitize fuzzer` alone.
if Context.environment["NAMEBRIDGE_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzzer", dependencies: ["FuzzTargets"], path: "Sources/Support/Fuzzer",
            exclude: ["fuzz.py"],
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
}
