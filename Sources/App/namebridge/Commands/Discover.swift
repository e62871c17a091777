import ArgumentParser
import ClusterDiscovery
import Inventory
import JSON
import LinuxSystem

/// `namebridge discover`: writes the clusters of a configuration file from the clusters' own settings.
struct Discover: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find the clusters' settings for a configuration file.",
        discussion: """
            Asks the API servers of kubeconfig contexts through kubectl, so that every way to log in works, \
            and prints the "clusters" of a configuration file: prefixes, nodes, CNI, kube-proxy, DNS. \
            Comments say where each value came from, and how to find by hand what was not found. Nothing is \
            written to a cluster.

            Clusters with overlapping prefixes get a "map" proposed, in ranges that nothing else uses. Other \
            overlaps and clusters that could not be asked are reported on standard error; the exit code is \
            then 1.

            Examples:
              namebridge discover --context prod --context staging > clusters.yaml
              namebridge check clusters.yaml
              namebridge discover --context prod --merge /etc/namebridge/namebridge.yaml
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A context of the kubeconfig; may be given several times. (default: the current one)",
            valueName: "name"), completion: .custom(ConfigurationCompletion.contexts))
    var context: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The cluster's key in the file, one for each --context in their order. (default: made from"
                + " the context's name, or the key of the same cluster in the file of --merge)",
            valueName: "label"))
    var key: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The kubeconfig. (default: where kubectl looks: KUBECONFIG, ~/.kube/config)", valueName: "file"),
        completion: .file())
    var kubeconfig: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Show what differs from this configuration file instead; it stays as it is.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var merge: String?

    @Option(
        name: .long,
        help: ArgumentHelp("How long to wait for each answer, 1s to 300s.", valueName: "duration"))
    var timeout = RequestTimeout(seconds: 15)

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    func validate() throws {
        if Set(context).count < context.count { throw ValidationError("Name each --context once.") }
        if key.count > max(1, context.count) { throw ValidationError("There are more --key than --context.") }
        if Set(key).count < key.count { throw ValidationError("Give each cluster a --key of its own.") }
        for key in key where !ClusterKey.isValid(key) {
            throw ValidationError(
                "\"\(key)\" can't be a key; lower-case letters, digits and inner hyphens can, such as"
                    + " \"\(ClusterKey.label(of: key))\".")
        }
    }

    func run() throws {
        let file = try merge.map(Self.load)
        let kubectl = try Kubectl(kubeconfig: kubeconfig, timeout: timeout.seconds)
        let (contexts, known) = try chosenContexts(kubectl)
        var surveys: [(survey: ClusterSurvey, key: String?)] = []
        for (index, context) in contexts.enumerated() {
            let key = key.indices.contains(index) ? key[index] : nil
            surveys.append((ClusterSurvey.asking(context: context, kubectl), key))
        }
        let discovery = Discovery(
            surveys, by: kubectl, file: file, contexts: known, hostRoutes: HostRoutes.prefixes())
        discovery.printProblems()
        switch output {
        case .json: print(discovery.json)
        case .text where discovery.found.isEmpty: break
        case .text:
            if let merge {
                discovery.printDifference(path: merge)
            } else {
                print(discovery.text, terminator: "")
            }
        }
        if discovery.hasProblem { throw ExitStatus.problem }
    }

    /// The contexts to ask, and all that the kubeconfig has.
    private func chosenContexts(_ kubectl: Kubectl) throws -> (chosen: [String], known: [String]) {
        do throws(KubectlFailure) {
            let known = try kubectl.contexts()
            if !context.isEmpty { return (context, known) }
            if known.isEmpty {
                printError("namebridge: \(kubectl.lackOfContexts)")
                throw KubectlFailure.noContext
            }
            guard let current = try? kubectl.currentContext(), known.contains(current) else {
                let list = known.prefix(8).map(plainText).joined(separator: ", ")
                printError("namebridge: no context is the current one; name one with --context: \(list)")
                throw KubectlFailure.noContext
            }
            return ([current], known)
        } catch {
            if error != .noContext { printError("namebridge: \(error.explanation(kubectl: "kubectl"))") }
            throw ExitStatus.usage
        }
    }

    /// - Throws: `ExitStatus.usage`, after messages, where the file has errors.
    private static func load(_ path: String) throws -> Inventory {
        let configuration = try Configuration(path: path)
        guard let inventory = configuration.inventory else {
            for problem in configuration.problems { printError(Style.error.paint(problem)) }
            printError("namebridge: \(path): not compared, since it has errors")
            throw ExitStatus.usage
        }
        return inventory
    }
}

/// The time limit of a request.
struct RequestTimeout: ExpressibleByArgument {
    /// 1...300.
    let seconds: Int

    init(seconds: Int) { self.seconds = seconds }

    init?(argument: String) {
        guard argument.last == "s", let number = Int(argument.dropLast()), (1...300).contains(number) else {
            return nil
        }
        seconds = number
    }

    var defaultValueDescription: String { "\(seconds)s" }
}
