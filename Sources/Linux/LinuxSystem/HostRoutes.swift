package import IPAddressing

/// The routes of this host, as the kernel lists them for people (proc(5)).
package enum HostRoutes {
    /// The prefixes that the host has routes to in its main table, as far as they can be read, without
    /// default routes.
    package static func prefixes() -> [IPPrefix] {
        prefixes(v4: text("/proc/net/route")) + prefixes(v6: text("/proc/net/ipv6_route"))
    }

    /// Lines of `/proc/net/route`: after the interface the destination and, in the eighth field, the mask,
    /// each a number of the machine's byte order in hexadecimal.
    package static func prefixes(v4 text: String) -> [IPPrefix] {
        text.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split { $0 == "\t" || $0 == " " }
            guard fields.count > 7, let destination = UInt32(fields[1], radix: 16),
                let mask = UInt32(fields[7], radix: 16), mask != 0
            else { return nil }
            let address = IPAddress(v4: UInt32(bigEndian: destination))
            return IPPrefix(around: address, length: mask.nonzeroBitCount)
        }
    }

    /// Lines of `/proc/net/ipv6_route`: the destination and its length, in hexadecimal.
    package static func prefixes(v6 text: String) -> [IPPrefix] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 1, let bits = UInt128(fields[0], radix: 16),
                let length = Int(fields[1], radix: 16), length > 0
            else { return nil }
            return IPPrefix(around: IPAddress(v6: bits), length: length)
        }
    }

    /// Empty if the file can't be read.
    private static func text(_ path: String) -> String {
        guard let octets = try? FileContents.read(path) else { return "" }
        return String(decoding: octets, as: UTF8.self)
    }
}
