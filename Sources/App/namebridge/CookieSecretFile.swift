import DNSWire
import Glibc
import Inventory
import LinuxSystem

/// The file of `dns.cookie-secret-file`: the secrets from which the cookies of RFC 9018 are made, the newest
/// first, each on a line of 32 hexadecimal digits. Empty lines and those that begin with `#` are ignored.
struct CookieSecretFile {
    /// The newest first.
    let secrets: [SipHash.Key]
    /// A warning that users may read or change the file who should not; in a sentence, with the remedy.
    let warning: String?

    /// The most secrets in use at once: one makes cookies, others are being replaced.
    private static let mostSecrets = 4

    /// The user of the service's unit. Must be looked up on the main thread.
    static var serviceUser: SystemUser? { SystemUser(named: "namebridge") }

    /// - Parameter service: As `serviceUser`; nil: there is none.
    init(path: String, service: SystemUser?) throws(CookieSecretError) {
        let access = FileAccess(ofFile: path)
        guard access?.isFile ?? true else {
            throw CookieSecretError(text: "\(path): found something other than a file")
        }
        let octets: [UInt8]
        do throws(FileError) {
            octets = try contents(ofFile: path)
        } catch {
            throw CookieSecretError(text: Self.explain(error, access, service: service))
        }
        secrets = try Self.read(octets, path)
        warning = access.flatMap { Self.warning(path, $0, service: service) }
    }

    /// The secrets in a file's content.
    private static func read(_ octets: [UInt8], _ path: String) throws(CookieSecretError) -> [SipHash.Key] {
        var secrets: [SipHash.Key] = []
        for (index, line) in octets.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let text = line.filter { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }
            guard let first = text.first, first != UInt8(ascii: "#") else { continue }
            // The line is a secret: it is not shown.
            guard let secret = key(text) else {
                let found =
                    text.allSatisfy { digit($0) != nil }
                    ? "\(text.count) of them" : "something else among \(text.count) characters"
                throw CookieSecretError(
                    text: "\(path):\(index + 1): expected a secret of 32 hexadecimal digits, found \(found);"
                        + " `openssl rand -hex 16` makes one")
            }
            secrets.append(secret)
        }
        guard (1...mostSecrets).contains(secrets.count) else {
            throw CookieSecretError(
                text: "\(path): found \(secrets.count) secrets, expected 1 to \(mostSecrets)"
                    + (secrets.isEmpty ? "; `openssl rand -hex 16` makes one" : ""))
        }
        return secrets
    }

    /// The secret of 32 hexadecimal digits.
    private static func key(_ text: [UInt8]) -> SipHash.Key? {
        guard text.count == 32 else { return nil }
        var octets: [UInt8] = []
        for position in stride(from: 0, to: 32, by: 2) {
            guard let high = digit(text[position]), let low = digit(text[position + 1]) else { return nil }
            octets.append(high << 4 | low)
        }
        return SipHash.Key(octets: octets)
    }

    /// The value of a hexadecimal digit.
    private static func digit(_ octet: UInt8) -> UInt8? {
        switch octet {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): octet - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): octet - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): octet - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// A mistake in the file of secrets; never contains a secret.
struct CookieSecretError: Error, CustomStringConvertible {
    /// The mistake in words.
    let text: String
    var description: String { text }
}

// MARK: - Who may read it

extension CookieSecretFile {
    /// Why the file can't be read, and the command to run if its mode is the cause.
    private static func explain(_ error: FileError, _ access: FileAccess?, service: SystemUser?) -> String {
        guard error.code == EACCES else { return "\(error)" }
        let way = access.map { "; for the service: `\(remedy(error.path, $0, service: service))`" } ?? ""
        return "\(error) for the user \(geteuid())\(way)"
    }

    /// Reports users who may read or change such a file and should not: all except its owner and the
    /// service's own group.
    ///
    /// - Parameter service: The user of the service; nil: not known.
    static func warning(_ path: String, _ access: FileAccess, service: SystemUser?) -> String? {
        var objections: [String] = []
        if access.mode & 0o004 != 0 {
            objections.append("every user of this host can read it, and forge the cookies of any client")
        } else if access.mode & 0o040 != 0, ![0, service?.group ?? 0, getegid()].contains(access.group) {
            objections.append(
                "the members of group \(access.group) can read it, and forge the cookies of any client")
        }
        if access.mode & 0o022 != 0 { objections.append("others than its owner can change it") }
        guard !objections.isEmpty else { return nil }
        return "\(path): mode \(access.modeText): \(objections.joined(separator: "; "));"
            + " to close it: `\(remedy(path, access, service: service))`"
    }

    /// Reports that the service's user can't read the file; nil if it can, or there is no such user.
    static func exclusion(_ path: String, _ access: FileAccess, service: SystemUser?) -> String? {
        guard let service, service.user != 0 else { return nil }
        let mayRead =
            access.owner == service.user
            ? access.mode & 0o400 != 0
            : access.group == service.group ? access.mode & 0o040 != 0 : access.mode & 0o004 != 0
        guard !mayRead else { return nil }
        return "\(path): mode \(access.modeText), owner \(access.owner): the service runs as"
            + " \(service.name), which cannot read it; type `\(remedy(path, access, service: service))`"
    }

    /// The commands after which only the owner and the service can read the file.
    private static func remedy(_ path: String, _ access: FileAccess, service: SystemUser?) -> String {
        let isSafe = path.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."),
                UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        let parts = path.split(separator: "'", omittingEmptySubsequences: false)
        let word = isSafe ? path : "'\(parts.joined(separator: "'\\''"))'"
        guard let service, access.owner != service.user else { return "chmod 600 \(word)" }
        let change = "chmod 640 \(word)"
        return access.group == service.group ? change : "chgrp \(service.name) \(word) && \(change)"
    }

    /// The problems that `namebridge check` reports about the file that `inventory` names.
    static func problems(of inventory: Inventory) -> [InventoryProblem] {
        guard let path = inventory.dns.cookieSecretFile else { return [] }
        let place = InventoryPath("dns") + "cookie-secret-file"
        let service = serviceUser
        do throws(CookieSecretError) {
            let file = try CookieSecretFile(path: path, service: service)
            let access = FileAccess(ofFile: path)
            let warnings = [file.warning, access.flatMap { Self.exclusion(path, $0, service: service) }]
            return warnings.compactMap { $0 }.map { InventoryProblem(.warning, at: place, $0) }
        } catch {
            return [InventoryProblem(.error, at: place, error.text)]
        }
    }
}

/// A file's owner, group and mode.
struct FileAccess {
    /// The owner's number.
    let owner: UInt32
    /// The group's number.
    let group: UInt32
    /// The twelve lowest bits of st_mode.
    let mode: UInt32
    /// True for a regular file.
    let isFile: Bool

    /// Nil if there is nothing at `path`, or nothing that may be looked at. Corresponds to stat(2).
    init?(ofFile path: String) {
        var found = stat()
        // Sound: the path is read, and the structure filled, during the call.
        guard unsafe stat(path, &found) == 0 else { return nil }
        self.init(
            owner: found.st_uid, group: found.st_gid, mode: found.st_mode & 0o7777,
            isFile: found.st_mode & S_IFMT == S_IFREG)
    }

    init(owner: UInt32, group: UInt32, mode: UInt32, isFile: Bool = true) {
        self.owner = owner
        self.group = group
        self.mode = mode
        self.isFile = isFile
    }

    /// Such as `0644`.
    var modeText: String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
}
