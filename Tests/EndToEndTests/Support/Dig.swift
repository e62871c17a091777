import Foundation

/// A reply as `dig` or `kdig` shows it.
struct DigReply {
    /// `NOERROR`, `NXDOMAIN`, ...; empty if there was no reply.
    var status = ""
    /// Such as `qr`, `rd`, `ra`, `tc`.
    var flags: Set<String> = []
    /// Extended DNS Errors in words.
    var errors: [String] = []
    /// The question line, such as `Web.shop.svc.prod.cluster.local. A`.
    var question = ""
    var answer: [String] = []
    var authority: [String] = []
    var additional: [String] = []
    /// In octets.
    var size = 0
    /// True if the reply has an OPT record.
    var hasEDNS = false
    /// The exit code of the client.
    var exitCode: Int32 = 0
    /// The address, the port and the transport that the reply came from.
    var server = ""
    /// From the question to the reply, as the client took it; 0 if there was no reply.
    var milliseconds = 0
    /// All that the client wrote.
    var text = ""

    /// Reads the output of `dig` or `kdig`; of several replies, the first.
    init(_ result: Tool.Result) {
        text = result.output + result.errors
        exitCode = result.status
        var section = ""
        for line in result.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix(";;"), line.contains("->>HEADER<<-") {
                if !status.isEmpty { break }
                status = word(behind: "status: ", in: line)
            } else if line.lowercased().hasPrefix(";; flags:") {
                flags = Set(line.dropFirst(9).prefix { $0 != ";" }.split(separator: " ").map(String.init))
            } else if line.hasPrefix(";; "), let end = line.range(of: " SECTION:") {
                section = String(line[..<end.lowerBound].dropFirst(3))
            } else if line.hasPrefix("; EDE:") || line.hasPrefix(";; EDE:") {
                errors.append(String(line.drop { $0 == ";" || $0 == " " }.dropFirst(4)).trimmingCharacters(in: .whitespaces))
            } else if line.contains("OPT PSEUDOSECTION") || line.contains("EDNS PSEUDOSECTION") {
                hasEDNS = true
            } else if line.hasPrefix(";; Query time: ") {
                milliseconds = Int(word(behind: "time: ", in: line)) ?? 0
            } else if line.hasPrefix(";; MSG SIZE") || line.hasPrefix(";; Received ") {
                size = Int(line.split(separator: " ").compactMap { Int($0) }.first ?? 0)
            } else if line.hasPrefix(";; SERVER:") || line.hasPrefix(";; From ") {
                server = line
            } else if line.hasPrefix(";"), section == "QUESTION", question.isEmpty {
                question = fields(line.drop { $0 == ";" || $0 == " " }).filter { $0 != "IN" }.joined(separator: " ")
            } else if !line.isEmpty, !line.hasPrefix(";") {
                append(line, to: section)
            }
        }
    }

    /// Records are kept without TTL and class: `web.shop.svc.prod.cluster.local. A 10.1.2.3`.
    private mutating func append(_ line: String, to section: String) {
        var parts = fields(line[...])
        guard parts.count > 3 else { return }
        parts.removeSubrange(1...2)
        let record = parts.joined(separator: " ")
        switch section {
        case "ANSWER": answer.append(record)
        case "AUTHORITY": authority.append(record)
        case "ADDITIONAL": additional.append(record)
        default: break
        }
    }

    private func fields(_ line: Substring) -> [String] {
        line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
    }

    private func word(behind lead: String, in line: String) -> String {
        guard let range = line.range(of: lead) else { return "" }
        return String(line[range.upperBound...].prefix { $0.isLetter || $0.isNumber })
    }

    /// The answer's records, each as data alone, in order of their text.
    var data: [String] { answer.map { $0.split(separator: " ").dropFirst(2).joined(separator: " ") }.sorted() }
}

/// Asks as a person would; `options` are those of the client.
func dig(_ words: String..., port: Int, at address: String = "127.0.0.1", options: [String] = []) throws -> DigReply {
    let command = ["dig", "-r", "@\(address)", "-p", "\(port)", "+tries=1", "+time=6"] + options
    return DigReply(try Tool.run(command + words.flatMap { $0.split(separator: " ").map(String.init) }))
}

/// The same with `kdig`, whose code is that of Knot DNS.
func kdig(_ words: String..., port: Int, at address: String = "127.0.0.1", options: [String] = []) throws -> DigReply {
    let command = ["kdig", "@\(address)", "-p", "\(port)", "+retry=0", "+time=6"] + options
    return DigReply(try Tool.run(command + words.flatMap { $0.split(separator: " ").map(String.init) }))
}
