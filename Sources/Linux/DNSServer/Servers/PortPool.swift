import Forwarding
import Time

/// Chooses which UDP socket of one worker towards one server sends the next questions, and when it is
/// replaced by a new one with a new port.
///
/// ```
/// closed -> taking questions -> leaving: listens until its questions are done -> closed
///                            -> closed at once, if it waits for none
/// ```
/// Questions are sent from one of `mostTaking` sockets, drawn anew for each batch. A socket takes questions
/// for 0.5 to 1.5 s and at most 128 to 383 of them, both drawn when it opens: no two are replaced together,
/// and knowledge of a port is soon useless. To scan all 28,232 ports of Linux's usual range by the ICMP side
/// channel at 1,000 probes a second takes half a minute (SAD DNS, 2020), in which every port has been
/// replaced twenty times.
///
/// A forger who sees no packets must hit the port, the message ID and the letter case of a question while it
/// is in flight. There are at most four copies of a question, so that one forged packet succeeds with
/// probability 4 / (28,232 * 65,536) = 2e-9 if the server does not keep letter case: at 100,000 packets a
/// second, and with one of the forger's questions in flight all the time, once in 77 minutes. With a name of
/// 20 letters towards a server that keeps their case it is 2^20 times less, once in 150 years. Meanwhile 50
/// of these packets a second reach an open port, which shows in metrics and `status`; and after
/// `mostMismatches` of them on one socket its questions are asked over TCP, and the socket is replaced. So a
/// forger who knows the port has four guesses at the ID.
///
/// `lanes` holds the places that may be drawn, all different; `free` those that are neither in `lanes` nor
/// leaving. Together with the leaving ones they are all places, 0..<`UpstreamSockets.perServer`.
struct PortPool {
    /// Sockets that take questions at a time.
    static let mostTaking = 16
    /// Answers that match no question, in the life of one socket, before its questions are asked over TCP.
    ///
    /// PowerDNS switches to TCP after the first (`spoof-nearmiss-max`), Unbound clears its cache after ten
    /// million (`unwanted-reply-threshold`). A network that delivers a packet twice causes one occasionally.
    static let mostMismatches = 4

    /// The places whose sockets take questions.
    private var lanes: [UInt8]
    /// The places without a socket that are not in `lanes`.
    private var free: [UInt8]
    /// By place; empty until the first socket opens.
    private var ports: [Port] = []
    /// The lane of the present batch.
    private var lane = 0

    /// The state of one socket.
    private struct Port {
        /// True if the socket is open.
        var isOpen = false
        /// True if it takes no more questions.
        var isLeaving = false
        /// Questions that it may still take; and until when.
        var questionsLeft = 0
        /// When it takes no more questions.
        var end = MonotonicTime(nanoseconds: 0)
        /// Answers that matched no question.
        var mismatches = 0
        /// True if ICMP has reported, since the last question, that no answers come.
        var isHinted = false
    }

    init() {
        lanes = (0..<UInt8(Self.mostTaking)).map { $0 }
        free = (UInt8(Self.mostTaking)..<UInt8(UpstreamSockets.perServer)).reversed()
    }

    /// The place whose socket sends the next batch of questions.
    var place: Int { Int(lanes[lane]) }

    /// Draws the place for the next batch among `width` of them, 1...`mostTaking`.
    ///
    /// - Parameter bits: Random bits.
    mutating func draw(_ bits: UInt64, among width: Int) {
        lane = Int(bits % UInt64(max(1, min(width, Self.mostTaking))))
    }

    /// True if the socket at `place` has sent all the questions that it may.
    func isSpent(_ place: Int, at now: MonotonicTime) -> Bool {
        guard !ports.isEmpty, ports[place].isOpen else { return false }
        return ports[place].questionsLeft <= 0 || ports[place].end <= now
    }

    /// True if the socket at `place` is open.
    func isOpen(_ place: Int) -> Bool { !ports.isEmpty && ports[place].isOpen }

    /// True if the socket at `place` only listens for the answers to its questions.
    func isLeaving(_ place: Int) -> Bool { !ports.isEmpty && ports[place].isLeaving }

    /// How long a socket takes questions.
    struct Life {
        /// The most questions.
        let questions: Int
        /// The end of its time.
        let end: MonotonicTime

        /// - Parameter bits: Random bits.
        init(_ bits: UInt64, from now: MonotonicTime) {
            questions = 128 + Int(bits & 0xFF)
            end = now.advanced(milliseconds: 500 + Int((bits >> 32) % 1_000))
        }
    }

    /// A socket was opened at `place`.
    mutating func opened(_ place: Int, _ life: Life) {
        if ports.isEmpty { ports = Array(repeating: Port(), count: UpstreamSockets.perServer) }
        ports[place] = Port(isOpen: true, questionsLeft: life.questions, end: life.end)
    }

    /// The socket at `place` was closed.
    mutating func closed(_ place: Int) {
        guard isOpen(place) else { return }
        if ports[place].isLeaving { free.append(UInt8(truncatingIfNeeded: place)) }
        ports[place] = Port()
    }

    /// Questions went out of `place`.
    mutating func took(_ count: Int, _ place: Int) {
        guard isOpen(place) else { return }
        ports[place].questionsLeft -= count
        ports[place].isHinted = false
    }

    /// A report of ICMP.
    enum Hint {
        /// The first one since the last question.
        case first
        /// Repeated reports have no further effect, nor has one for a socket that is closed.
        case repeated
    }

    /// ICMP reports that no answers come on the socket at `place`.
    mutating func hinted(_ place: Int) -> Hint {
        guard isOpen(place), !ports[place].isHinted else { return .repeated }
        ports[place].isHinted = true
        return .first
    }

    /// The socket at `place` takes no more questions, and listens until it is closed; the next ones go to a
    /// place whose socket must be opened.
    ///
    ///     If every place has a socket that still waits, which lasts a few seconds at most, this
    /// one continues.
    mutating func retire(_ place: Int) {
        guard isOpen(place), let lane = lanes.firstIndex(of: UInt8(truncatingIfNeeded: place)),
            let fresh = free.popLast()
        else { return }
        lanes[lane] = fresh
        ports[place].isLeaving = true
    }

    /// How many answers matched no question.
    enum Mismatches {
        /// A few, as duplicates.
        case few
        /// Too many: they may be forged.
        case tooMany
    }

    /// An answer that matches no question came on `place`.
    mutating func mismatched(_ place: Int) -> Mismatches {
        guard isOpen(place) else { return .few }
        ports[place].mismatches += 1
        return ports[place].mismatches >= Self.mostMismatches ? .tooMany : .few
    }
}
