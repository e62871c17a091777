import ArgumentParser
import LinuxSystem
import NetworkKernel
import NetworkModel

/// `namebridge net observe`: the state of this host, for `explain` on another one.
struct NetObserve: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "observe",
        abstract: "Write what this host does with packets, for \"namebridge explain --state\" elsewhere.",
        discussion: """
            It writes one JSON object with devices, addresses, routes and policy rules, permanent and failed \
            neighbours, forwarding entries, packet rules of nft and iptables, settings, and how full the \
            table of connections is. It needs root and no configuration; it changes nothing, and nothing in \
            the output is secret.

            Example:
              sudo namebridge net observe > state/$(hostname).json
            """)

    func run() throws {
        let state = try NetFailure.reported { () throws(KernelError) in
            let kernel = LinuxKernel()
            try kernel.check()
            return try kernel.observe(allOfNAT: true)
        }
        print(HostObservation(name: ThisHost.name, time: ThisProcess.wallClock, state: state).json)
    }
}
