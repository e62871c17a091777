package import NetworkModel

/// A setting that we changed: it is reset to `previous` if it still has our value, and no other program has
/// set that value since.
package struct SettingRecord: Hashable, Sendable {
    /// The setting.
    package var setting: KernelSetting
    /// Its value before ours.
    package var previous: Int
    /// The value that we gave it.
    package var ours: Int

    /// The value of `setting.overwriting` at that time; nil if there is no such setting.
    package var overwriting: Int?

    /// Creates a record.
    package init(setting: KernelSetting, previous: Int, ours: Int, overwriting: Int? = nil) {
        self.setting = setting
        self.previous = previous
        self.ours = ours
        self.overwriting = overwriting
    }

    /// The record of a change on a host whose settings are `settings`.
    package init(
        setting: KernelSetting, previous: Int, ours: Int, among settings: [KernelSetting: Int]
    ) {
        self.init(
            setting: setting, previous: previous, ours: ours,
            overwriting: setting.overwriting.flatMap { settings[$0] })
    }

    /// True if we may reset the value.
    ///
    /// Installing Docker or a cluster's node enables forwarding on all devices: from then on our setting
    /// belongs to that program, although its value is the same.
    package func isOurs(among settings: [KernelSetting: Int]) -> Bool {
        guard settings[setting] == ours else { return false }
        guard let overwriting, let now = setting.overwriting.flatMap({ settings[$0] }) else { return true }
        return now == overwriting || now != ours
    }
}
