import JSON
import LinuxSystem

// Instructions for other devices that are out of date.

extension ServerStatus {
    /// What was rendered for another device, and would be rendered otherwise now.
    package struct ChangedRendering: Hashable, Sendable {
        /// Such as `cisco-ios for office`.
        package var what: String
        /// When it was rendered, in seconds since 1970.
        package var time: Int
        /// Lines that are new.
        package var addedLines: Int
        /// Lines that are not there any more.
        package var removedLines: Int
        /// True if it can't be rendered any more: the host has left the configuration.
        package var isGone: Bool
        /// How it is rendered again.
        package var command: String

        package init(
            what: String, time: Int, addedLines: Int, removedLines: Int, isGone: Bool, command: String
        ) {
            self.what = what
            self.time = time
            self.addedLines = addedLines
            self.removedLines = removedLines
            self.isGone = isGone
            self.command = command
        }

        /// What has changed, and what to do.
        package var words: String {
            let age = Figures.duration(seconds: max(0, WallClock.seconds - time))
            guard !isGone else {
                return "the instruction \(what), rendered \(age) ago, has no place in the configuration any"
                    + " more: take it off the device"
            }
            return "the instruction \(what) has changed since it was rendered \(age) ago: \(addedLines) lines"
                + " more, \(removedLines) less: \(command)"
        }
    }
}

extension ServerStatus.ChangedRendering {
    var json: JSONValue {
        .object([
            ("what", .string(what)), ("time", .integer(time)), ("added-lines", .integer(addedLines)),
            ("removed-lines", .integer(removedLines)), ("gone", .boolean(isGone)),
            ("command", .string(command)),
        ])
    }

    init(json: JSONValue) {
        self.init(
            what: json["what"]?.string ?? "", time: json["time"]?.integer ?? 0,
            addedLines: json["added-lines"]?.count ?? 0, removedLines: json["removed-lines"]?.count ?? 0,
            isGone: json["gone"]?.boolean ?? false, command: json["command"]?.string ?? "")
    }
}
