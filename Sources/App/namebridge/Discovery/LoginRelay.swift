import ClusterDiscovery
import Inventory

/// Shows the output of a program that logs in (an address to open, a code to enter) while it waits for
/// the person.
///
/// kubectl's own output is not shown: it is reported with its remedy once kubectl has ended.
final class LoginRelay {
    /// The line that is not complete yet.
    private var line: [UInt8] = []
    /// Octets of `line` that were shown.
    private var shown = 0
    /// True once kubectl has written a line itself: its advice follows.
    private var isOver = false

    /// Takes the next piece; prompts have no line break.
    func hear(_ piece: ArraySlice<UInt8>) {
        for octet in piece {
            guard octet == UInt8(ascii: "\n") else {
                line.append(octet)
                continue
            }
            show(isWhole: true)
            line = []
            shown = 0
        }
        show(isWhole: false)
    }

    /// Shows the octets of the line that were not shown yet.
    private func show(isWhole: Bool) {
        let text = String(decoding: line, as: UTF8.self)
        let isOwn = shown == 0 && !line.isEmpty && KubectlFailure.isOwn(text)
        if isOwn, isWhole { isOver = true }
        guard !isOver, !isOwn, !line.isEmpty else { return }
        let piece = String(decoding: line[shown...], as: UTF8.self).printableLines
        shown = line.count
        if !piece.isEmpty || isWhole { writeError(piece, terminator: isWhole ? "\n" : "") }
    }
}
