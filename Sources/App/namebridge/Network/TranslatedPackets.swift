import Inventory
import LinuxSystem
import NetworkPlanning

/// The packets that this host has translated for clusters with outer addresses.
enum TranslatedPackets {
    /// For each such cluster that has a namespace here the packets that went into it, answers included, since
    /// its device was made.
    static func counts(_ inventory: Inventory) -> [String: Int] {
        inventory.namespaceDevices.compactMapValues { device in
            do throws(Errno) {
                let text = try FileContents.read("/sys/class/net/\(device)/statistics/tx_packets")
                return Int(String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
            } catch {
                return nil
            }
        }
    }
}
