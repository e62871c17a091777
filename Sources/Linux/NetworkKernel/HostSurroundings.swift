package import IPAddressing
import LinuxSystem

/// What a host must go on reaching whatever is changed on it.
package enum HostSurroundings {
    /// The name servers of resolv.conf(5), and of systemd-resolved where it stands before them.
    package static func resolvers() -> [IPAddress] {
        var addresses: [IPAddress] = []
        for path in ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"] {
            for address in resolvers(in: path) where !addresses.contains(address) {
                addresses.append(address)
            }
        }
        return addresses
    }

    /// The far ends of the ssh sessions that this process runs in.
    package static func sessions() -> [IPAddress] { ThisProcess.sessionPeers.compactMap { IPAddress($0) } }

    private static func resolvers(in path: String) -> [IPAddress] {
        do throws(Errno) {
            let text = String(decoding: try FileContents.read(path), as: UTF8.self)
            return text.split(separator: "\n").compactMap { line in
                let words = line.split { $0 == " " || $0 == "\t" }
                guard words.count >= 2, words[0] == "nameserver" else { return nil }
                return IPAddress(String(words[1].split(separator: "%").first ?? ""))
            }
        } catch {
            return []
        }
    }
}
