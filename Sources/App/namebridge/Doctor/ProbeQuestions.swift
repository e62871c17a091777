import DNSWire
import Diagnosis
import DomainNames
import Forwarding
import IPAddressing
import LDNSBridge

/// Builds the questions of the probes.
struct ProbeQuestions {
    /// The zone of `zone` and `version`.
    let suffix: DomainName

    /// The name of `address`.
    let name: DomainName

    /// The address of `reverse`; nil leaves it out.
    var address: IPAddress?

    /// The questions of `probes` for `server`; one that cannot be built is left out.
    func questions(
        _ probes: [Probe], to server: Endpoint, random: inout some RandomNumberGenerator
    ) -> [Interrogation.Question] {
        probes.compactMap { probe in
            let id = UInt16(truncatingIfNeeded: random.next())
            guard let message = message(probe, id: id) else { return nil }
            let isStream = probe == .zoneOverTCP || probe == .addressOverTCP
            return Interrogation.Question(
                server: server, probe: probe, transport: isStream ? .tcp : .udp, message: message)
        }
    }

    /// The length of the padded question: as much as fits into every packet of IPv6 (RFC 9715).
    private static let paddedSize = 1232

    /// The message of a probe.
    private func message(_ probe: Probe, id: UInt16) -> [UInt8]? {
        do throws(LDNSError) {
            switch probe {
            case .zone: return try make(suffix, RecordType.soa, id: id)
            case .zoneUnchecked, .zoneOverTCP:
                return try make(suffix, RecordType.soa, id: id, unchecked: true)
            case .zonePlain: return try make(suffix, RecordType.soa, id: id, room: nil, unchecked: true)
            case .zonePadded:
                let question = try make(suffix, RecordType.soa, id: id, unchecked: true)
                return QuestionMessage.padded(question, to: Self.paddedSize)
            case .version:
                guard let name = below("dns-version", suffix) else { return nil }
                return try make(name, RecordType.txt, id: id)
            case .address: return try make(name, RecordType.a, id: id)
            case .addressV6: return try make(name, RecordType.aaaa, id: id)
            case .addressUnchecked, .addressOverTCP:
                return try make(name, RecordType.a, id: id, unchecked: true)
            case .addressLarge: return try make(name, RecordType.a, id: id, room: 4096, unchecked: true)
            case .reverse:
                guard let address, let name = try? DomainName(reverseOf: address) else { return nil }
                return try make(name, RecordType.ptr, id: id)
            case .software:
                guard let name = try? DomainName(parsing: "version.bind") else { return nil }
                return try QuestionMessage.make(
                    name, type: UInt16(RecordType.txt), recordClass: UInt16(RecordClass.chaos), id: id,
                    payloadSize: nil)
            }
        } catch {
            return nil
        }
    }

    /// The name with a label before the suffix.
    private func below(_ label: String, _ suffix: DomainName) -> DomainName? {
        try? DomainName(labels: [Array(label.utf8)] + suffix.labels)
    }

    /// A question built by libldns.
    private func make(
        _ name: DomainName, _ type: Int, id: UInt16, room: UInt16? = 1232, unchecked: Bool = false
    ) throws(LDNSError) -> [UInt8] {
        try QuestionMessage.make(
            name, type: UInt16(type), id: id, payloadSize: room, checkingDisabled: unchecked,
            authenticData: !unchecked)
    }
}
