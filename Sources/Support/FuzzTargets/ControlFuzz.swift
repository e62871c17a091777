import AdminServer
import JSON

/// A line to the control socket, and the same octets as the JSON that a client of it reads.
enum ControlFuzz {
    /// The errors with this input.
    static func objections(to input: [UInt8]) -> [String] {
        var objections: [String] = []
        let octets = input.prefix { $0 != 0x0A }.prefix(ControlRequest.longestLine)
        let line = String(decoding: octets, as: UTF8.self)
        if let request = try? ControlRequest(parsing: line) {
            if (try? ControlRequest(parsing: request.line)) != request {
                objections.append("\(request.line) is read as something else")
            }
        }
        if let value = try? JSONReader.read(input) {
            let text = value.text()
            if (try? JSONReader.read(Array(text.utf8))) != value {
                objections.append("the text of a value is read as something else")
            }
            let status = ServerStatus(json: value)
            if status != ServerStatus(json: status.json) {
                objections.append("a status is read as something else")
            }
        }
        return objections
    }
}
