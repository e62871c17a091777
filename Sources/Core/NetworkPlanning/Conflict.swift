/// A foreign object that does the same as one of ours, or that hides it.
package struct Conflict: Hashable, Sendable {
    /// The foreign object, in the syntax of the tool that shows it, and its effect on ours.
    package var message: String

    /// True if ours takes precedence: the host has no fault.
    package var isHarmless: Bool

    /// True if it is unknown whether it interferes with ours.
    package var isUnknown: Bool

    /// The changes that remove the foreign object once ours exists (`--adopt`); empty if it must stay.
    package var adoption: [Step]

    /// Commands for the owner of the foreign object; empty if nothing has to be done.
    package var remedy: [String]

    /// Creates a conflict.
    package init(
        _ message: String, isHarmless: Bool = false, isUnknown: Bool = false, adoption: [Step] = [],
        remedy: [String] = []
    ) {
        self.message = message
        self.isHarmless = isHarmless
        self.isUnknown = isUnknown
        self.adoption = adoption
        self.remedy = remedy
    }
}
