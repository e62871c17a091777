import DomainNames
import LDNSBridge

/// The words after a verb: the parts of a message besides question and records.
///
/// | words | meaning |
/// |---|---|
/// | `id N` | the client's message ID; 1 where left out |
/// | `edns [N]` | OPT with this payload size, else 1232; without the word there is none |
/// | `version N` `do` | the EDNS version; the DO bit |
/// | `ede N "TEXT"` | an Extended DNS Error |
/// | `aa` `tc` `ad` `cd` `nord` | header bits; `nord`: without RD |
/// | `opcode N` `class N` | other than QUERY and IN |
/// | `over tcp` | the transport, else UDP |
/// | `noquestion` `questions N` | an empty question section; a false count of it |
/// | `question NAME TYPE` | another question than the one that was asked |
/// | `attempt N` | the answer to the Nth question to this server, from 1; else to the last one |
/// | `wrong id` `wrong socket` | an answer that fits nothing |
/// | `tsig` | signed with a TSIG record |
struct ScenarioTerms: Hashable {
    /// `id`.
    var id: Int?
    /// The response code.
    var rcode = 0
    /// `edns`.
    var payloadSize: Int?
    /// `version`.
    var version = 0
    /// `do`.
    var wantsDNSSEC = false
    /// The code of `ede`.
    var errorCode: Int?
    /// The text of `ede`.
    var errorText = ""
    /// The header bits.
    var bits: Set<String> = []
    /// `opcode`.
    var opcode = 0
    /// `class`.
    var recordClass = 1
    /// `over tcp`.
    var isTCP = false
    /// False for `noquestion`.
    var hasQuestion = true
    /// `questions`.
    var questionCount: Int?
    /// `question`.
    var question: PlainQuestion?
    /// `attempt`.
    var attempt: Int?
    /// `wrong`.
    var wrong: Set<String> = []
    /// `tsig`.
    var isSigned = false

    /// Bits of the header's second 16, as in `PlainMessage.flags`.
    static let flagBits: [(word: String, bit: UInt16)] = [
        ("aa", 0x0400), ("tc", 0x0200), ("ad", 0x0020), ("cd", 0x0010),
    ]

    init(_ words: ArraySlice<String>, _ line: Scenario.Line) throws(ScenarioError) {
        var words = words
        while let word = words.popFirst() {
            switch word {
            case "id": id = try line.number(words.popFirst())
            case "edns":
                payloadSize = 1232
                if let size = words.first.flatMap({ Int($0) }) {
                    payloadSize = size
                    words.removeFirst()
                }
            case "version": version = try line.number(words.popFirst())
            case "do": wantsDNSSEC = true
            case "ede":
                errorCode = try line.number(words.popFirst())
                errorText = words.popFirst() ?? ""
            case "aa", "tc", "ad", "cd", "nord": bits.insert(word)
            case "opcode": opcode = try line.number(words.popFirst())
            case "class": recordClass = try line.number(words.popFirst())
            case "over": isTCP = words.popFirst() == "tcp"
            case "noquestion": hasQuestion = false
            case "questions": questionCount = try line.number(words.popFirst())
            case "question":
                question = try ScenarioText.question(words.popFirst(), words.popFirst(), line)
            case "attempt": attempt = try line.number(words.popFirst())
            case "wrong": wrong.insert(words.popFirst() ?? "")
            case "tsig": isSigned = true
            default: throw ScenarioError(line: line.number, text: "`\(word)` says nothing here")
            }
        }
    }

    /// The header's second 16 bits.
    var flags: UInt16 {
        var flags = UInt16(opcode << 11 | rcode & 0xF)
        for (word, bit) in Self.flagBits where bits.contains(word) { flags |= bit }
        if !bits.contains("nord") { flags |= 0x0100 }
        return flags
    }

    /// The OPT record; nil without EDNS.
    var opt: PlainRecord? {
        guard let payloadSize else { return nil }
        var options: [UInt8] = []
        if let errorCode {
            options =
                octets16(15) + octets16(2 + errorText.utf8.count) + octets16(errorCode)
                + Array(errorText.utf8)
        }
        let ttl = UInt32(rcode >> 4) << 24 | UInt32(version) << 16 | (wantsDNSSEC ? 0x8000 : 0)
        return PlainRecord(
            PlainName(labels: []), type: 41, recordClass: payloadSize, ttl: ttl, [.octets(options)])
    }
}

/// Questions and records between text and `PlainMessage`.
enum ScenarioText {
    /// A question of words.
    static func question(
        _ name: String?, _ type: String?, recordClass: Int = 1, _ line: Scenario.Line
    ) throws(ScenarioError) -> PlainQuestion {
        guard let name, let type, let number = Mnemonics.type(named: type) else {
            throw ScenarioError(line: line.number, text: "a question needs a name and a type")
        }
        return PlainQuestion(PlainName(name), type: Int(number), recordClass: recordClass)
    }

    /// A response code by its name.
    static func rcode(_ word: String?, _ line: Scenario.Line) throws(ScenarioError) -> Int {
        // libldns calls it NOTIMPL, other programs NOTIMP.
        guard let word, let rcode = word == "NOTIMP" ? 4 : Mnemonics.rcode(named: word) else {
            throw ScenarioError(line: line.number, text: "`\(word ?? "")` is no response code")
        }
        return Int(rcode)
    }

