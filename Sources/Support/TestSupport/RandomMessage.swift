/// Makes valid answers of any shape from a random generator.
package struct RandomMessage: Sendable {
    /// The domain that about half of all names lie under.
    package var domain: PlainName

    /// Creates a random message.
    package init(domain: PlainName) {
        self.domain = domain
    }

    /// Types whose data can be made; the last ones are opaque to a forwarder.
    package static let types = [
        1, 28, 2, 5, 6, 12, 15, 33, 39, 35, 17, 18, 36, 64, 65, 14, 21, 26, 107, 16, 13, 65_280, 43, 99, 257,
    ]

    /// A response with one question, up to twelve records, and often OPT.
    package func response(using random: inout SplitMix64) -> PlainMessage {
        var message = PlainMessage()
        message.id = UInt16(truncatingIfNeeded: random.next())
        message.flags =
            0x8000 | UInt16(random.pick([0, 0, 0, 3, 2, 5])) | UInt16(random.pick([0x0400, 0x0100, 0x0580]))
        var names = [name(using: &random), domain]
        message.questions = [PlainQuestion(names[0], type: random.pick(Self.types))]
        for _ in 0..<random.number(in: 0..<8) { message.answers.append(record(&names, &random)) }
        for _ in 0..<random.number(in: 0..<3) { message.authorities.append(record(&names, &random)) }
        for _ in 0..<random.number(in: 0..<4) { message.additionals.append(record(&names, &random)) }
        if random.oneIn(2) {
            let place =
                random.oneIn(4)
                ? random.number(in: 0..<message.additionals.count + 1) : message.additionals.count
            message.additionals.insert(opt(using: &random), at: place)
        }
        return message
    }

    /// An OPT record (RFC 6891 section 6.1.2) with up to two options.
    package func opt(using random: inout SplitMix64) -> PlainRecord {
        var options: [UInt8] = []
        for _ in 0..<random.number(in: 0..<3) {
            let data = random.octets(random.number(in: 0..<12))
            options += octets16(random.pick([3, 10, 15, 65_001])) + octets16(data.count) + data
        }
        return PlainRecord(
            PlainName(labels: []), type: 41, recordClass: random.pick([512, 1232, 4096, 100]),
            ttl: random.oneIn(2) ? 0x8000 : 0, [.octets(options)])
    }

    /// A record of a random type.
    private func record(_ names: inout [PlainName], _ random: inout SplitMix64) -> PlainRecord {
        let type = random.pick(Self.types)
        let owner = anyName(&names, &random)
        let ttl = random.oneIn(20) ? 0x8000_0005 : UInt32(random.number(in: 0..<90_000))
        return PlainRecord(owner, type: type, ttl: ttl, data(type, &names, random: &random))
    }

    /// The data of a type.
    private func data(_ type: Int, _ names: inout [PlainName], random: inout SplitMix64) -> [PlainField] {
        switch type {
        case 1: return [.octets(random.octets(4))]
        case 28: return [.octets(random.octets(16))]
        case 16, 13, 99: return [.octets(strings(type == 13 ? 2 : random.number(in: 1..<4), &random))]
        case 43: return [.octets(random.octets(4) + random.octets(32))]
        case 257: return [.octets([0, 5] + Array("issue".utf8) + random.octets(random.number(in: 0..<9)))]
        default: break
        }
        var data: [PlainField] = []
        for piece in PlainPiece.layout(of: type) {
            switch piece {
            case .name: data.append(.name(anyName(&names, &random)))
            case .octets(let count): data.append(.octets(random.octets(count)))
            case .string: data.append(.octets(strings(1, &random)))
            case .rest: data.append(.octets(rest(type, &random)))
            }
        }
        return data
    }

    /// The data after a type's names.
    private func rest(_ type: Int, _ random: inout SplitMix64) -> [UInt8] {
        guard type == 64 || type == 65 else { return random.octets(random.number(in: 0..<20)) }
        // SvcParams (RFC 9460 section 2.2): port, then ipv4hint, with rising keys.
        return random.oneIn(2) ? [] : [0, 3, 0, 2, 1, 0xBB, 0, 4, 0, 4] + random.octets(4)
    }

    /// Length-prefixed strings.
    private func strings(_ count: Int, _ random: inout SplitMix64) -> [UInt8] {
        (0..<count).flatMap { _ in
            let text = random.octets(random.number(in: 0..<9))
            return [UInt8(text.count)] + text
        }
    }

    /// A name that was used before, one with labels before or beside it, or a new one.
    private func anyName(_ names: inout [PlainName], _ random: inout SplitMix64) -> PlainName {
        let made: PlainName
        switch random.number(in: 0..<5) {
        case 0, 1: return random.pick(names)
        case 2:
            let below = PlainName(labels: [label(using: &random)] + random.pick(names).labels)
            made = below.length <= 255 ? below : domain
        default: made = name(using: &random)
        }
        names.append(made)
        return made
    }

    /// A name of up to 255 octets, in half of the cases under `domain` in any letter case.
    package func name(using random: inout SplitMix64) -> PlainName {
        var labels = (0..<random.number(in: 0..<4)).map { _ in label(using: &random) }
        if random.oneIn(300) { labels += (0..<3).map { _ in random.octets(63) } }
        switch random.number(in: 0..<4) {
        case 0: labels += domain.labels
        case 1: labels += domain.labels.map { $0.map { random.oneIn(3) ? $0 & 0xDF : $0 } }
        case 2: labels += [Array("example".utf8), Array("net".utf8)]
        default: break
        }
        while PlainName(labels: labels).length > 255 { labels.removeFirst() }
        return PlainName(labels: labels)
    }

    /// A label.
    private func label(using random: inout SplitMix64) -> [UInt8] {
        switch random.number(in: 0..<8) {
        case 0: random.octets(random.number(in: 1..<10))
        case 1: random.octets(63)
        // Octets of the domain inside of one label, which must not be read as the domain.
        case 2: Array(([0x61] + domain.wire.dropLast()).prefix(63))
        default: Array(random.pick(["a", "svc", "mysql", "test", "_tcp", "10-0-0-1", "SVC", "*"]).utf8)
        }
    }
}
