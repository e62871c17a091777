import Diagnosis
import IPAddressing
import LinuxSystem

/// Which processes hold the sockets of this host; only root sees those of other users.
struct SocketOwners {
    /// A process and its name.
    struct Owner: Hashable {
        /// Its number.
        let process: Int
        /// Its name.
        let name: String
    }

    /// All sockets of the host.
    let table: SocketTable
    /// The owner of each socket, by inode.
    private var owners: [Int: Owner] = [:]

    /// Reads /proc once.
    init() {
        var table = SocketTable()
        for (file, isStream) in [("udp", false), ("udp6", false), ("tcp", true), ("tcp6", true)] {
            if let text = TextFile.read("/proc/net/\(file)") { table.read(text, isStream: isStream) }
        }
        self.table = table
        let wanted = Set(table.sockets.map(\.inode))
        for process in FileContents.names(in: "/proc").compactMap({ Int($0) }) {
            let folder = "/proc/\(process)/fd"
            for number in FileContents.names(in: folder) {
                guard let target = ThisProcess.target(of: "\(folder)/\(number)"),
                    target.hasPrefix("socket:["), let inode = Int(target.dropFirst(8).dropLast()),
                    wanted.contains(inode),
                    let name = ThisProcess.name(of: process)
                else { continue }
                owners[inode] = Owner(process: process, name: name)
            }
        }
    }

    /// The process that holds the socket; nil if unknown.
    func owner(of socket: ListeningSocket) -> Owner? { owners[socket.inode] }

    /// The processes whose sockets receive questions to `endpoint`, or keep others from being bound there.
    ///
    /// - Parameter server: The running Namebridge; nil if none answers.
    func holders(
        at endpoint: Endpoint, isStream: Bool, server: Int? = nil
    ) -> [ForwarderObservation.Holder] {
        table.sockets(at: endpoint, isStream: isStream).map { socket in
            let owner = owner(of: socket)
            let isOurs = owner.map { $0.process == server || $0.name == "namebridge" } ?? false
            return ForwarderObservation.Holder(
                endpoint: socket.endpoint, process: owner?.process, name: owner?.name, isOurs: isOurs)
        }
    }

    /// The name of the local process that answers datagrams to `server`; nil if none is known.
    func process(at server: Endpoint) -> String? {
        guard HostAddresses.isLocal(server.address) else { return nil }
        let exact = table.sockets(at: server, isStream: false).sorted {
            !$0.endpoint.address.isUnspecified && $1.endpoint.address.isUnspecified
        }
        return exact.lazy.compactMap { owner(of: $0)?.name }.first
    }
}

/// Small files of text.
enum TextFile {
    /// The file's text; nil if it cannot be read.
    static func read(_ path: String) -> String? {
        do throws(Errno) {
            return String(decoding: try FileContents.read(path), as: UTF8.self)
        } catch {
            return nil
        }
    }

    /// The number that is the only content of the file.
    static func number(_ path: String) -> Int? {
        read(path).flatMap { Int($0.split { $0.isWhitespace }.first ?? "") }
    }
}