    /// Adds the records of the indented lines to the sections that they name.
    static func addRecords(_ line: Scenario.Line, to message: inout PlainMessage) throws(ScenarioError) {
        for detail in line.details {
            var words = detail.words.dropFirst()
            var count = 1
            if let first = words.first, first.hasPrefix("*"), let number = Int(first.dropFirst()) {
                count = number
                words.removeFirst()
            }
            let text = words.joined(separator: " ").split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: "\"")
            for index in 1...count {
                let one =
                    count == 1
                    ? text
                    : text.split(separator: "#", omittingEmptySubsequences: false)
                        .joined(separator: String(index))
                let record = try record(one, detail)
                switch detail.words[0] {
                case "answer": message.answers.append(record)
                case "authority": message.authorities.append(record)
                case "additional": message.additionals.append(record)
                default: throw ScenarioError(line: detail.number, text: "no section \(detail.words[0])")
                }
            }
        }
    }

    /// A record in wire form, uncompressed.
    static func wire(_ text: String, _ line: Scenario.Line) throws(ScenarioError) -> [UInt8] {
        do throws(LDNSError) {
            return wire(try RecordText.read(text, origin: .root))
        } catch {
            throw ScenarioError(line: line.number, text: "`\(text)`: \(error)")
        }
    }

    /// A record in wire form.
    private static func wire(_ record: ResourceRecord) -> [UInt8] {
        record.owner.wire + octets16(Int(record.type)) + octets16(Int(record.recordClass))
            + octets32(record.ttl) + octets16(record.data.count) + record.data
    }

    /// A record of text.
    private static func record(_ text: String, _ line: Scenario.Line) throws(ScenarioError) -> PlainRecord {
        do throws(LDNSError) {
            let generic = generic(text)
            let record: ResourceRecord
            if let generic { record = generic } else { record = try RecordText.read(text, origin: .root) }
            // Uncompressed, so that decoding a message with this record gives the fields of its data.
            let message = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0] + wire(record)
            guard let plain = try? PlainMessage(decoding: message).answers.first else {
                throw LDNSError.refused(reason: "not readable")
            }
            return plain
        } catch {
            throw ScenarioError(line: line.number, text: "`\(text)`: \(error)")
        }
    }

    /// `NAME TTL TYPE \# LENGTH HEX` (RFC 3597 section 5), which libldns reads only for unknown types.
    private static func generic(_ text: String) -> ResourceRecord? {
        let words = text.split(separator: " ").map(String.init)
        guard words.count > 4, words[3] == "\\#", let owner = try? DomainName(parsing: words[0]),
            let ttl = UInt32(words[1]), let type = Mnemonics.type(named: words[2])
        else { return nil }
        let data = octets(hexadecimal: words[5...].joined())
        return ResourceRecord(owner: owner, type: type, recordClass: 1, ttl: ttl, data: data)
    }

    /// The message as lines of a scenario, for comparing and for people.
    static func describe(_ message: PlainMessage, isTCP: Bool) -> [String] {
        let rcode = UInt32(message.rcode) | ((message.opt?.ttl ?? 0) >> 24) << 4
        var head = [Mnemonics.rcode(UInt16(truncatingIfNeeded: rcode)), "id \(message.id)"]
        for question in message.questions {
            head.append(
                "question \(question.name) \(Mnemonics.type(UInt16(truncatingIfNeeded: question.type)))")
            if question.recordClass != 1 { head.append("class \(question.recordClass)") }
        }
        if let opt = message.opt {
            head.append("edns \(opt.recordClass)")
            if opt.ttl >> 16 & 0xFF > 0 { head.append("version \(opt.ttl >> 16 & 0xFF)") }
            if opt.ttl & 0x8000 != 0 { head.append("do") }
            for case .octets(let options) in opt.data {
                // Options in every question that we send to servers: cookie and loop mark.
                let others = message.flags & 0x8000 == 0 ? without([10, 65_317], options) : options
                if !others.isEmpty { head.append(describe(options: others)) }
            }
        }
        for (word, bit) in ScenarioTerms.flagBits where message.flags & bit != 0 { head.append(word) }
        if message.flags & 0x0100 == 0 { head.append("nord") }
        if message.flags & 0x8000 != 0, message.flags & 0x0080 == 0 { head.append("nora") }
        if message.flags >> 11 & 0xF != 0 { head.append("opcode \(message.flags >> 11 & 0xF)") }
        if isTCP { head.append("over tcp") }
        var lines = [head.joined(separator: " ")]
        for (section, records) in zip(["answer", "authority", "additional"], message.sections) {
            for record in records where record.type != 41 { lines.append("  \(section) \(describe(record))") }
        }
        return lines
    }

    /// Options besides those of `codes`.
    private static func without(_ codes: Set<Int>, _ options: [UInt8]) -> [UInt8] {
        var kept: [UInt8] = []
        var position = 0
        while position + 4 <= options.count {
            let code = Int(options[position]) << 8 | Int(options[position + 1])
            let end = position + 4 + (Int(options[position + 2]) << 8 | Int(options[position + 3]))
            if !codes.contains(code) { kept += options[position..<min(end, options.count)] }
            position = end
        }
        return kept
    }

    /// The options of an OPT record as words.
    private static func describe(options: [UInt8]) -> String {
        guard options.count >= 6, options[0] == 0, options[1] == 15,
            Int(options[2]) << 8 | Int(options[3]) == options.count - 4
        else { return "options \(hexadecimal(options))" }
        let code = Int(options[4]) << 8 | Int(options[5])
        return "ede \(code) \"\(String(decoding: options[6...], as: UTF8.self))\""
    }

    /// A record as text.
    private static func describe(_ record: PlainRecord) -> String {
        let data = record.data.map { field in
            switch field {
            case .name(let name): "\(name)"
            case .octets(let octets):
                octets.count == 4 ? octets.map { "\($0)" }.joined(separator: ".") : hexadecimal(octets)
            }
        }
        let type = Mnemonics.type(UInt16(truncatingIfNeeded: record.type))
        return "\(record.owner) \(record.ttl) \(type) \(data.joined(separator: " "))"
    }
}
