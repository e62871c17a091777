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
struct KubernetesSchema: Sendable {
    /// Labels besides `svc` and `pod`, in lower case; nothing is known of the names below them.
    private let extraLabels: [[UInt8]]

    /// - Parameter extraLabels: Such as `gw`, in lower case.
    init(extraLabels: [String] = []) {
        self.extraLabels = extraLabels.map { Array($0.utf8) }
    }

    /// False if no cluster can have the name whose labels are before `suffixStart`.
    ///
    /// - Parameter name: In wire form, uncompressed.
    func canExist(_ name: Span<UInt8>, suffixStart end: Int) -> Bool {
        var starts = InlineArray<128, UInt8>(repeating: 0)
        var count = 0
        var position = 0
        while position < end, count < 128 {  // a checked name: each label is at least two octets
            starts[count] = UInt8(truncatingIfNeeded: position)
            count += 1
            position += 1 + Int(name[position])
        }
        guard count > 0 else { return true }
        // CoreDNS reads `*` and `any` as wildcards, and supports
        // `<zone>.pin._zone.<service>.<namespace>.svc`.
        for index in 0..<count {
            let start = Int(starts[index])
            if Self.isLabel("*", name, start: start) || Self.isLabel("any", name, start: start)
                || Self.isLabel("_zone", name, start: start)
            {
                return true
            }
        }
        let top = Int(starts[count - 1])
        if Self.isLabel("svc", name, start: top) {
            if count <= 4 { return true }
            return count == 5 && Self.beginsWithUnderscore(name, Int(starts[0]))
                && Self.beginsWithUnderscore(name, Int(starts[1]))
        }
        if Self.isLabel("pod", name, start: top) { return count <= 3 }
        for label in extraLabels where hasLabel(label, in: name, at: top) { return true }
        return count == 1
            ? Self.isLabel("dns-version", name, start: top) || Self.isLabel("hostmaster", name, start: top)
                || Self.isLabel("dns", name, start: top)
            : count == 2 && Self.isLabel("dns", name, start: top)
    }

    /// True if the label at `start` begins with an underscore.
    private static func beginsWithUnderscore(_ name: Span<UInt8>, _ start: Int) -> Bool {
        name[start + 1] == UInt8(ascii: "_")
    }

    /// True if the label at `start` is `text`, which is in lower case, in any letter case.
    private static func isLabel(_ text: StaticString, _ name: Span<UInt8>, start: Int) -> Bool {
        guard Int(name[start]) == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { letters in
            for index in 0..<letters.count {
                // Sound: inside the literal's octets.
                if unsafe foldedOctet(name[start + 1 + index]) != letters[index] { return false }
            }
            return true
        }
    }
}
