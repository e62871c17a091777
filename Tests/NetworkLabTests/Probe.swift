import Foundation

/// A question from one host to an address, and what came of it.
struct Probe: Hashable, CustomStringConvertible {
    let host: String
    let address: String

    var description: String { "\(host) -> \(address)" }

    /// What worked.
    struct Outcome: Equatable, CustomStringConvertible {
        /// The address that the far side saw; nil where nothing came back.
        var tcp: String?
        var udp: String?
        var echo: Bool
        /// An echo request of 1,400 octets that may not be cut.
        var large: Bool

        var isWhole: Bool { tcp != nil && udp != nil && echo && large }
        var isBroken: Bool { tcp == nil && udp == nil && !echo && !large }
        var description: String {
            "tcp \(tcp ?? "-") udp \(udp ?? "-") echo \(echo ? "yes" : "-") 1400 \(large ? "yes" : "-")"
        }
    }
}

extension Lab {
    /// Asks all at once.
    func probe(_ probes: [Probe]) throws -> [Probe: Probe.Outcome] {
        var text = ""
        for (index, probe) in probes.enumerated() {
            let target = probe.address.contains(":") ? "[\(probe.address)]" : probe.address
            text += """
                ( t=$(on \(probe.host) timeout 3 socat -u TCP:\(target):9400,connect-timeout=2 - 2>/dev/null || true)
                  # A datagram may be lost on a busy machine: a path that works carries one of three.
                  for try in 1 2 3; do
                      u=$(echo x | on \(probe.host) timeout 3 socat -t1 - UDP:\(target):9400 2>/dev/null || true)
                      if [ -n "$u" ]; then break; fi
                  done
                  e=- l=-
                  on \(probe.host) ping -q -c1 -W2 \(probe.address) >/dev/null 2>&1 && e=yes
                  on \(probe.host) ping -q -c1 -W2 -M do -s 1372 \(probe.address) >/dev/null 2>&1 && l=yes
                  echo "\(index) ${t:--} ${u:--} $e $l" ) &

                """
        }
        var outcomes: [Probe: Probe.Outcome] = [:]
        for line in try script(text + "wait").split(separator: "\n") {
            let words = line.split(separator: " ").map { String($0).trimmingCharacters(in: ["[", "]"]) }
            guard words.count == 5, let index = Int(words[0]) else { continue }
            outcomes[probes[index]] = Probe.Outcome(
                tcp: words[1] == "-" ? nil : words[1], udp: words[2] == "-" ? nil : words[2], echo: words[3] == "yes",
                large: words[4] == "yes")
        }
        return outcomes
    }

    /// Each host to each of the addresses of others.
    func pairs(_ addresses: [String: String], where isWanted: (String, String) -> Bool = { _, _ in true }) -> [Probe] {
        addresses.keys.sorted().flatMap { from in
            addresses.sorted { $0.key < $1.key }.filter { $0.key != from && isWanted(from, $0.key) }
                .map { Probe(host: from, address: $0.value) }
        }
    }
}
