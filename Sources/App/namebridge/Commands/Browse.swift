import AdminServer
import ArgumentParser
import Inventory
import JSON
import LinuxSystem

/// `namebridge browse`: the names that clusters are known to have.
struct Browse: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the names that clusters are known to have.",
        discussion: """
            The running server knows them from three sources, and the output says which: facts, of services \
            whose endpoints "namebridge follow" has seen; a walk of the clusters' service ranges, which asks \
            for the name of each address; and the cache, of names that clients have asked for. \
            --walk begins a walk of CLUSTER, shows how far it is, and lists what it found; \
            the server keeps that for later. Nothing in the cluster needs to be changed. Names that this \
            host may not ask are not listed. The exit code is 1 if no name is known.

            Examples:
              namebridge browse
              namebridge browse prod/shop
              namebridge browse --walk prod
            """)

    @Argument(
        help: "Which names: CLUSTER, CLUSTER/NAMESPACE or */NAMESPACE. (default: all)",
        completion: .custom(KnownNameCompletion.scopes))
    var scope: String?

    @Flag(name: .long, help: "Ask for the name of each address in the IPv4 service ranges of CLUSTER first.")
    var walk = false

    @Option(name: .long, help: "Questions a second of a walk, 1 to 100000.")
    var pace = 1_000

    @OptionGroup var options: RunningServerOptions

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    func validate() throws {
        let scope = try readScope()
        guard (1...100_000).contains(pace) else { throw ValidationError("--pace is 1 to 100000.") }
        if walk, scope.cluster == nil { throw ValidationError("--walk needs a CLUSTER.") }
    }

    func run() throws {
        let scope = try readScope()
        if walk, let cluster = scope.cluster { try walkRanges(of: cluster) }
        var names: [KnownName] = []
        var total = 0
        var paths = JSONValue.null
        repeat {  // ends: each answer brings more names, up to their number
            let answer = try options.ask(.names(scope, from: names.count))
            let page = (answer["names"]?.elements ?? []).compactMap(KnownName.init(json:))
            total = answer["total"]?.integer ?? 0
            paths = answer["paths"] ?? .null
            guard !page.isEmpty else { break }
            names += page
        } while names.count < total
        switch output {
        case .text: show(names, scope, paths)
        case .json: print(JSONValue.object([("names", .array(names.map(\.json))), ("paths", paths)]))
        }
        if names.isEmpty { throw ExitStatus.problem }
    }

    /// The scope of the command line.
    private func readScope() throws -> NameScope {
        guard let scope else { return NameScope() }
        guard let read = NameScope(scope) else {
            throw ValidationError("\"\(scope)\" is neither CLUSTER nor CLUSTER/NAMESPACE.")
        }
        return read
    }

    /// Begins a walk, and shows its progress each five seconds until it is over.
    private func walkRanges(of cluster: String) throws {
        var answer = try options.ask(.walk(cluster: cluster, perSecond: pace))
        var turns = 0
        // Ends: a walk asks for a bounded number of addresses.
        while let walk = answer["walks"]?.elements?.first(where: { $0["cluster"]?.string == cluster }) {
            let isOver = walk["over"]?.boolean == true
            if isOver || turns % 20 == 19 { printError("\(cluster): \(Self.progress(walk))") }
            if isOver { return }
            turns += 1
            ThisProcess.sleep(milliseconds: 250)
            answer = try options.ask(.names(NameScope(cluster: cluster), from: .max))
        }
    }

    /// How far a walk is, in words.
    private static func progress(_ walk: JSONValue) -> String {
        func count(_ key: String) -> String { Figures.grouped(walk[key]?.integer ?? 0) }
        let lost = walk["lost"]?.integer ?? 0
        return "\(count("asked")) of \(count("addresses")) addresses asked, \(count("found")) names,"
            + " \(count("failed")) errors"
            + (lost == 0 ? "" : ", \(count("lost")) without an answer: their names are not known")
            + (walk["given-up"]?.boolean == true
                ? "; the walk has ended early: nothing but errors for seconds, see \"namebridge status\""
                : "")
    }

    /// A table of the names.
    ///
    /// - Parameter paths: The state of the paths to each cluster, as probes show it.
    private func show(_ names: [KnownName], _ scope: NameScope, _ paths: JSONValue) {
        guard !names.isEmpty else {
            let place = scope == NameScope() ? "" : " of \(scope.text)"
            print(
                "no name is known\(place);"
                    + " \"namebridge browse\(options.demo ? " --demo" : "") --walk CLUSTER\""
                    + " asks a cluster for its names")
            guard scope != NameScope() else { return }
            let known = KnownNames.read(at: options.clientPaths, most: 100_000)
            if let hint = KnownNames.hint(for: scope, among: known) { print(hint.printable) }
            return
        }
        var table = TextTable([.left, .left, .left, .left, .left, .right])
        table.add(["CLUSTER", "NAME", "ADDRESS", "PATH", "SOURCE", "AGE"])
        for name in names {
            table.add([
                name.cluster, "\(name.name)", name.address.map { "\($0)" } ?? "-",
                paths[name.cluster]?.string ?? "-", name.source.rawValue,
                Figures.duration(seconds: name.ageSeconds),
            ])
        }
        for (index, line) in table.lines.enumerated() { print(StyledText(line, index == 0 ? .faint : nil)) }
    }
}
