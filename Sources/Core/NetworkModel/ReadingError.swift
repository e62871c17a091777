package import JSON

/// Why a program's output could not be read.
package enum ReadingError: Error, Hashable, Sendable {
    /// The output is not JSON.
    case notJSON(program: String, JSONError)
    /// It is JSON of another shape than the program's known versions print.
    case unexpected(program: String, what: String)

    /// Parses `text` as JSON; empty text is an empty array, since `ip` prints nothing for empty tables.
    static func json(_ text: [UInt8], of program: String) throws(ReadingError) -> JSONValue {
        if text.allSatisfy({ $0 == 0x20 || $0 == 0x0A }) { return .array([]) }
        do throws(JSONError) {
            return try JSONReader.read(text)
        } catch {
            throw .notJSON(program: program, error)
        }
    }
}

extension ReadingError: CustomStringConvertible {
    /// As it is shown to people.
    package var description: String {
        switch self {
        case .notJSON(let program, let error): "\(program): the output is not JSON: \(error)"
        case .unexpected(let program, let what): "\(program): unexpected output: \(what)"
        }
    }
}
