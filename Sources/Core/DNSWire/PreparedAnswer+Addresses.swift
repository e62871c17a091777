package import IPAddressing

extension PreparedAnswer {
    /// True if an address in any section fulfils `condition`: the data of A and AAAA records, and the address
    /// hints of SVCB and HTTPS (RFC 9460 section 7.3).
    package func holdsAddress(_ condition: (IPAddress) -> Bool) -> Bool {
        var walk = AddressWalk()
        while let place = walk.next(in: self) {  // ends: the walk moves on
            if condition(address(at: place).unmapped) { return true }
        }
        return false
    }

    /// The first address of the answer section; nil if there is none.
    package var firstAddress: IPAddress? {
        var walk = AddressWalk()
        guard let place = walk.next(in: self), marks[walk.record - 1].section == .answer else { return nil }
        return address(at: place).unmapped
    }

    /// Puts the outer address in place of each inner one; others stay.
    ///
    /// - Parameter zone: The addresses of names in it stay; nil: there is no such zone.
    mutating func mapAddresses(by map: PrefixMap, sparing zone: NameMapping? = nil) {
        var walk = AddressWalk()
        while let place = walk.next(in: self) {  // ends: the walk moves on
            guard let outer = map.outer(of: address(at: place).unmapped) else { continue }
            if let zone, isOwned(walk.record - 1, below: zone) { continue }
            set(outer, at: place)
        }
    }

    /// Puts the image of each address in its place; those without one stay.
    ///
    /// - Returns: How many have one.
    package mutating func replaceAddresses(_ image: (IPAddress) -> IPAddress?) -> Int {
        var count = 0
        var walk = AddressWalk()
        while let place = walk.next(in: self) {  // ends: the walk moves on
            guard let next = image(address(at: place).unmapped) else { continue }
            set(next, at: place)
            count += 1
        }
        return count
    }

    /// Calls `body` with each address: the name of its record, the TTL, and the address; then the addresses
    /// that it gives are in their places.
    ///
    /// - Parameter body: Gives nil for an address that stays.
    package mutating func replaceAddresses(
        byName body: (_ name: FlatName, _ ttl: UInt32, IPAddress) -> IPAddress?
    ) {
        var walk = AddressWalk()
        while let place = walk.next(in: self) {  // ends: the walk moves on
            var end = 0
            let record = walk.record - 1
            guard let name = try? FlatName(in: octets.span, at: start(ofRecord: record), end: &end),
                let next = body(name, ttl(ofRecord: record), address(at: place).unmapped)
            else { continue }
            set(next, at: place)
        }
    }

    /// The TTL of record `index`.
    private func ttl(ofRecord index: Int) -> UInt32 {
        let offset = Int(marks[index].ttlOffset)
        return UInt32(octets.number16(at: offset)) << 16 | UInt32(octets.number16(at: offset + 2))
    }

    /// Puts an address in place of one of its family; one of IPv4 inside of IPv6 stands at its end.
    private mutating func set(_ address: IPAddress, at place: Range<Int>) {
        let length = address.family.bitWidth / 8
        for index in 0..<length {
            let octet = UInt8(truncatingIfNeeded: address.bits >> UInt128(8 * (length - 1 - index)))
            octets.set(octet, at: place.upperBound - length + index)
        }
    }

    /// True if the owner of record `index` is in `zone`.
    private func isOwned(_ index: Int, below zone: NameMapping) -> Bool {
        var end = 0
        guard let owner = try? FlatName(in: octets.span, at: start(ofRecord: index), end: &end) else {
            return false
        }
        return owner.start(ofFoldedSuffix: zone.foldedInner.span) != nil
    }

    /// - Parameter place: Of 4 or 16 octets.
    private func address(at place: Range<Int>) -> IPAddress {
        var bits: UInt128 = 0
        for index in place { bits = bits << 8 | UInt128(octets[index]) }
        return IPAddress(family: place.count == 4 ? .v4 : .v6, bits: bits)
    }
}

/// Finds the addresses in the records of a prepared answer, one after the other.
private struct AddressWalk {
    /// The record that comes next.
    private(set) var record = 0
    /// Where the next address of the current run stands, if there is room for one before `runEnd`.
    private var position = 0
    private var runEnd = 0
    /// Octets of each address of the run; 0: there is no run.
    private var length = 0
    /// The service parameters of the current record that were not looked at yet.
    private var parameters = 0..<0

    /// The octets of the next address; nil at the end.
    mutating func next(in answer: borrowing PreparedAnswer) -> Range<Int>? {
        while true {  // each turn takes an address, a parameter of at least four octets, or a record
            if length > 0, runEnd - position >= length {
                position += length
                return position - length..<position
            }
            length = 0
            if parameters.count >= 4 {
                takeParameter(of: answer)
            } else if record < answer.marks.count {
                takeRecord(of: answer)
            } else {
                return nil
            }
        }
    }

    private mutating func takeRecord(of answer: borrowing PreparedAnswer) {
        let mark = answer.marks[record]
        record += 1
        parameters = 0..<0
        // Behind the TTL's offset stand TTL and length.
        position = Int(mark.ttlOffset) + 6
        runEnd = Int(mark.end)
        switch Int(mark.type) {
        case RecordType.a: length = 4
        case RecordType.aaaa: length = 16
        case RecordType.svcb, RecordType.https:
            // Priority, target, then the parameters (RFC 9460 section 2.2).
            guard runEnd - position > 2,
                let target = try? walkName(in: answer.octets.span, at: position + 2), target.end <= runEnd
            else { return }
            parameters = target.end..<runEnd
        default: break
        }
    }

    /// Key, length and value (RFC 9460 section 2.2).
    private mutating func takeParameter(of answer: borrowing PreparedAnswer) {
        let start = parameters.lowerBound
        let end = start + 4 + answer.octets.number16(at: start + 2)
        guard end <= parameters.upperBound else {
            parameters = 0..<0
            return
        }
        position = start + 4
        runEnd = end
        switch answer.octets.number16(at: start) {
        case 4: length = 4
        case 6: length = 16
        default: length = 0
        }
        parameters = end..<parameters.upperBound
    }
}
