/// A question as octets, written without the code under test.
func question(_ name: String, _ type: Int = 1, id: Int = 0x1234, udpSize: Int? = nil) -> [UInt8] {
    let labels = name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    let header: [UInt8] = [UInt8(id >> 8), UInt8(id & 0xFF), 1, 0, 0, 1, 0, 0, 0, 0, 0, udpSize == nil ? 0 : 1]
    let options = udpSize.map { [0, 0, 41, UInt8($0 >> 8), UInt8($0 & 0xFF), 0, 0, 0, 0, 0, 0] as [UInt8] } ?? []
    return header + labels + [0, UInt8(type >> 8), UInt8(type & 0xFF), 0, 1] + options
}

/// The parts of a message's header that tests look at.
struct ReplyHeader {
    let id: Int
    let rcode: Int
    let isTruncated: Bool
    let answers: Int

    init?(_ octets: [UInt8]?) {
        guard let octets, octets.count >= 12, octets[2] & 0x80 != 0 else { return nil }
        id = Int(octets[0]) << 8 | Int(octets[1])
        rcode = Int(octets[3] & 0xF)
        isTruncated = octets[2] & 2 != 0
        answers = Int(octets[6]) << 8 | Int(octets[7])
    }
}

/// Asks over UDP, for the time given.
func ask(_ message: [UInt8], _ address: String, _ port: Int, within milliseconds: Int = 100) -> [UInt8]? {
    guard let socket = try? TestSocket(.udp, connectedTo: address, port: port), (try? socket.send(message)) != nil
    else { return nil }
    return socket.receive(within: milliseconds)
}
