import Glibc
import LabProbe

/// The sockets that ask and answer in the hosts of one lab.
@safe final class ProbeSockets {
    private let lab: OpaquePointer?

    /// The port of those who answer.
    static let port: UInt16 = 9400

    // Sound: the structure is made here, freed in `deinit`, and used by one test's task alone.
    init() { unsafe lab = lab_create() }
    deinit { if let lab = unsafe lab { unsafe lab_destroy(lab) } }

    /// Lets the host whose namespace has the file `space` answer.
    func answer(in space: String) throws {
        guard unsafe lab_answer(lab, space, Self.port) == 0 else { throw failure("no server answers in \(space)") }
    }

    /// Asks all at once, and waits until all are answered or the time is up.
    ///
    /// - Parameter probes: Each with the file of the namespace that it starts in.
    func run(_ probes: [(space: String, probe: Probe)], milliseconds: Int32) throws -> [Probe.Outcome] {
        unsafe lab_forget(lab)
        for (space, probe) in probes {
            let number = unsafe lab_add(
                lab, space, probe.address, probe.port, Probe.datagrams, probe.isOfService ? 0 : 1)
            guard number >= 0 else { throw failure("\(probe) cannot be asked") }
        }
        guard unsafe lab_run(lab, milliseconds) == 0 else { throw failure("the probes did not run") }
        return probes.enumerated().map { index, item in
            let outcome = unsafe lab_take(lab, Int32(index))
            return Probe.Outcome(
                tcp: text(outcome.tcp), udp: text(outcome.udp), datagrams: Int(outcome.datagrams),
                echo: item.probe.isOfService ? nil : outcome.echo == 1,
                large: item.probe.isOfService ? nil : outcome.large == 1,
                error: outcome.error == 0 ? nil : unsafe String(cString: strerror(outcome.error)))
        }
    }

    /// Sends octets from one namespace to another, each compared with what was sent; how many arrived.
    static func transfer(from: String, to: String, address: String, octets: Int, milliseconds: Int32) -> Int {
        unsafe lab_transfer(from, to, address, 9500, octets, milliseconds)
    }

    /// A text of C in a fixed array; nil if it is empty.
    private func text<Array>(_ array: Array) -> String? {
        let text = unsafe withUnsafeBytes(of: array) { octets in
            // Sound: the octets are read while the copy lives.
            unsafe String(decoding: octets.prefix { $0 != 0 }, as: UTF8.self)
        }
        return text.isEmpty ? nil : text
    }

    private func failure(_ what: String) -> LabFailure {
        let reason = errno
        return LabFailure(text: unsafe "\(what): \(String(cString: strerror(reason)))")
    }
}

/// A stream of datagrams and their answers, which shows how long none came through.
@safe final class Stream {
    private let stream: OpaquePointer
    static let port: UInt16 = 9700

    /// - Parameters:
    ///   - from: The file of the namespace that sends.
    ///   - to: That of the one that answers, which accepts TCP connections at the same port as well.
    init(from: String, to: String, address: String) throws {
        // Sound: the structure is made here, and freed in `deinit`; its thread shares nothing but atomics.
        guard let stream = unsafe lab_stream_start(from, to, address, Self.port) else {
            throw LabFailure(text: "no stream to \(address) could be made")
        }
        unsafe self.stream = stream
    }

    deinit { unsafe lab_stream_stop(stream) }

    /// True once answers come.
    var flows: Bool { unsafe lab_stream_silence(stream) < 50 }

    /// The longest time without an answer since the last call, in milliseconds.
    func takeGap() -> Int { Int(unsafe lab_stream_gap(stream)) }
}

/// Connections that stay open while the network between their ends changes.
@safe final class HeldConnections {
    private let all: OpaquePointer
    static let count = 200

    /// - Parameters:
    ///   - from: The file of the namespace of the clients.
    ///   - to: That of the server.
    init(from: String, to: String, address: String, port: UInt16 = 9600) throws {
        // Sound: the structure is made here, freed in `deinit`, and used by one test's task alone.
        guard let all = unsafe lab_connect(from, to, address, port, Int32(Self.count), 20_000) else {
            throw LabFailure(text: "not all connections to \(address) could be opened")
        }
        unsafe self.all = all
    }

    deinit { unsafe lab_disconnect(all) }

    /// How many carry an octet both ways, from the server's end first or from the client's.
    ///
    /// - Parameter milliseconds: So long those that are dead are waited for.
    func exchange(serverFirst: Bool, milliseconds: Int32 = 15_000) -> Int {
        Int(unsafe lab_exchange(all, serverFirst ? 1 : 0, milliseconds))
    }
}
