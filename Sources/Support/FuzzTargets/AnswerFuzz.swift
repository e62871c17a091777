import Forwarding
import TestSupport

/// `terms` and a name server's message, which answers the question in it.
///
/// Bit 0 of `terms`: the client asks over TCP. Bit 1: with EDNS, bit 2: with DO. Bit 3: for a name of the
/// upstream. Bit 4: another question than the one in the message.
enum AnswerFuzz {
    /// The errors with this input.
    static func objections(to input: [UInt8]) -> [String] {
        guard let terms = input.first else { return [] }
        let answer = Array(input.dropFirst())
        let isUpstream = terms & 8 != 0
        var query = PlainMessage()
        query.id = 0xBEEF
        query.flags = 0x0100
        query.questions = [question(of: terms & 16 == 0 ? answer : [], isUpstream)]
        if terms & 2 != 0 {
            let opt = PlainRecord(
                PlainName(labels: []), type: 41, recordClass: 1232, ttl: terms & 4 != 0 ? 0x8000 : 0,
                [.octets([])])
            query.additionals = [opt]
        }
        let transport: Transport = terms & 1 == 1 ? .tcp : .udp
        var play = EnginePlay()
        guard let fresh = play.ask(query.encoded(), over: transport, .answer(answer)) else {
            play.object("no reply")
            return play.objections
        }
        play.pass(milliseconds: 1_000)
        // The second client writes the name in capitals, and the servers are down.
        query.questions[0].name = capitals(query.questions[0].name)
        query.id = 0xCAFE
        let kept = play.ask(query.encoded(), client: 0x0A00_0008, over: transport, .silent)
        check(fresh, isUpstream, play: &play)
        if let kept { check(kept, isUpstream, play: &play) }
        return play.objections
    }

    /// The client's question for which a server may send `answer`.
    private static func question(of answer: [UInt8], _ isUpstream: Bool) -> PlainQuestion {
        let name = isUpstream ? "www.example" : "web.shop.svc.prod.example"
        let usual = PlainQuestion(PlainName(name), type: 1)
        guard answer.count > 12 else { return usual }
        let header: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        guard let end = endOfName(answer), end + 4 <= answer.count,
            let decoded = try? PlainMessage(decoding: header + answer[12..<end + 4]),
            var question = decoded.questions.first
        else { return usual }
        if isUpstream { return question }
        guard question.name.ends(with: EnginePlay.inner) else { return usual }
        question.name = question.name.replacing(EnginePlay.inner, with: EnginePlay.outer)
        return question.name.length <= 255 ? question : usual
    }

    /// The end of an uncompressed name after the header.
    private static func endOfName(_ message: [UInt8]) -> Int? {
        var position = 12
        while position < message.count, (1...63).contains(message[position]) {  // ends: each turn moves on
            position += 1 + Int(message[position])
        }
        return position < message.count && message[position] == 0 ? position + 1 : nil
    }

    /// The name in capitals.
    private static func capitals(_ name: PlainName) -> PlainName {
        PlainName(labels: name.labels.map { $0.map { (0x61...0x7A).contains($0) ? $0 - 32 : $0 } })
    }

    /// Types whose names follow their owner's mapping.
    private static let mappedTypes: Set<Int> = [2, 5, 6, 12, 15, 33, 35, 64, 65]

    /// The cluster's own names must be gone, and the upstream must not give an address inside of a cluster.
    private static func check(_ reply: [UInt8], _ isUpstream: Bool, play: inout EnginePlay) {
        guard let message = try? PlainMessage(decoding: reply), let asked = message.questions.first else {
            play.object("a reply without question")
            return
        }
        // Plain names of the cluster's domain are answered as they are.
        let isMapped = asked.name.ends(with: EnginePlay.outer)
        for record in message.sections.joined() where record.type != 41 {
            if record.ttl > 0x7FFF_FFFF { play.object("a TTL of \(record.ttl)") }
            if isMapped, record.owner.ends(with: EnginePlay.inner) { play.object("\(record.owner) is left") }
            if isMapped, mappedTypes.contains(record.type) {
                for name in record.names where name.ends(with: EnginePlay.inner) {
                    play.object("\(name) is left in a record of type \(record.type)")
                }
            }
            if isUpstream, !asked.name.ends(with: EnginePlay.inner), !isMapped, record.type == 1,
                !asked.name.ends(with: PlainName("arpa")), record.data.first == .octets([172, 17, 0, 1])
            {
                play.object("the upstream leads into a cluster")
            }
        }
    }
}
