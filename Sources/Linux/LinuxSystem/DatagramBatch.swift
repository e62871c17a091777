import CLinux
import Glibc
package import IPAddressing

/// Memory to receive many datagrams by one system call, used again for each call. Corresponds to recvmmsg(2).
///
/// `0 <= count <= capacity`: the first `count` slots hold what the last call received.
@safe
package struct DatagramBatch: ~Copyable {
    /// Datagrams per call.
    package let capacity: Int
    /// Datagrams of the last call.
    package private(set) var count = 0

    /// Octets of a slot that may be filled.
    private let slotSize: Int
    /// Octets from one slot to the next.
    private let stride: Int
    /// One header for each slot.
    private let headers: UnsafeMutablePointer<clinux_message>
    /// One vector for each slot.
    private let vectors: UnsafeMutablePointer<iovec>
    /// The senders' addresses.
    private let names: UnsafeMutableRawPointer
    /// The control data.
    private let controls: UnsafeMutableRawPointer
    /// The slots' octets.
    private let octets: UnsafeMutableRawPointer

    /// Octets for each address.
    private static let nameStride = 32
    /// Octets for the control data of each slot.
    private static let controlStride = 64

    /// - Parameters:
    ///   - capacity: Datagrams per call.
    ///   - slotSize: The most octets that one can have; pages that no datagram reaches are never used.
    package init(capacity: Int, slotSize: Int) {
        self.capacity = capacity
        self.slotSize = slotSize
        // Slots a whole number of pages apart would compete for the same few cache lines.
        stride = (slotSize + 63) / 64 * 64 + 192
        unsafe headers = .allocate(capacity: capacity)
        unsafe vectors = .allocate(capacity: capacity)
        unsafe names = .allocate(byteCount: capacity * Self.nameStride, alignment: 64)
        unsafe controls = .allocate(byteCount: capacity * Self.controlStride, alignment: 64)
        unsafe octets = .allocate(byteCount: capacity * stride, alignment: 64)
        // Sound: every index below stays under `capacity`, for which there is room in each allocation. The
        // kernel fills names, controls and octets, and each is read only up to the length that it reports.
        for slot in 0..<capacity {
            unsafe (vectors + slot).initialize(
                to: iovec(iov_base: octets + slot * stride, iov_len: slotSize))
            var header = unsafe msghdr()
            unsafe header.msg_iov = vectors + slot
            unsafe header.msg_iovlen = 1
            unsafe header.msg_name = names + slot * Self.nameStride
            unsafe header.msg_control = controls + slot * Self.controlStride
            unsafe (headers + slot).initialize(to: clinux_message(header: header, length: 0))
        }
        count = capacity
        rearm()
    }

    deinit {
        unsafe headers.deallocate()
        unsafe vectors.deallocate()
        unsafe names.deallocate()
        unsafe controls.deallocate()
        unsafe octets.deallocate()
    }

    /// Receives at most `capacity` datagrams from `socket`; their number, 0 if none waits.
    package mutating func receive(from socket: borrowing FileDescriptor) throws(Errno) -> Int {
        rearm()
        let number = socket.number
        // Sound: `capacity` headers are initialised and point into our own allocations.
        let received = try nonBlockingCall {
            unsafe clinux_recvmmsg(number, headers, UInt32(capacity), Int32(MSG_DONTWAIT))
        }
        count = Int(received ?? 0)
        return count
    }

    /// Resets the lengths of the slots that the kernel has used.
    private mutating func rearm() {
        for slot in 0..<count {
            unsafe headers[slot].header.msg_namelen = socklen_t(Self.nameStride)
            unsafe headers[slot].header.msg_controllen = Self.controlStride
            unsafe headers[slot].header.msg_flags = 0
        }
        count = 0
    }

    /// Datagram `index`, 0..<`count`.
    @_lifetime(borrow self)
    package func message(_ index: Int) -> Span<UInt8> {
        check(index)
        // Sound: the kernel wrote this many octets into the slot, which lives as long as the borrow of self.
        let length = unsafe min(Int(headers[index].length), slotSize)
        let span = unsafe UnsafeBufferPointer(
            start: (octets + index * stride).assumingMemoryBound(to: UInt8.self), count: length
        ).span
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// True if datagram `index` was longer than its slot.
    package func isCut(_ index: Int) -> Bool {
        check(index)
        return unsafe headers[index].header.msg_flags & Int32(MSG_TRUNC) != 0
    }

    /// The sender of datagram `index`, with the interface's index if the address is link-local; nil if the
    /// kernel named no sender.
    package func sender(_ index: Int) -> (endpoint: Endpoint, scope: UInt32)? {
        check(index)
        // Sound: the kernel wrote `msg_namelen` octets of an address into the slot, which holds all
        // IP addresses.
        return unsafe SocketAddress.load(
            names + index * Self.nameStride, length: headers[index].header.msg_namelen)
    }

    /// The address that datagram `index` was sent to and the interface that it came by; nil if the socket
    /// does not report it. Corresponds to IP_PKTINFO (ip(7)) and IPV6_PKTINFO (RFC 3542 section 6).
    package func destination(_ index: Int) -> (address: IPAddress, interface: UInt32)? {
        check(index)
        let base = unsafe UnsafeRawPointer(controls + index * Self.controlStride)
        let length = unsafe min(Int(headers[index].header.msg_controllen), Self.controlStride)
        var offset = 0
        // Ends: each turn moves on by at least the 16 octets of a header. Sound: reads stay below `length`,
        // which the kernel wrote; the layouts are asserted in CLinux.c.
        while length - offset >= 16 {
            let size = unsafe Int(clamping: base.loadUnaligned(fromByteOffset: offset, as: UInt.self))
            guard size >= 16, size <= length - offset else { return nil }
            let level = unsafe base.loadUnaligned(fromByteOffset: offset + 8, as: Int32.self)
            let kind = unsafe base.loadUnaligned(fromByteOffset: offset + 12, as: Int32.self)
            if level == Int32(IPPROTO_IP), kind == IP_PKTINFO, size >= 28 {
                // The second field: for a broadcast it is the interface's own address, which a reply can be
                // sent from.
                return unsafe (
                    SocketAddress.load4(base + offset + 20),
                    base.loadUnaligned(fromByteOffset: offset + 16, as: UInt32.self)
                )
            }
            if level == Int32(IPPROTO_IPV6), kind == IPV6_PKTINFO, size >= 36 {
                return unsafe (
                    SocketAddress.load6(base + offset + 16),
                    base.loadUnaligned(fromByteOffset: offset + 32, as: UInt32.self)
                )
            }
            offset += (size + 7) & ~7
        }
        return nil
    }

    /// Checks that datagram `index` was received.
    private func check(_ index: Int) {
        precondition(index >= 0 && index < count, "a datagram is read that was not received")
    }
}
