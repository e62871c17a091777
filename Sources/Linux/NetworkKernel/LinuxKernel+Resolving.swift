package import IPAddressing
import LinuxSystem

extension LinuxKernel {
    /// Makes the kernel resolve the Ethernet addresses of neighbours: the entry of a neighbour that has
    /// failed would never change as long as no packet is sent to it.
    ///
    /// An empty datagram is sent to the discard port of each (RFC 863); its answer does not matter.
    package static func ask(_ addresses: [IPAddress]) {
        // A link-local address is meaningless without its device.
        for address in addresses where !address.isLinkLocal {
            do throws(Errno) {
                let socket = try DatagramSocket.connect(to: Endpoint(address: address, port: 9))
                var sender = DatagramSender(capacity: 1)
                sender.add(start: 0, end: 0)
                _ = sender.send([0].span, on: socket, stopsAtError: true)
            } catch {
                // There is no route to it: the following check reports that.
                continue
            }
        }
    }
}
