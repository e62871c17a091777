import Foundation
import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

@Suite struct DesiredStateTests {
    @Test(arguments: Networks.all)
    func `each host of a network gets what its paths need of it`(name: String) throws {
        let planner = NetworkPlanner(try Networks.inventory(name))
        var text = ""
        for plan in planner.plans() { text += (text.isEmpty ? "" : "\n") + plan.text }
        try expectGolden(text, name + ".plan")
    }

    @Test(arguments: Networks.all)
    func `with headings each reason is printed once for all of its lines`(name: String) throws {
        for plan in NetworkPlanner(try Networks.inventory(name)).plans() {
            var (each, once) = (LineWriter(), LineWriter())
            plan.write(to: &each)
            plan.write(to: &once, reasons: .asHeadings)
            let lines = once.text.split(separator: "\n")
            #expect(lines.allSatisfy { !$0.hasPrefix("+ ip ") || $0.contains(" alias ") || !$0.contains("path ") })
            // Without its because each command is the same.
            let commands = each.text.split(separator: "\n").filter { $0.hasPrefix("+ ip ") }
                .map { $0.prefix(upTo: $0.range(of: "  # ")?.lowerBound ?? $0.endIndex) }
            #expect(lines.filter { $0.hasPrefix("+ ip ") } == commands)
            for (line, next) in zip(lines, lines.dropFirst()) where line.hasPrefix("# path") && line.hasSuffix(":") {
                #expect(next.hasPrefix("+ "), "\(line)")
            }
        }
    }

    @Test(arguments: Networks.all)
    func `nft accepts every planned table`(name: String) throws {
        for plan in NetworkPlanner(try Networks.inventory(name)).plans() where !plan.table.chains.isEmpty {
            try expectNFTAccepts(plan.table.replacement)
        }
    }
}

/// Lets `nft -c` read `script` in a network namespace of its own; passes where that cannot be had.
private func expectNFTAccepts(_ script: String) throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).nft")
    try Data(script.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["unshare", "-n", "nft", "-c", "-f", file.path]
    let output = Pipe()
    process.standardError = output
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let cannot =
        ["No such file", "not permitted", "not found"].contains { text.contains($0) }
        && !text.contains("Error")
    if !cannot { #expect(process.terminationStatus == 0, "\(text)\n\(script)") }
}

/// What only the host itself can tell is settled when it has been seen.
@Suite struct ResolutionTests {
    private func translation(of plan: ResolvedPlan) -> [String] {
        plan.table.chains.first { $0.name == "postrouting" }?.rules.map(\.action.description) ?? []
    }

    @Test func `if the tunnel has no address, sources are translated to the node's`() throws {
        let plan = try Networks.plan("master1", in: Networks.inventory("office-to-cluster"))
        var state = FakeHost.fresh(plan.host)
        let block = try IPPrefix(parsing: "172.17.54.0/26")
        let peer = NextHop(gateway: IPAddress("172.17.14.23"), device: "tunl0", isOnLink: true)
        state.routes.append(Route(destination: block, routeProtocol: 12, nextHops: [peer]))
        let pod = try IPPrefix(parsing: "172.17.33.7")
        state.routes.append(
            Route(destination: pod, routeProtocol: 3, nextHops: [NextHop(gateway: nil, device: "cali1")]))
        #expect(Set(translation(of: plan.resolved(on: state))) == ["snat ip to 172.17.14.11 fully-random"])
        state.addresses.append(
            InterfaceAddress(device: "tunl0", address: try #require(IPAddress("172.17.33.0")), length: 32))
        #expect(Set(translation(of: plan.resolved(on: state))) == ["masquerade fully-random"])
    }

    @Test(arguments: [(1500, 1450), (9000, 8950), (1420, 1370)])
    func `the mesh has the MTU that its underlay leaves`(underlay: Int, expected: Int) throws {
        let plan = try Networks.plan("001", in: Networks.inventory("vxlan-mesh"))
        var state = FakeHost.fresh(plan.host)
        state.links[1].mtu = underlay
        #expect(plan.resolved(on: state).links.first?.value.mtu == expected)
    }

    @Test func `forwarding goes to the devices that carry the path, and to no other`() throws {
        let plan = try Networks.plan("web02", in: Networks.inventory("relay-between-clusters"))
        var state = FakeHost.fresh(plan.host)
        let block = try IPPrefix(parsing: "172.26.139.64/26")
        state.routes.append(
            Route(destination: block, routeProtocol: 12, nextHops: [NextHop(gateway: nil, device: "tunl0")]))
        let settings = plan.resolved(on: state).settings.map { "\($0.value.setting)=\($0.value.value)" }
        #expect(
            settings == [
                "net.ipv4.conf.eth0.forwarding=1", "net.ipv4.conf.eth0.rp_filter=2",
                "net.ipv4.conf.tunl0.forwarding=1",
            ])
    }

    @Test func `before Linux 6_17 IPv6 forwards as a whole, and keeps its default route`() throws {
        let plan = try Networks.plan("n1", in: Networks.inventory("one-link"))
        var state = FakeHost.fresh(plan.host)
        state.settings = state.settings.filter { $0.key.name != .forceForwarding }
        for index in state.routes.indices where state.routes[index].destination.family == .v6 {
            if state.routes[index].isDefault { state.routes[index].routeProtocol = 9 }
        }
        let settings = plan.resolved(on: state).settings.map { "\($0.value.setting)=\($0.value.value)" }
        #expect(
            settings == [
                "net.ipv4.conf.eth0.forwarding=1", "net.ipv6.conf.eth0.accept_ra=2",
                "net.ipv6.conf.all.forwarding=1",
            ])
    }

    @Test func `an address that the host does not have is refused`() throws {
        let plan = try Networks.plan("web02", in: Networks.inventory("relay-between-clusters"))
        #expect(plan.resolved(on: HostState()).isRefused)
    }
}
