import CLinux
import Glibc
package import IPAddressing

/// Collects datagrams in one buffer, to send them by one system call. Corresponds to sendmmsg(2).
///
/// `0 <= count <= capacity`: the first `count` slots are ready to send.
@safe
@usableFromInline
package struct DatagramSender: ~Copyable {
    /// Datagrams per call.
    @usableFromInline package let capacity: Int
    /// Datagrams that are ready to send.
    @usableFromInline package private(set) var count = 0
    /// `count` when the last `send` began.
    private var lastTotal = 0
    /// How often a datagram is sent again after an error that may belong to an earlier one: more errors of
    /// earlier datagrams than this can't come in between, even in a flood of ICMP.
    private static let mostTries = 4

    /// One header for each slot.
    private let headers: UnsafeMutablePointer<clinux_message>
    /// One vector for each slot.
    private let vectors: UnsafeMutablePointer<iovec>
    /// Where each datagram begins in the buffer.
    private let starts: UnsafeMutablePointer<Int>
    /// The receivers' addresses.
    private let names: UnsafeMutableRawPointer
    /// The control data.
    private let controls: UnsafeMutableRawPointer

    /// Octets for each address.
    private static let nameStride = 32
    /// Octets for the control data of each slot.
    private static let controlStride = 64

    /// The result of one `send`.
    package struct Outcome: Hashable, Sendable {
        /// Datagrams that the kernel accepted.
        package var sent = 0
        /// Not sent, because the socket's buffer was full.
        package var dropped = 0
        /// Not sent, because of `error`.
        package var failed = 0
        /// The last error.
        package var error: Errno? = nil
        /// An error that was gone at the next try: on a connected socket, an ICMP error about an
        /// earlier datagram.
        package var reported: Errno? = nil

        /// Creates an outcome.
        package init() {}
    }

    /// - Parameter capacity: Datagrams per call.
    package init(capacity: Int) {
        self.capacity = capacity
        unsafe headers = .allocate(capacity: capacity)
        unsafe vectors = .allocate(capacity: capacity)
        unsafe starts = .allocate(capacity: capacity)
        unsafe names = .allocate(byteCount: capacity * Self.nameStride, alignment: 64)
        unsafe controls = .allocate(byteCount: capacity * Self.controlStride, alignment: 64)
        // Sound: every index stays under `capacity`, for which there is room in each allocation.
        for slot in 0..<capacity {
            unsafe (vectors + slot).initialize(to: iovec())
            unsafe (starts + slot).initialize(to: 0)
            var header = unsafe msghdr()
            unsafe header.msg_iov = vectors + slot
            unsafe header.msg_iovlen = 1
            unsafe (headers + slot).initialize(to: clinux_message(header: header, length: 0))
        }
    }

    deinit {
        unsafe headers.deallocate()
        unsafe vectors.deallocate()
        unsafe starts.deallocate()
        unsafe names.deallocate()
        unsafe controls.deallocate()
    }

    /// True if no further datagram fits.
    @inlinable
    package var isFull: Bool { count == capacity }

    /// Adds the datagram `octets[start..<end]` of a later `send`, to the server that the socket is
    /// connected to.
    package mutating func add(start: Int, end: Int) {
        precondition(
            count < capacity && start >= 0 && start <= end, "a datagram is added where there is no room")
        // Sound: `count` is below `capacity`.
        unsafe starts[count] = start
        unsafe vectors[count].iov_len = end - start
        count += 1
    }

    /// Adds the datagram `octets[start..<end]` of a later `send`.
    ///
    /// - Parameters:
    ///   - source: The address that it leaves from; nil if the socket is bound to it. It must be of the
    ///     client's family.
    ///   - interface: The interface to leave by, used where an address is link-local; routes decide
    ///     elsewhere.
    package mutating func add(
        start: Int, end: Int, to client: Endpoint, from source: IPAddress?, interface: UInt32
    ) {
        let slot = count
        add(start: start, end: end)
        // Sound: `slot` is below `capacity`, an address takes at most 28 of the 32 octets of its place, and
        // control data at most 40 of 64.
        let name = unsafe names + slot * Self.nameStride
        unsafe headers[slot].header.msg_name = name
        unsafe headers[slot].header.msg_namelen = SocketAddress.store(client, scope: interface, to: name)
        guard let source else {
            unsafe headers[slot].header.msg_control = nil
            unsafe headers[slot].header.msg_controllen = 0
            return
        }
        let control = unsafe controls + slot * Self.controlStride
        unsafe headers[slot].header.msg_control = control
        unsafe headers[slot].header.msg_controllen = Self.storeControl(
            source, interface: interface, to: control)
    }

    /// Adds the datagrams of the last `send` again, if it sent none of them.
    package mutating func addAgain() {
        precondition(count == 0, "something was added since the last send")
        count = lastTotal
    }

    /// Where datagram `index` of the last `send` began, to identify those that were not sent.
    package func lastStart(_ index: Int) -> Int {
        precondition(index >= 0 && index < lastTotal, "a datagram is asked for that was not sent")
        // Sound: all slots are initialised.
        return unsafe starts[index]
    }

    /// The number of datagrams of the last `send`.
    package var lastCount: Int { lastTotal }

    /// Drops all datagrams, as if each had met an error.
    package mutating func giveUpAll() {
        lastTotal = count
        count = 0
    }

    /// Writes the packet information that makes a datagram leave from `source`; its length with padding.
    ///
    /// The layouts are asserted in CLinux.c.
    @unsafe
    private static func storeControl(
        _ source: IPAddress, interface: UInt32, to control: UnsafeMutableRawPointer
    ) -> Int {
        if source.family == .v4 {
            unsafe control.storeBytes(of: 28, as: UInt.self)
            unsafe control.storeBytes(of: Int32(IPPROTO_IP), toByteOffset: 8, as: Int32.self)
            unsafe control.storeBytes(of: Int32(IP_PKTINFO), toByteOffset: 12, as: Int32.self)
            let address = UInt32(truncatingIfNeeded: source.bits).bigEndian
            unsafe control.storeBytes(of: 0, toByteOffset: 16, as: UInt32.self)
            unsafe control.storeBytes(of: address, toByteOffset: 20, as: UInt32.self)
            unsafe control.storeBytes(of: 0, toByteOffset: 24, as: UInt32.self)
            return 32
        }
        unsafe control.storeBytes(of: 36, as: UInt.self)
        unsafe control.storeBytes(of: Int32(IPPROTO_IPV6), toByteOffset: 8, as: Int32.self)
        unsafe control.storeBytes(of: Int32(IPV6_PKTINFO), toByteOffset: 12, as: Int32.self)
        unsafe SocketAddress.store6(source, to: control + 16)
        unsafe control.storeBytes(of: source.isLinkLocal ? interface : 0, toByteOffset: 32, as: UInt32.self)
        return 40
    }

    /// Sends the added datagrams out of `octets`, and clears the list.
    ///
    /// - Parameter stopsAtError: True, for a connected socket, tries a datagram that met an error again, and
    ///   if the error stays leaves it and the rest unsent, as failed; else only the datagram that met it is.
    package mutating func send(
        _ octets: Span<UInt8>, on socket: borrowing FileDescriptor, stopsAtError: Bool
    ) -> Outcome {
        var outcome = Outcome()
        let total = count
        lastTotal = total
        count = 0
        let number = socket.number
        unsafe octets.withUnsafeBufferPointer { buffer in
            guard total > 0, let base = buffer.baseAddress else { return }
            for slot in 0..<total {
                let start = unsafe starts[slot]
                precondition(
                    unsafe vectors[slot].iov_len <= buffer.count - start, "a datagram lies outside its buffer"
                )
                // Sound: the datagram lies inside `octets`; the kernel only reads it, during the calls below.
                unsafe vectors[slot].iov_base = UnsafeMutableRawPointer(mutating: base + start)
            }
            unsafe sendAll(headers, total, number: number, stopsAtError: stopsAtError, outcome: &outcome)
        }
        return outcome
    }

    /// Sends `total` datagrams, continuing after those that the kernel did not accept.
    @unsafe
    private func sendAll(
        _ headers: UnsafeMutablePointer<clinux_message>, _ total: Int, number: Int32, stopsAtError: Bool,
        outcome: inout Outcome
    ) {
        var next = 0
        var tries = 0
        // Ends: each turn sends at least one datagram, gives one up or is one of a few tries.
        while next < total {
            do throws(Errno) {
                // Sound: the headers from `next` to `total` are initialised and point at what lives during
                // the call.
                let sent = try nonBlockingCall {
                    unsafe clinux_sendmmsg(number, headers + next, UInt32(total - next), Int32(MSG_NOSIGNAL))
                }
                guard let sent, sent > 0 else {
                    outcome.dropped += total - next
                    return
                }
                outcome.sent += Int(sent)
                next += Int(sent)
                tries = 0
            } catch {
                tries += 1
                if stopsAtError, tries < Self.mostTries {
                    outcome.reported = error
                    continue
                }
                outcome.error = error
                let given = stopsAtError ? total - next : 1
                outcome.failed += given
                next += given
            }
        }
    }
}
