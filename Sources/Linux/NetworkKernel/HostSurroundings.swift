package import IPAddressing
import LinuxSystem

/// Addresses that a host must still reach after every change.
package enum HostSurroundings {
    /// The name servers of resolv.conf(5), and of systemd-resolved if resolv.conf names its stub.
    package static func resolvers() -> [IPAddress] {
        var addresses: [IPAddress] = []
        for path in ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"] {
            for address in resolvers(in: path) where !addresses.contains(address) {
                addresses.append(address)
            }
        }
        return addresses
    }

    /// The remote addresses of the ssh sessions that this process runs in.
    package static func sessions() -> [IPAddress] { ThisProcess.sessionPeers.compactMap { IPAddress($0) } }

    /// The name servers in a file like resolv.conf.
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
