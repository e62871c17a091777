import Testing
import Time

@Suite struct UTCTimeTests {
    @Test func `what is written is read`() {
        for day in stride(from: 0, to: 2_000_000, by: 97) {
            let time = UTCTime(seconds: day * 43_201)
            #expect(UTCTime(time.description) == time)
        }
    }

    @Test(arguments: [
        "", "2026-07-01", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-07-01T24:00:00Z", "2026-07-01T08:30:00",
        "2026-07-01t08:30:00Z", "1969-12-31T23:59:59Z", "+026-07-01T08:30:00Z",
    ])
    func `other texts are no time`(text: String) { #expect(UTCTime(text) == nil) }

    @Test func `a clock that was set back makes nothing negative`() {
        #expect(UTCTime(seconds: 5).seconds(since: UTCTime(seconds: 9)) == 0)
    }
}
