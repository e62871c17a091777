package import IPAddressing
package import Inventory

/// Takes the arguments of a command one by one: as text, or as a list for a call.
package protocol ArgumentWriter {
    mutating func add(_ word: String)
    /// A word that is always the same, and plain.
    mutating func add(keyword: StaticString)
    mutating func add(_ number: Int)
    mutating func add(_ address: IPAddress)
    mutating func add(_ prefix: IPPrefix)
    mutating func add(_ mac: MACAddress)
}

/// An object that arguments of `ip` or `bridge` name, with all its properties.
package protocol CommandObject: CustomStringConvertible {
    /// Writes the arguments that stand after the verb.
    func write(to writer: inout some ArgumentWriter)
}

extension CommandObject {
    /// The arguments that stand after the verb.
    package var arguments: [Command.Argument] {
        var list = ArgumentList()
        write(to: &list)
        return list.arguments
    }

    /// As it stands after the verb.
    package var description: String {
        var writer = LineWriter()
        write(to: &writer)
        return String(writer.text.dropFirst())
    }
}

/// Arguments one by one.
private struct ArgumentList: ArgumentWriter {
    var arguments: [Command.Argument] = []

    mutating func add(_ word: String) { arguments.append(.word(word)) }
    mutating func add(keyword: StaticString) { add("\(keyword)") }
    mutating func add(_ number: Int) { add(String(number)) }
    mutating func add(_ address: IPAddress) { add(address.description) }
    mutating func add(_ prefix: IPPrefix) { add(prefix.description) }
    mutating func add(_ mac: MACAddress) { add(mac.description) }
}

/// Each argument after a space, in quotation marks if it needs them.
extension LineWriter: ArgumentWriter {
    /// Appends an argument after a space.
    package mutating func add(_ word: String) {
        writeSpace()
        writeWord(word)
    }

    /// Appends a word that is plain.
    package mutating func add(keyword: StaticString) {
        writeSpace()
        write(literal: keyword)
    }

    /// Appends an argument after a space.
    package mutating func add(_ number: Int) {
        writeSpace()
        write(number)
    }

    /// Appends an argument after a space.
    package mutating func add(_ address: IPAddress) {
        writeSpace()
        write(address)
    }

    /// Appends an argument after a space.
    package mutating func add(_ prefix: IPPrefix) {
        writeSpace()
        write(prefix)
    }

    /// Appends an argument after a space.
    package mutating func add(_ mac: MACAddress) {
        writeSpace()
        write(mac)
    }

    /// The arguments of an entry that a mesh has thousands of.
    package mutating func add(_ neighbour: Neighbour) { neighbour.write(to: &self) }

    /// The arguments of an entry that a mesh has thousands of.
    package mutating func add(_ entry: ForwardingEntry) { entry.write(to: &self) }

    /// The arguments of a route.
    package mutating func add(_ route: Route) { route.write(to: &self) }
}
