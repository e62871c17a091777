import AdminServer
import ArgumentParser
import DomainNames
import JSON

/// `namebridge flush`: removes answers from the running server's cache.
struct Flush: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove answers from the running server's cache.",
        discussion: """
            Without an argument it removes all. CLUSTER is a key of the configuration: every name that the \
            cluster answers is removed, reverse names included; "upstream" stands for dns.upstream. NAME is \
            one name with all its types, in all views; *.NAME stands for every name below it. A name of one \
            label takes a final dot.

            Examples:
              namebridge flush
              namebridge flush prod
              namebridge flush web.shop.svc.prod.cluster.local
              namebridge flush '*.shop.svc.prod.cluster.local'
            """)

    @Argument(
        help: "What to remove: a cluster's key or a name. (default: everything)",
        completion: .custom(ConfigurationCompletion.clusters))
    var what: String?

    @Flag(name: .long, help: "Remove every name below NAME too.")
    var below = false

    @OptionGroup var options: RunningServerOptions

    @Option(name: [.customShort("o"), .long], help: "How to write the result: text or json.")
    var output = OutputForm.text

    func validate() throws {
        _ = try scope()
    }

    func run() throws {
        let answer = try options.ask(.flush(try scope()))
        switch output {
        case .text:
            let count = answer["flushed"]?.integer ?? 0
            print("\(count) \(count == 1 ? "answer" : "answers") forgotten")
        case .json: print(answer)
        }
    }

    /// Which answers the argument means.
    private func scope() throws -> FlushScope {
        guard let what else {
            if below { throw ValidationError("--below needs a NAME.") }
            return .everything
        }
        let isBelow = below || what.hasPrefix("*.")
        if !isBelow, !what.contains(".") {
            // The line that is sent contains only characters that a key can have.
            guard !what.isEmpty, what.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw ValidationError("\"\(what)\" is neither a cluster's key nor a name.")
            }
            return .cluster(what)
        }
        do throws(DomainNameError) {
            let name = try DomainName(parsing: what.hasPrefix("*.") ? String(what.dropFirst(2)) : what)
            return isBelow ? .below(name) : .name(name)
        } catch {
            throw ValidationError("The name \"\(what)\" \(error).")
        }
    }
}
