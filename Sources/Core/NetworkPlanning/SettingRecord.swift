package import NetworkModel

/// A setting that we changed: it goes back to `previous` where it still has the value that we gave it, and
/// nobody else has given it that since.
package struct SettingRecord: Hashable, Sendable {
    package var setting: KernelSetting
    package var previous: Int
    package var ours: Int

    /// What `setting.overwriting` was at that time; nil where there is no such setting.
    package var overwriting: Int?

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

    /// True where the value is ours to take back.
    ///
    /// Whoever installs Docker or a cluster's node beside us switches forwarding on for all devices: ours is
    /// his from then on, though its value is the same.
    package func isOurs(among settings: [KernelSetting: Int]) -> Bool {
        guard settings[setting] == ours else { return false }
        guard let overwriting, let now = setting.overwriting.flatMap({ settings[$0] }) else { return true }
        return now == overwriting || now != ours
    }
}
