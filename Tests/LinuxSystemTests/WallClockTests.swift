import LinuxSystem
import Testing

@Suite struct WallClockTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z", "the beginning"), (951_782_399, "2000-02-28T23:59:59Z", "before a leap day"),
        (951_782_400, "2000-02-29T00:00:00Z", "the leap day of a century"),
        (951_868_800, "2000-03-01T00:00:00Z", "after it"), (1_735_689_599, "2024-12-31T23:59:59Z", "the end of a year"),
        (4_107_542_400, "2100-03-01T00:00:00Z", "no leap year"), (1_795_245_506, "2026-11-21T07:18:26Z", "some day"),
    ])
    func `seconds are written as a date and a time`(seconds: Int, text: String, reason: String) {
        #expect(WallClock.text(seconds) == text, "\(reason)")
    }
}
