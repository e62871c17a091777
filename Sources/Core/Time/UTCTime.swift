/// A time of day with its date, to the second, in UTC.
package struct UTCTime: Hashable, Comparable, Sendable {
    /// Seconds since 1970-01-01; 0 or more.
    package var seconds: Int

    /// Creates a UTC time.
    package init(seconds: Int) { self.seconds = seconds }

    /// The earlier one sorts first.
    package static func < (left: UTCTime, right: UTCTime) -> Bool { left.seconds < right.seconds }

    /// Whole seconds from `earlier` to here; 0 if `earlier` is later, as after a clock was set back.
    package func seconds(since earlier: UTCTime) -> Int { max(0, seconds - earlier.seconds) }
}

// MARK: - Text

extension UTCTime: CustomStringConvertible {
    /// As in `2026-07-01T08:30:00Z` (RFC 3339).
    package var description: String {
        func two(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
        let (year, month, day) = Self.date(ofDay: seconds / 86_400)
        let rest = seconds % 86_400
        let time = [rest / 3600, rest / 60 % 60, rest % 60].map(two).joined(separator: ":")
        return "\(year)-\(two(month))-\(two(day))T\(time)Z"
    }

    /// Reads the form of `description`; nil for every other text, and for times before 1970 or after 9999.
    package init?(_ text: String) {
        let octets = Array(text.utf8)
        let pattern = Array("0000-00-00T00:00:00Z".utf8)
        guard octets.count == pattern.count else { return nil }
        let zero = UInt8(ascii: "0")
        for (octet, expected) in zip(octets, pattern) {
            let isRight = expected == zero ? (zero...UInt8(ascii: "9")).contains(octet) : octet == expected
            guard isRight else { return nil }
        }
        func number(_ range: Range<Int>) -> Int { octets[range].reduce(0) { $0 * 10 + Int($1 - zero) } }
        let (month, day) = (number(5..<7), number(8..<10))
        let (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
        guard number(0..<4) >= 1970, (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60,
            second < 60
        else { return nil }
        let days = Self.day(ofYear: number(0..<4), month: month, day: day)
        seconds = days * 86_400 + hour * 3600 + minute * 60 + second
        // A day that the month does not have is one of the next month.
        guard description == text else { return nil }
    }

    /// The date `day` days after 1970-01-01: counted in years that begin in March, so that a leap day is the
    /// last of its year.
    private static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        let day = day + 719_468  // from 0000-03-01 on
        let era = day / 146_097
        let dayOfEra = day % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        return (year, month < 10 ? month + 3 : month - 9, dayOfYear - (153 * month + 2) / 5 + 1)
    }

    /// The inverse of `date(ofDay:)`.
    private static func day(ofYear year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let yearOfEra = year % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return year / 400 * 146_097 + dayOfEra - 719_468
    }
}
