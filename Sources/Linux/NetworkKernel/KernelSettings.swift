import IPAddressing
import LinuxSystem
import NetworkModel

/// The files below /proc/sys/net of the settings that we use.
enum KernelSettings {
    /// Every setting that this kernel has, for each of its devices.
    static func read() -> [KernelSetting: Int] {
        var settings: [KernelSetting: Int] = [:]
        for family in AddressFamily.allCases {
            let folder = "/proc/sys/net/ip\(family)/conf"
            for device in FileContents.names(in: folder) {
                for name in KernelSetting.Name.allCases {
                    let setting = KernelSetting(family: family, device: device, name: name)
                    if setting.isOfHost, device != "all" { continue }
                    if let value = value(of: setting) { settings[setting] = value }
                }
            }
        }
        return settings
    }

    /// Nil if the kernel has no such setting.
    private static func value(of setting: KernelSetting) -> Int? {
        do throws(Errno) {
            let text = String(decoding: try FileContents.read(path(of: setting)), as: UTF8.self)
            return KernelSetting.number(text.filter { !$0.isWhitespace })
        } catch {
            return nil
        }
    }

    /// Corresponds to `sysctl -w SETTING=VALUE`.
    static func write(_ setting: KernelSetting, _ value: Int) throws(KernelError) {
        let path = path(of: setting)
        do throws(Errno) {
            try FileContents.write("\(value)\n", to: path)
        } catch {
            throw .failed(
                Command(.sysctl, ["-w", "\(setting)=\(value)"]), .exit(status: 1),
                errors: "\(path): \(error)")
        }
    }

    private static func path(of setting: KernelSetting) -> String {
        if setting.isOfHost { return "/proc/sys/net/ip\(setting.family)/\(setting.name.rawValue)" }
        return "/proc/sys/net/ip\(setting.family)/conf/\(setting.device)/\(setting.name.rawValue)"
    }
}
