import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Recorded answers of real CoreDNS servers, sent by a fake server through the running forwarder.
    @Suite struct RecordedAnswers {
        private static let recordings: [RecordedExchange] = {
            let file = Tool.packageFile("Tests/CoreDNSReplayTests/answers.jsonl")
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return [] }
            return text.split(separator: "\n").compactMap {
                try? JSONDecoder().decode(RecordedExchange.self, from: Data($0.utf8))
            }
        }()

        @Test func `each comes back as the mapping must give it, under two suffixes, with no inner suffix left`() throws {
            #expect(Self.recordings.count == 652)
            let player = try Player(Self.recordings)
            var compared = 0
            for exchange in Self.recordings where exchange.type != "AXFR" {
                for suffix in Player.suffixes {
                    // A reverse name has one form only, which names the first suffix.
                    if exchange.name.hasSuffix(".arpa"), suffix != Player.suffixes[0] { continue }
                    let objections = try player.objections(to: exchange, suffix)
                    #expect(objections.isEmpty, "\(exchange.title) under \(suffix)")
                    compared += 1
                }
            }
            #expect(compared > 1_200)
            #expect(player.standIn.wrongQuestions == 0)
            #expect(player.standIn.connections < 8, "a connection is kept")
            player.end()
        }

        @Test func `a zone transfer is refused and reaches no server`() throws {
            let player = try Player(Self.recordings)
            for exchange in Self.recordings where exchange.type == "AXFR" {
                #expect(ReplyHeader(try player.reply(to: exchange.queryOctets, "tcp"))?.rcode == 5)
            }
            #expect(player.standIn.wrongQuestions == 0)
            player.end()
        }
    }
}

/// Sends recorded questions to a forwarder whose only server is a fake one with the recorded answers.
private struct Player {
    static let suffixes = ["prod.cluster.local", "prod.k8s.example.com"]

    let standIn: StandInServer
    private let port: Int
    private let folder: TemporaryFolder
    private let forwarder: ServerProcess
    private let udp: TestSocket
    private let tcp: TestSocket
    /// The whole answer of each question, as the cluster gave it over TCP.
    private let wholeAnswers: [String: [UInt8]]

    init(_ recordings: [RecordedExchange]) throws {
        folder = try TemporaryFolder()
        standIn = try StandInServer()
        port = try FreePort.next()
        let text = """
            dns:
              listen: ["127.0.0.1:\(port)"]
              cache: { size: 0B, max-ttl: 1d, negative-ttl: 1h }
              workers: 1
            clusters:
              prod:
                names: [\(Self.suffixes.joined(separator: ", "))]
                dns: ["127.0.0.1:\(standIn.port)"]
                only-kubernetes-names: false
                services: [10.234.0.0/18, 10.235.0.0/18, 10.96.0.0/12, 10.250.0.0/16]
                pods: [10.234.64.0/18, 10.235.64.0/18, 10.244.0.0/16]
            """
        forwarder = try RealServers.namebridge("namebridge", text + "\n", port: port, in: folder)
        udp = try TestSocket(.udp, connectedTo: "127.0.0.1", port: port)
        tcp = try TestSocket(.tcp, connectedTo: "127.0.0.1", port: port)
        var whole: [String: [UInt8]] = [:]
        for exchange in recordings where exchange.transport == "tcp" {
            whole[Self.key(exchange)] = exchange.responseOctets
        }
        wholeAnswers = whole
    }

    func end() {
        forwarder.end()
        standIn.end()
    }

    private static func key(_ exchange: RecordedExchange) -> String {
        "\(exchange.cluster) \(exchange.version) \(exchange.name) \(exchange.type)"
    }

    /// What is wrong with the forwarder's reply to a recorded question under `suffix`.
    func objections(to exchange: RecordedExchange, _ suffix: String) throws -> [String] {
        let inner = PlainName("cluster.local")
        let outer = PlainName(suffix)
        let recorded = try PlainMessage(decoding: exchange.queryOctets)
        let response = exchange.responseOctets
        let isCut = ReplyHeader(response)?.isTruncated == true
        let whole = isCut || exchange.transport == "tcp" ? wholeAnswers[Self.key(exchange)] ?? response : response
        let asked = recorded.questions[0].wire
        standIn.play(.init(question: asked, overUDP: whole.count > 1_232 ? cut(whole, asked) : whole, overTCP: whole))

        var query = recorded
        query.questions[0].name = query.questions[0].name.replacing(inner, with: outer)
        query.id = 0xBEEF
        let octets = query.encoded()
        guard let wholeReply = try reply(to: octets, "tcp") else { return ["no reply over TCP"] }
        var found = MappingChecker(inner: inner, outer: outer, query: octets, limit: 65_535)
            .with(mayCut: false).objections(to: wholeReply, madeFrom: whole)
        if !found.isEmpty { found.append("reply: \(printable(wholeReply)); \(forwarder.output.suffix(600))") }
        guard exchange.transport != "tcp" else { return found }
        let limit = recorded.opt.map { max(512, $0.recordClass) } ?? 512
        guard let reply = try reply(to: octets, exchange.transport) else { return found + ["no reply over UDP"] }
        found += MappingChecker(inner: inner, outer: outer, query: octets, limit: limit)
            .with(mayCut: wholeReply.count > limit).objections(to: reply, madeFrom: whole)
        return found
    }

    /// A message with no records and TC, as servers give that can't say all.
    private func cut(_ message: [UInt8], _ question: [UInt8]) -> [UInt8] {
        [message[0], message[1], message[2] | 2, message[3], 0, 1, 0, 0, 0, 0, 0, 0] + question
    }

    /// The octets that are letters, for a look at what a failed reply says.
    private func printable(_ octets: [UInt8]) -> String {
        String(decoding: octets.filter { (0x20...0x7E).contains($0) }, as: UTF8.self)
    }

    /// The forwarder's reply to an unchanged message; nil if none comes.
    func reply(to query: [UInt8], _ transport: String) throws -> [UInt8]? {
        guard transport == "tcp" else {
            try udp.send(query)
            return udp.receive(within: 5_000)
        }
        try tcp.sendFramed(query)
        return tcp.receiveFramed(within: 5_000)
    }
}

extension MappingChecker {
    fileprivate func with(mayCut: Bool) -> MappingChecker {
        var copy = self
        copy.mayCut = mayCut
        return copy
    }
}
