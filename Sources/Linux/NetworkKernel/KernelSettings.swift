import IPAddressing
import LinuxSystem
import NetworkModel

/// The files below /proc/sys/net that stand for the settings that we know.
enum KernelSettings {
    /// Every setting that this kernel has, for each of its devices.
    static func read() -> [KernelSetting: Int] {
        var settings: [KernelSetting: Int] = [:]
        for family in AddressFamily.allCases {
            let folder = "/proc/sys/net/ip\(family)/conf"
            for device in FileContents.names(in: folder) {
                for name in KernelSetting.Name.allCases {
                    let setting = KernelSetting(family: family, device: .named(device), name: name)
                    if setting.isOfHost, device != "all" { continue }
                    if let value = value(of: setting) { settings[setting] = value }
                }
            }
        }
        return settings
    }

    /// Nil where the kernel has no such setting.
    private static func value(of setting: KernelSetting) -> Int? {
        guard let path = path(of: setting) else { return nil }
        do throws(Errno) {
            let text = String(decoding: try FileContents.read(path), as: UTF8.self)
            return KernelSetting.number(text.filter { !$0.isWhitespace })
        } catch {
            return nil
        }
    }

    /// What `sysctl -w SETTING=VALUE` does.
    static func write(_ setting: KernelSetting, _ value: Int) throws(KernelError) {
        guard let path = path(of: setting) else { return }
        do throws(Errno) {
            try FileContents.write("\(value)\n", to: path)
        } catch {
            throw .failed(
                Command(.sysctl, ["-w", .assignment(setting, value)]), .exit(status: 1),
                errors: "\(path): \(error)")
        }
    }

    /// Nil for a device that is not named yet.
    private static func path(of setting: KernelSetting) -> String? {
        guard let device = setting.device.name else { return nil }
        if setting.isOfHost { return "/proc/sys/net/ip\(setting.family)/\(setting.name.rawValue)" }
        return "/proc/sys/net/ip\(setting.family)/conf/\(device)/\(setting.name.rawValue)"
    }
}
