import IPAddressing
import LinuxSystem
import NetworkModel

/// Reads what is in our network namespaces, each of which `ip netns` has a name for.
struct NamespaceReading {
    /// The names that may be ours, and the host's number of each that has one.
    private let names: [(name: String, number: Int?)]

    /// Where `ip netns` keeps the names.
    private static let folder = "/run/netns"

    init() throws {
        let files = FileContents.names(in: Self.folder)
        guard files.contains(where: { $0.hasPrefix(Ownership.namespacePrefix) }) else {
            names = []
            return
        }
        names = try NetworkNamespace.read(
            names: try HostTools.run(Command(.ip, ["netns", "list"], options: ["-j"])))
    }

    /// The names by the host's numbers, which links to them show.
    var byNumber: [Int: String] {
        Dictionary(names.compactMap { name, number in number.map { ($0, name) } }) { first, _ in first }
    }

    func namespaces() throws -> [NetworkNamespace] {
        try names.map { name, _ in try Self.read(name) }.sorted { $0.name < $1.name }
    }

    private static func read(_ name: String) throws -> NetworkNamespace {
        guard let rows = try ip(["link"], ["-j", "-d"], in: name) else {
            return NetworkNamespace(name: name)
        }
        var state = HostState(links: try Link.read(rows))
        let links = state.links
        // What is not ours is left alone, and need not be known.
        guard NetworkNamespace(name: name, state: state).isOurs else {
            return NetworkNamespace(name: name, state: state)
        }
        state.addresses = try InterfaceAddress.read(ip(["addr"], ["-j"], in: name) ?? Self.nothing)
        for family in AddressFamily.allCases {
            let options = ["-j", "-d", family == .v4 ? "-4" : "-6"]
            let routes = try ip(["route", "show", "table", "all"], options, in: name)
            state.routes += try Route.read(routes ?? Self.nothing, family: family)
        }
        if links.contains(where: \.isMesh) {
            let neighbours = try ip(["neigh", "show", "nud", "permanent"], ["-j"], in: name)
            state.neighbours = try Neighbour.read(neighbours ?? Self.nothing)
            let entries = try HostTools.attempt(Command(.bridge, ["fdb"], options: ["-j"], in: name))
            state.forwardingEntries = try ForwardingEntry.read(
                entries.ending == .exit(status: 0) ? entries.output : Self.nothing)
        }
        let tables = try RulesReading.list(["table", "inet", .word(Ownership.table)], in: name)
        state.tables = FilterTable.read(items: tables)
        let settings = try HostTools.attempt(Command(.sysctl, settings(of: links), options: ["-e"], in: name))
        state.settings = KernelSetting.read(String(decoding: settings.output, as: UTF8.self))
        return NetworkNamespace(name: name, state: state)
    }

    /// An empty listing.
    private static let nothing = Array("[]".utf8)

    /// Nil if the namespace cannot be entered.
    private static func ip(
        _ arguments: [Command.Argument], _ options: [String], in name: String
    ) throws(KernelError) -> [UInt8]? {
        let command = Command(.ip, arguments, options: options, in: name)
        let result = try HostTools.attempt(command)
        if result.ending == .exit(status: 0) { return result.output }
        let errors = HostTools.text(result.errors)
        if options.contains("-6"), errors.contains("not supported") { return nothing }
        // Gone since, or a name that nothing is behind.
        if errors.contains("network namespace") { return nil }
        throw .failed(command, result.ending, errors: errors)
    }

    /// The settings that a plan has for namespaces.
    private static func settings(of links: [Link]) -> [Command.Argument] {
        var keys: [Command.Argument] = []
        for device in ["all", "default", VethLink.peer] + links.filter(\.isMesh).map(\.name) {
            for name in [KernelSetting.Name.forwarding, .reversePathFilter, .sendRedirects, .acceptLocal] {
                keys.append("\(KernelSetting(family: .v4, device: device, name: name))")
            }
            keys.append("\(KernelSetting(family: .v6, device: device, name: .forwarding))")
        }
        return keys
    }
}
