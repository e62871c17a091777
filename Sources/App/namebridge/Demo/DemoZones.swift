import DNSWire
import DomainNames
import Glibc
import LDNSBridge

/// The zone files of the demo's clusters.
struct DemoZones {
    /// The folder that holds `prod.zone` and `staging.zone`.
    let folder: String

    /// Searches for the folder beside the installed program, then in the folders above the program and the
    /// current one.
    ///
    /// - Parameters:
    ///   - folder: The only folder to search, if given.
    ///   - program: The program's folder; nil if it is not known.
    init?(folder: String?, program: String? = Self.programFolder()) {
        let installed = program.map { [$0 + "/../share/namebridge/demo"] } ?? []
        let above = [program, "."].compactMap { $0 }.flatMap {
            Self.upwards(from: $0).map { $0 + "/config/demo" }
        }
        let candidates = folder.map { [$0] } ?? installed + above
        guard let found = candidates.first(where: { Self.isReadable($0 + "/prod.zone") }) else { return nil }
        self.folder = found
    }

    /// Where a search for the folder looks, for people.
    static func searched(folder: String?, program: String? = Self.programFolder()) -> String {
        if let folder { return folder }
        let above = "config/demo of the current folder or one above it"
        guard let program else { return above }
        return
            "\(program)/../share/namebridge/demo, in config/demo of \(program) or a folder above it, or in "
            + above
    }

    /// The services with addresses, each as `SERVICE.NAMESPACE`, in order.
    static func services(in records: [ResourceRecord]) -> [String] {
        let names = records.filter { [RecordType.a, RecordType.aaaa].contains(Int($0.type)) }.compactMap {
            record -> String? in
            let labels = record.owner.labels
            guard labels.count == 5, labels[2].elementsEqual("svc".utf8) else { return nil }
            return labels.prefix(2).map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
        }
        return Set(names).sorted()
    }

    /// The records of the cluster `name`, from `<name>.zone`.
    /// - Throws: `ExitStatus.usage`, after a message, if the file cannot be read.
    func records(of name: String) throws -> [ResourceRecord] {
        let path = "\(folder)/\(name).zone"
        do {
            return try ZoneFile.read(try contents(ofFile: path), origin: .root)
        } catch let error as FileError {
            printError("namebridge: \(error)")
        } catch {
            printError("namebridge: \(path): \(error)")
        }
        throw ExitStatus.usage
    }

    /// The folder of this program's file; nil if /proc is not mounted.
    private static func programFolder() -> String? {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        // Sound: at most `count` octets are written.
        let length = unsafe readlink("/proc/self/exe", &path, path.count)
        guard length > 0 else { return nil }
        let octets = path[..<length].map { UInt8(bitPattern: $0) }
        guard let slash = octets.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return String(decoding: octets[..<slash], as: UTF8.self)
    }

    /// `start` and its ancestors up to the eighth: no build folder is deeper.
    private static func upwards(from start: String) -> [String] {
        (0...8).map { start + String(repeating: "/..", count: $0) }
    }

    /// Corresponds to access(2) with R_OK.
    private static func isReadable(_ path: String) -> Bool {
        // Sound: the path is read during the call.
        unsafe access(path, R_OK) == 0
    }
}
