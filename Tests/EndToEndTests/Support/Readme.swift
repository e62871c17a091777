import Foundation

/// The guide's lines for the resolvers in front of Namebridge.
enum Readme {
    /// The blocks of code below `**NAME**`, in their order, as lines for a test: the forwarder is at `forwarder`, and
    /// the service prefix is the cluster *prod*'s.
    static func blocks(of name: String, forwarder: String) throws -> [String] {
        let text = try String(contentsOfFile: Tool.packageFile("docs/resolvers.md"), encoding: .utf8)
        var blocks: [String] = []
        var (isOurs, isCode) = (false, false)
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                isCode.toggle()
                if isOurs, isCode { blocks.append("") }
            } else if isCode {
                if isOurs { blocks[blocks.count - 1] += line + "\n" }
            } else if line.hasPrefix("**") {
                isOurs = line.hasPrefix("**\(name)**")
            }
        }
        guard !blocks.isEmpty else { throw TestFailure("the guide has no lines for \(name)") }
        return blocks.map {
            $0.replacingOccurrences(of: "172.16.0.5", with: forwarder)
                .replacingOccurrences(of: "96.10.in-addr.arpa", with: "234.10.in-addr.arpa")
        }
    }
}
