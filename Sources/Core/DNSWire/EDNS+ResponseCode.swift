extension ResponseCode {
    /// The whole response code of an answer: its upper bits are in OPT (RFC 6891 section 6.1.3).
    ///
    /// Nil if the answer has an OPT record in another section, below a name, or a second one (section 6.1.1):
    /// then the server does not support EDNS. If the answer can't be read to its end, what was found counts.
    ///
    /// - Parameter start: Offset after the question.
    package init?(of message: Span<UInt8>, _ header: MessageHeader, from start: Int) {
        var rcode = header.rcode
        var hasOPT = false
        let before = header.answerCount + header.authorityCount
        var position = start
        // The length of the question's name; without a question there is none.
        let name = start > MessageHeader.length ? start - MessageHeader.length - 4 : nil
        for index in 0..<(before + header.additionalCount) {  // each takes at least eleven octets
            guard let record = try? RecordExtent(in: message, at: position, questionNameLength: name) else {
                break
            }
            if record.type == RecordType.opt {
                guard !hasOPT, index >= before, record.ownerLength == 1 else { return nil }
                hasOPT = true
                rcode |= Int(record.ttl >> 24) << 4
            }
            position = record.end
        }
        self.init(rcode)
    }
}
