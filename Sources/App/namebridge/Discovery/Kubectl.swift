import ArgumentParser
import ClusterDiscovery
import Inventory
import LinuxSystem

/// Calls kubectl, so that every way to log in that works there works here.
struct Kubectl: Sendable {
    /// The program's path.
    private let path: String
    /// The user's own environment, since login programs need it, with English messages.
    private let environment: [String]
    /// Nil: kubectl's default.
    private let kubeconfig: String?
    /// For each request, in seconds.
    private let timeout: Int

    /// - Throws: `ExitStatus.usage`, after a message, if there is no kubectl.
    init(kubeconfig: String?, timeout: Int) throws {
        guard let path = Self.program else {
            printError(
                "namebridge: there is no kubectl on PATH; install it (Debian: kubernetes-client), or run this"
                    + " where it is and bring the output over")
            throw ExitStatus.usage
        }
        self.path = path
        environment = ThisProcess.environment.filter { !$0.hasPrefix("LC_ALL=") } + ["LC_ALL=C"]
        self.kubeconfig = kubeconfig
        self.timeout = timeout
    }

    /// The program on the user's own PATH; nil if there is none.
    static var program: String? {
        let folders = ThisProcess.environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5)
            .split(separator: ":").map(String.init)
        return ChildProcess.path(of: "kubectl", in: folders ?? ChildProcess.searchPath)
    }

    /// The answer of the cluster of `context` to `topic` of `survey`.
    func ask(_ topic: SurveyTopic, of survey: ClusterSurvey) throws(KubectlFailure) -> [UInt8] {
        let path = survey.path(of: topic)
        let options = ["--context", survey.context, "--request-timeout=\(timeout)s"]
        guard let body = topic.body else {
            // The first question to a cluster is asked alone, so that the login happens once.
            return try run(options + ["get", "--raw", path], mayLogIn: topic == .version)
        }
        return try run(options + ["create", "--raw", path, "-f", "-"], input: Array(body.utf8))
    }

    /// The answer of the cluster of `context` to a question that only reads; nothing is asked of a person.
    ///
    /// - Parameter stop: Cuts the question short once it is readable.
    func get(
        _ path: String, context: String, until stop: borrowing EventFD
    ) throws(KubectlFailure) -> [UInt8] {
        let words = ["--context", context, "--request-timeout=\(timeout)s", "get", "--raw", path]
        var answer: [UInt8] = []
        let end: ChildProcess.StreamEnd
        do throws(Errno) {
            end = try ChildProcess.stream(
                self.path, fileOption + words, environment: environment, timeout: longestRun, until: stop
            ) { octets in
                answer += octets
                return answer.count > Self.longestAnswer ? .end : .goOn
            }
        } catch {
            throw .other("kubectl can't be run: \(error)")
        }
        guard let ending = end.ending else {
            throw answer.count > Self.longestAnswer ? Self.tooLong : .other("the question was cut short")
        }
        return try result(ending, answer, errors: end.errors)
    }

    /// Watches until the server ends it, something fails, or `stop` is signalled.
    ///
    /// - Parameter take: Gets each line, which is an event.
    /// - Returns: Why it has ended; nil if the server ended it in order, or it was stopped.
    func watch(
        _ path: String, context: String, until stop: borrowing EventFD, _ take: ([UInt8]) -> Void
    ) -> KubectlFailure? {
        var lines = WatchLines()
        do throws(Errno) {
            let end = try ChildProcess.stream(
                self.path, fileOption + ["--context", context, "get", "--raw", path],
                environment: environment, until: stop
            ) { octets in
                lines.add(octets, take) == .tooLong ? .end : .goOn
            }
            if lines.isTooLong {
                return .other("the API server sends an event of more than \(WatchLines.longest >> 20) MiB")
            }
            // A status may come without a line break.
            if !lines.rest.isEmpty, end.ending != nil { take(lines.rest) }
            switch end.ending {
            case nil, .exit(status: 0)?: return nil
            case .exit?:
                return KubectlFailure(errors: String(decoding: end.errors, as: UTF8.self).printableLines)
            case .signal(let number)?: return .other("kubectl was ended by signal \(number)")
            case .timeout?, .tooMuchOutput?: return .timeout
            }
        } catch {
            return .other("kubectl can't be run: \(error)")
        }
    }

    /// The kubeconfig files that kubectl would read, if none of them exists; nil if one does.
    var absentFiles: [String]? {
        func variable(_ name: String) -> String? {
            environment.last { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
        }
        let list = variable("KUBECONFIG")?.split(separator: ":").map(String.init) ?? []
        let usual = list.isEmpty ? [(variable("HOME") ?? "") + "/.kube/config"] : list
        let files = kubeconfig.map { [$0] } ?? usual
        return files.contains { (try? FileContents.read($0)) != nil } ? nil : files
    }

    /// Why there is no context to ask.
    var lackOfContexts: String {
        guard let files = absentFiles else {
            return "the kubeconfig has no contexts; --kubeconfig names another file"
        }
        return "there is no kubeconfig: \(plainText(files.joined(separator: ", "))) does not exist;"
            + " --kubeconfig names another file, and \"namebridge init --cluster NAME=ADDRESS\" needs none"
    }

    /// The contexts that the kubeconfig has.
    func contexts() throws(KubectlFailure) -> [String] {
        lines(try run(["config", "get-contexts", "--output=name"]))
    }

    /// The context that kubectl would use.
    func currentContext() throws(KubectlFailure) -> String? {
        lines(try run(["config", "current-context"])).first
    }

    /// Milliseconds that a person has for a login once the program has asked for it.
    private static let loginTimeout = 600_000

    /// The longest answer that is taken, in octets.
    private static let longestAnswer = 64 << 20

    /// The failure of a longer one.
    private static var tooLong: KubectlFailure { .other("the answer is larger than 64 MiB") }

    /// How long a question may take, in milliseconds: a program that logs in may take some time before the
    /// request begins.
    private var longestRun: Int { (timeout + 20) * 1000 }

    /// The option for the kubeconfig.
    private var fileOption: [String] { kubeconfig.map { ["--kubeconfig", $0] } ?? [] }

    /// The lines of an output.
    private func lines(_ octets: [UInt8]) -> [String] {
        String(decoding: octets, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// - Parameter mayLogIn: True if the program that logs in may ask the person at the terminal.
    private func run(
        _ arguments: [String], input: [UInt8] = [], mayLogIn: Bool = false
    ) throws(KubectlFailure) -> [UInt8] {
        let relay = LoginRelay()
        let conversation = ChildProcess.Conversation(timeout: Self.loginTimeout) { relay.hear($0) }
        let run: ChildProcess.Result
        do throws(Errno) {
            run = try ChildProcess.run(
                path, fileOption + arguments, environment: environment, input: input, timeout: longestRun,
                outputLimit: Self.longestAnswer, inherits: false, conversation: mayLogIn ? conversation : nil)
        } catch {
            throw .other("kubectl can't be run: \(error)")
        }
        return try result(run.ending, run.output, errors: run.errors)
    }

    /// The output of a run that has ended in order.
    private func result(
        _ ending: ChildProcess.Ending, _ output: [UInt8], errors: [UInt8]
    ) throws(KubectlFailure) -> [UInt8] {
        switch ending {
        case .exit(status: 0): return output
        case .exit: throw KubectlFailure(errors: String(decoding: errors, as: UTF8.self).printableLines)
        case .signal(let number): throw .other("kubectl was ended by signal \(number)")
        case .timeout: throw .timeout
        case .tooMuchOutput: throw Self.tooLong
        }
    }
}

/// The lines of a watch, put together from the pieces that arrive.
struct WatchLines {
    /// The longest line, in octets: etcd keeps no object of more than 1.5 MiB.
    static let longest = 4 << 20

    /// The line that has not ended yet.
    private(set) var rest: [UInt8] = []
    /// True once a line was longer than `longest`.
    private(set) var isTooLong = false

    /// Whether more may be added.
    enum Adding {
        /// Every line had a permitted length.
        case added
        /// A line is too long.
        case tooLong
    }

    /// Adds octets, and gives each line that ends in them to `take`.
    mutating func add(_ octets: [UInt8], _ take: ([UInt8]) -> Void) -> Adding {
        for piece in octets.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            if piece.offset > 0 {
                take(rest)
                rest = []
            }
            guard rest.count + piece.element.count <= Self.longest else {
                rest = []
                isTooLong = true
                return .tooLong
            }
            rest += piece.element
        }
        return .added
    }
}
