package import IPAddressing

/// One call of a program that reads or changes the network.
package struct Command: Hashable, Sendable {
    /// The program.
    package var program: Program

    /// The network namespace that the command is about, as `ip netns` names it; nil for the one that this
    /// process is in.
    package var namespace: String?

    /// What stands before the arguments. Commands that differ in their arguments alone can share one call.
    package var options: [String]
    /// Its arguments, after the options.
    package var arguments: [Argument]

    /// What the program reads from its standard input; nil if it reads nothing.
    package var input: String?

    /// Creates a command.
    package init(
        _ program: Program, _ arguments: [Argument], options: [String] = [], input: String? = nil,
        in namespace: String? = nil
    ) {
        self.program = program
        self.options = options
        self.arguments = arguments
        self.input = input
        self.namespace = namespace
    }

    /// A program, by the name of its file.
    package struct Program: Hashable, Sendable, CustomStringConvertible {
        /// Its name, without a folder.
        package var name: String

        /// Creates a program.
        package init(_ name: String) { self.name = name }

        /// The program `ip`.
        package static let ip = Program("ip")
        /// The program `bridge`.
        package static let bridge = Program("bridge")
        /// The program `nft`.
        package static let nft = Program("nft")
        /// The program `sysctl`.
        package static let sysctl = Program("sysctl")
        /// The program `conntrack`.
        package static let conntrack = Program("conntrack")
        /// The program `iptables`.
        package static let iptables = Program("iptables")
        /// The program `ip6tables`.
        package static let ip6tables = Program("ip6tables")

        /// The iptables of a family.
        package static func iptables(_ family: AddressFamily) -> Program {
            family == .v4 ? iptables : ip6tables
        }

        /// As it is shown to people.
        package var description: String { name }
    }

    /// One argument of a command, passed on without a shell.
    package enum Argument: Hashable, Sendable {
        case word(String)
        /// A word with the name of a device for which the host has to be seen first: a command with it is for
        /// reading, or for a shell that finds the name.
        case unresolved(before: String, DeviceReference, after: String)
        /// The source of each connection that is found: a command with it is a pattern of several.
        case sameSource
    }

    /// The words of the call, the program that is started first: `ip netns exec` enters the namespace for
    /// programs that have no option for it.
    package var words: [String] { head + arguments.map(\.text) }

    /// True if it stands for several commands, one for each connection that is found.
    package var isPattern: Bool { arguments.contains(.sameSource) }

    /// The words before the arguments.
    package var head: [String] {
        guard let namespace else { return [program.name] + options }
        switch program {
        case .ip, .bridge: return [program.name, "-n", namespace] + options
        default: return ["ip", "netns", "exec", namespace, program.name] + options
        }
    }
}

// MARK: - As text

extension Command: CustomStringConvertible {
    /// As one types it, with its input below.
    package var description: String { input.map { "\(line) <<'END'\n\($0)END" } ?? line }

    /// As one types it, without its input.
    package var line: String {
        var writer = LineWriter()
        for word in head { writer.add(word) }
        return String(writer.text.dropFirst()) + (arguments.isEmpty ? "" : " ") + argumentLine
    }

    /// The arguments as one types them, and as a file of `iptables-restore` has them.
    package var argumentLine: String {
        var writer = LineWriter()
        for argument in arguments { writer.add(argument) }
        return String(writer.text.dropFirst())
    }

    /// The arguments as a line of a batch of `ip` or `bridge`; nil if no such line says them: `#` begins a
    /// comment there at any place, and one kind of quotation mark ends at the next.
    package var batchLine: String? {
        var line = ""
        for argument in arguments {
            let text = argument.text
            guard let mark = Self.batchMark(around: text) else { return nil }
            if !line.isEmpty { line += " " }
            line += mark
            line += text
            line += mark
        }
        return line
    }

    /// The quotation mark that `text` needs in a batch, empty if it needs none; nil if none will do.
    private static func batchMark(around text: String) -> String? {
        guard !text.isEmpty else { return nil }
        var (hasSpecial, hasDouble, hasSingle) = (false, false, false)
        for octet in text.utf8 {
            switch octet {
            case UInt8(ascii: "#"), 0x0A...0x0D: return nil
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\\"): hasSpecial = true
            case UInt8(ascii: "\""): hasDouble = true
            case UInt8(ascii: "'"): hasSingle = true
            default: continue
            }
        }
        if hasDouble { return hasSingle ? nil : "'" }
        return hasSpecial || hasSingle ? "\"" : ""
    }
}

extension Command.Argument: ExpressibleByStringInterpolation {
    /// Creates an argument.
    package init(stringLiteral text: String) { self = .word(text) }
}

extension Command.Argument {
    /// As the program gets it.
    package var text: String {
        switch self {
        case .word(let word): word
        case .unresolved(let before, let device, let after): "\(before)\(device)\(after)"
        case .sameSource: "<the same source>"
        }
    }
}

extension LineWriter {
    /// A space and the argument, in quotation marks if it needs them; what is not known yet is no word.
    package mutating func add(_ argument: Command.Argument) {
        if case .word(let word) = argument { return add(word) }
        write(" ")
        write(argument.text)
    }
}
