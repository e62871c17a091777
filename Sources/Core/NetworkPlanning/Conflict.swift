/// A foreign object that does the same as one of ours, or that hides it.
package struct Conflict: Hashable, Sendable {
    /// The foreign object, in the words of the tool that shows it, and what it does to ours.
    package var message: String

    /// True where ours decides all the same: nothing is wrong with the host.
    package var isHarmless: Bool

    /// True if nobody can tell whether it stands in the way of ours.
    package var isUnknown: Bool

    /// What takes the foreign object away once ours is there (`--adopt`); empty where it must stay.
    package var adoption: [Step]

    /// What the owner of the foreign object must enter, one command each; empty where nothing is to be done.
    package var remedy: [String]

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
