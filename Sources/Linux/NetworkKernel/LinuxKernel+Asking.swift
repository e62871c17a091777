package import IPAddressing
import LinuxSystem

extension LinuxKernel {
    /// Makes the kernel ask neighbours for their Ethernet addresses: one that has been given up, and that
    /// nothing is sent to, would stay so for ever.
    ///
    /// An empty datagram goes to the discard port of each (RFC 863); what answers it does not matter.
    package static func ask(_ addresses: [IPAddress]) {
        // Without its device a link-local address means nobody.
        for address in addresses where !address.isLinkLocal {
            do throws(Errno) {
                let socket = try DatagramSocket.connect(to: Endpoint(address: address, port: 9))
                var sender = DatagramSender(capacity: 1)
                sender.add(start: 0, end: 0)
                _ = sender.send([0].span, on: socket, stopsAtError: true)
            } catch {
                // No route to it: then the look that follows says what there is to say.
                continue
            }
        }
    }
}
