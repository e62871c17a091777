import DNSWire
import DomainNames

/// The names that a cluster can have below its domain (Kubernetes DNS-Based Service Discovery 1.1.0, and
/// CoreDNS' pod names).
///
/// ```
/// <service>.<namespace>.svc          <endpoint>.<service>.<namespace>.svc
/// _<port>._<protocol>.<service>.<namespace>.svc
/// <a-b-c-d>.<namespace>.pod          dns-version   ns.dns   hostmaster
/// ```
/// A resolver's search list makes many others, such as `www.example.com.test.svc`: a cluster would deny each.
enum KubernetesSchema {
    /// False if no cluster can have the name whose labels are before `suffixStart`, an offset into the name
    /// after the header of `message`.
    static func canExist(_ message: Span<UInt8>, suffixStart: Int) -> Bool {
        var starts = InlineArray<128, UInt8>(repeating: 0)
        var count = 0
        var position = Question.nameStart
        let end = Question.nameStart + suffixStart
        while position < end, count < 128 {  // a checked name: each label is at least two octets
            starts[count] = UInt8(truncatingIfNeeded: position - Question.nameStart)
            count += 1
            position += 1 + Int(message[position])
        }
        guard count > 0 else { return true }
        // CoreDNS reads `*` and `any` as wildcards, and supports
        // `<zone>.pin._zone.<service>.<namespace>.svc`.
        for index in 0..<count {
            let start = Question.nameStart + Int(starts[index])
            if isLabel("*", message, start) || isLabel("any", message, start)
                || isLabel("_zone", message, start)
            {
                return true
            }
        }
        let top = Question.nameStart + Int(starts[count - 1])
        if isLabel("svc", message, top) {
            if count <= 4 { return true }
            return count == 5 && beginsWithUnderscore(message, Int(starts[0]))
                && beginsWithUnderscore(message, Int(starts[1]))
        }
        if isLabel("pod", message, top) { return count <= 3 }
        return count == 1
            ? isLabel("dns-version", message, top) || isLabel("hostmaster", message, top)
                || isLabel("dns", message, top)
            : count == 2 && isLabel("dns", message, top)
    }

    /// True if the label at `start` begins with an underscore.
    private static func beginsWithUnderscore(_ message: Span<UInt8>, _ start: Int) -> Bool {
        message[Question.nameStart + start + 1] == UInt8(ascii: "_")
    }

    /// True if the label at `start` is `text`, which is in lower case, in any letter case.
    private static func isLabel(_ text: StaticString, _ message: Span<UInt8>, _ start: Int) -> Bool {
        guard Int(message[start]) == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { letters in
            for index in 0..<letters.count {
                // Sound: inside the literal's octets.
                if unsafe foldedOctet(message[start + 1 + index]) != letters[index] { return false }
            }
            return true
        }
    }
}
