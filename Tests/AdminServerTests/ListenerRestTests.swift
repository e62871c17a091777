import LinuxSystem
import Testing
import Time

@testable import AdminServer

@Suite struct ListenerRestTests {
    @Test func `a pause lasts a second, and is reported once a minute`() {
        var rest = ListenerRest()
        let start = MonotonicTime(nanoseconds: 1_000_000_000)
        var isOver = rest.advance(to: start) == .ended
        #expect(!isOver, "none has begun")
        let rows: [(seconds: Int, isTold: Bool, reason: String)] = [
            (0, true, "the first"), (1, false, "the next one at once"), (59, false, "within a minute"),
            (60, true, "a minute later"), (61, false, "and so on"),
        ]
        for row in rows {
            let now = start.advanced(milliseconds: row.seconds * 1000)
            let isTold = rest.begin(at: now) == .due
            #expect(isTold == row.isTold, "\(row.reason)")
            isOver = rest.advance(to: now.advanced(milliseconds: 999)) == .ended
            #expect(!isOver && rest.end != nil)
            isOver = rest.advance(to: now.advanced(milliseconds: 1000)) == .ended
            #expect(isOver && rest.end == nil)
            isOver = rest.advance(to: now.advanced(milliseconds: 1000)) == .ended
            #expect(!isOver, "it is over once")
        }
    }

    @Test func `clients that disconnected are no reason to pause`() {
        #expect(Errno.tooManyDescriptors.isShortage && Errno.noMemory.isShortage)
        #expect(!Errno.connectionReset.isShortage && !Errno.permissionDenied.isShortage)
    }
}
