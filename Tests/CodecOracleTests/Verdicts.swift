import DNSWire
import DomainNames
import LDNSBridge
import TestSupport

/// Reads messages with our codec, as answers that go back under the name that was asked.
struct OurReader: ~Copyable {
    private var mapper = AnswerMapper()
    private var prepared = PreparedAnswer()

    /// The whole message as we would send it on, without OPT; the reason where we refuse it.
    mutating func read(_ message: [UInt8]) -> Result<[UInt8], WireError> {
        do throws(WireError) {
            let header = try MessageHeader(reading: message.span)
            guard header.questionCount == 1 else { throw .questionCount(header.questionCount) }
            let question = try Question(reading: message.span)
            let asked = Array(message[question.range])
            do throws(MappingError) {
                try mapper.map(message.span, question, to: asked.span, by: AnswerTerms(names: .identity), into: &prepared)
            } catch .wire(let error) {
                throw error
            } catch {
                throw .truncated(offset: message.count, needed: 0)  // too long once it is written anew
            }
            var buffer = OctetBuffer(capacity: 512)
            buffer.appendReply(prepared, to: asked.span, ReplyTerms(header: header, edns: nil, limit: 65_535))
            return .success(buffer.span.indices.map { buffer.span[$0] })
        } catch {
            return .failure(error)
        }
    }
}

/// Where our codec and libldns are meant to differ, and why. Every other difference is a failure.
enum Difference: String, CaseIterable {
    // We refuse what libldns takes.
    case questionCount = "other than one question (RFC 9619 section 4): libldns takes any number"
    case pointer = "a pointer that does not go backwards, or goes into the header: libldns follows it, up to a limit"
    case placeOfOPT = "a second or misplaced OPT (RFC 6891 section 6.1.1): libldns takes the last one, anywhere"
    case options = "options that do not fill OPT: libldns keeps them unread"
    case extendedRcode = "a response code above 15: it speaks of the hop, so such an answer is not used"
    case shortData = "data that ends behind one of its fields: libldns takes a record that lacks the others"
    case dataEnd = "fields that end elsewhere than the data's length says: libldns goes on where they ended"

    // We take what libldns refuses.
    case opaque = "data of a type without names: it goes on octet by octet (RFC 3597), libldns reads it"

    /// Why we refuse what libldns takes; nil if nothing in the list explains it.
    init?(refusing message: [UInt8], for error: WireError) {
        let record = message.records.first { $0.start <= error.offset && error.offset <= $0.end }
        switch error {
        case .questionCount: self = .questionCount
        case .forwardPointer, .headerPointer, .tooManyPointers: self = .pointer
        case .misplacedOPT: self = .placeOfOPT
        case .extendedRcode: self = .extendedRcode
        case .dataLength where record?.type == 41: self = .options
        case .dataLength where record.map { Self.endsBehindField($0, message) } ?? false: self = .shortData
        case .dataLength where record?.type == 1 || record?.type == 28: self = .dataEnd
        // An independent reader refuses it too, or libldns does where it can't see fields in opaque data.
        case _ where (try? PlainMessage(decoding: message)) == nil: self = .dataEnd
        case _ where (try? MessageOracle(Self.hidingOpaqueData(of: message))) == nil: self = .dataEnd
        default: return nil
        }
    }

    /// True if the data of `record` is used up by some of the fields of its type, but not by all.
    private static func endsBehindField(_ record: RecordExtent, _ message: [UInt8]) -> Bool {
        var position = record.dataStart
        for piece in PlainPiece.layout(of: record.type) {
            if position == record.end { return true }
            switch piece {
            case .name:
                guard let name = try? walkName(in: message.span, at: position) else { return false }
                position = name.end
            case .octets(let count):
                // They are numbers of two or four octets.
                if position < record.end, record.end < position + count { return (record.end - position) % 2 == 0 }
                position += count
            case .string: position += 1 + Int(message[position])
            case .rest: position = record.end
            }
            if position > record.end { return false }
        }
        return false
    }

    /// Why we take what libldns refuses: it takes it too once the types that we do not read have an unknown number.
    init?(taking message: [UInt8]) {
        guard (try? MessageOracle(Self.hidingOpaqueData(of: message))) != nil else { return nil }
        self = .opaque
    }

    /// The message with an unknown number in place of each type whose data we do not read.
    private static func hidingOpaqueData(of message: [UInt8]) -> [UInt8] {
        var octets = message
        for record in message.records where isOpaque(record) {
            octets.replaceSubrange(record.ownerEnd..<record.ownerEnd + 2, with: octets16(65_280))
        }
        return octets
    }

    private static func isOpaque(_ record: RecordExtent) -> Bool {
        switch record.type {
        case 1, 28: record.recordClass != 1
        case 41: false
        default: RecordDataLayout(type: record.type) == nil
        }
    }
}

extension WireError {
    /// Where in the message.
    fileprivate var offset: Int {
        switch self {
        case .truncated(let offset, _), .forwardPointer(let offset, _), .headerPointer(let offset, _),
            .reservedLabelType(let offset, _), .nameTooLong(let offset), .dataLength(let offset), .misplacedOPT(let offset),
            .tooManyPointers(let offset):
            offset
        case .questionCount, .extendedRcode, .tooManyRecords, .tooManyAliases: 0
        }
    }
}

extension [UInt8] {
    /// The records of a message up to the first that cannot be read; their data is not looked at.
    fileprivate var records: [RecordExtent] {
        guard let header = try? MessageHeader(reading: span), let question = try? Question(reading: span) else { return [] }
        var records: [RecordExtent] = []
        var position = question.end
        for _ in 0..<header.answerCount + header.authorityCount + header.additionalCount {
            guard let record = try? RecordExtent(in: span, at: position) else { break }
            records.append(record)
            position = record.end
        }
        return records
    }
}
