import IPAddressing
import NetworkModel

extension HostTransit {
    /// A part of the chains of a hook.
    enum Part {
        /// All but those of NAT.
        case all
        /// Those that see the addresses before NAT.
        case beforeNAT
        /// Those that see the addresses after it.
        case afterNAT
    }

    // MARK: - Filters

    /// Runs the chains of a hook that are not of NAT.
    ///
    /// - Returns: The packet's end; nil if it passes.
    func run(_ hook: FilterHook.HookPoint, _ part: Part, _ passing: inout Passing) -> Outcome? {
        passing.state.hook = hook
        let border = hook == .prerouting || hook == .output ? -100 : 100
        for base in machine.walk.baseChains[hook] ?? [] where !base.hook.isNAT {
            switch part {
            case .all: break
            case .beforeNAT: if base.hook.priority > border { continue }
            case .afterNAT: if base.hook.priority <= border { continue }
            }
            if let end = run(base, &passing) { return end }
        }
        if hook == .forward, machine.knowledge.dropsInvalid, passing.state.flow.state == .invalid {
            return bypassed(passing, by: "packets of no known connection are dropped (kube-proxy)")
        }
        return nil
    }

    /// Runs one chain.
    private func run(_ base: PacketWalk.BaseChain, _ passing: inout Passing) -> Outcome? {
        let table = machine.walk.rules.tables[base.table]
        guard table.family.carries(passing.state.packet.family), base.hook.concerns(passing.state) else {
            return nil
        }
        var run = ChainRun(walk: machine.walk, table: table, base: base.chain, hook: base.hook)
        let end = run.wholeChain(passing.state)
        if let culprit = end.drop {
            guard end.passing == nil else {
                return unknown(
                    passing, at: PathStep.Stage(base.hook.point), by: (end.doubt ?? culprit).description)
            }
            return dropped(by: culprit, passing)
        }
        passing.state = end.passing ?? passing.state
        return nil
    }

    /// The end at a rule that drops.
    private func dropped(by place: RulePlace, _ passing: Passing) -> Outcome {
        let stage = PathStep.Stage(place.hook)
        if passing.state.flow.state == .invalid { return bypassed(passing, by: place.description, at: stage) }
        if place.isWithoutEndpoints {
            return end(passing, at: stage, code: .clusterIPNoEndpoint, by: place.description)
        }
        let isDocker = place.chain.hasPrefix("DOCKER") || place.text == "policy drop" && hasDocker(place)
        return end(
            passing, at: stage, code: isDocker ? .dockerForward : .filterDrop, by: place.description)
    }

    /// True if Docker has made the policy of the chain.
    private func hasDocker(_ place: RulePlace) -> Bool {
        place.chain == "FORWARD"
            && machine.walk.rules.tables.contains { $0.chains["DOCKER"] != nil && $0.name == "filter" }
    }

    /// The end of an answer of a connection that the machine does not know.
    private func bypassed(_ passing: Passing, by text: String, at stage: PathStep.Stage = .forward) -> Outcome
    {
        end(passing, at: stage, code: .replyBypassesRelay, by: text, as: .bypassed)
    }

    // MARK: - NAT

    /// A translation that chains of NAT may choose.
    struct NATChoice {
        /// The translation.
        let translation: Translation
        /// The rule that makes it.
        let place: RulePlace
        /// The marks of packets that it is chosen for.
        let marks: PacketState.Marks
    }

    /// What chains of NAT decide.
    enum NATResult {
        /// Nothing: the addresses stay, unless a program that is not read changes them.
        case untouched
        /// One of these; several if the kernel draws one.
        case choices([NATChoice])
        /// The packet's end.
        case ended(Outcome)
    }

    /// Runs the chains of NAT of a hook, up to the first that decides.
    func translate(at hook: FilterHook.HookPoint, _ passing: inout Passing) -> NATResult {
        for base in machine.walk.baseChains[hook] ?? [] where base.hook.isNAT {
            let table = machine.walk.rules.tables[base.table]
            guard table.family.carries(passing.state.packet.family), base.hook.concerns(passing.state) else {
                continue
            }
            passing.state.translations = [.none]
            var run = ChainRun(walk: machine.walk, table: table, base: base.chain, hook: base.hook)
            let end = run.wholeChain(passing.state)
            if let culprit = end.drop {
                return .ended(
                    end.passing == nil
                        ? dropped(by: culprit, passing)
                        : unknown(
                            passing, at: PathStep.Stage(hook), by: (end.doubt ?? culprit).description))
            }
            guard let after = end.passing else { continue }
            passing.state = after
            let found = after.translations
            if found == [.none] { continue }
            if found.count > 1, let doubt = end.doubt {
                return .ended(unknown(passing, at: PathStep.Stage(hook), by: doubt.description))
            }
            let choices = found.compactMap { choice -> NATChoice? in
                guard case .by(let translation, let place, let marks) = choice else { return nil }
                return NATChoice(translation: translation, place: place, marks: marks)
            }
            return .choices(choices.sorted { $0.place.description < $1.place.description })
        }
        return .untouched
    }

    /// What decides the translation of a packet.
    enum TranslationBasis {
        /// Its connection, or it is not translated: no rule is asked.
        case byConnection
        /// The rules: it is the first one of its connection.
        case byRules
    }

    /// Translates one end of a packet whose connection is known, as its first packet was.
    func translateAsKnown(
        _ address: WritableKeyPath<Packet, IPAddress>, port: WritableKeyPath<Packet, Int>,
        _ passing: inout Passing
    ) -> TranslationBasis {
        guard passing.state.isTracked else { return .byConnection }
        guard let connection = arrival.connection, arrival.state != .invalid else {
            return passing.state.flow.state == .new ? .byRules : .byConnection
        }
        let packet = passing.state.packet
        let known = arrival.isReply ? connection.arrived.reply : connection.left
        passing.state.packet[keyPath: address] = known[keyPath: address]
        passing.state.packet[keyPath: port] = known[keyPath: port]
        if passing.state.packet != packet {
            passing.steps.append(
                step(
                    .conntrack, .translate, by: "known connection: \(connection.arrived)", from: packet,
                    in: passing))
        }
        return .byConnection
    }

    /// The translation of the source.
    ///
    /// - Returns: The packet's end; nil if it goes on.
    func translateSource(_ passing: inout Passing, toward hop: IPAddress) -> Outcome? {
        let packet = passing.state.packet
        guard translateAsKnown(\.source, port: \.sourcePort, &passing) == .byRules else { return nil }
        passing.state.hook = .postrouting
        switch translate(at: .postrouting, &passing) {
        case .ended(let end): return end
        case .choices(let choices):
            guard let choice = choices.first, Set(choices.map(\.translation)).count == 1,
                let translated = apply(source: choice.translation, to: packet, passing, toward: hop)
            else { return unknown(passing, at: .postrouting, by: choices.first?.place.description ?? "") }
            change(to: translated, by: choice.place.description, machine.evidence, &passing)
        case .untouched: hide(&passing, toward: hop)
        }
        return nil
    }

    /// The packet with a new source; nil if it cannot be told.
    private func apply(
        source translation: Translation, to packet: Packet, _ passing: Passing, toward hop: IPAddress
    ) -> Packet? {
        var packet = packet
        switch translation.target {
        case .exact(let address, let port):
            packet.source = address ?? packet.source
            packet.sourcePort = port ?? packet.sourcePort
        case .ofDevice:
            guard let own = machine.address(of: passing.state.flow.outDevice, toward: hop) else { return nil }
            packet.source = own
        case .prefixes(let pairs): packet.source = pairs.image(of: packet.source)
        case .unknown: return nil
        }
        return packet
    }

    /// Notes a new source.
    private func change(
        to packet: Packet, by rule: String, _ evidence: PacketTrace.Evidence, _ passing: inout Passing
    ) {
        let before = passing.state.packet
        guard packet != before else { return }
        passing.state.packet = packet
        var done = step(.postrouting, .translate, by: rule, from: before, in: passing)
        done.code = .sourceBecomes
        done.evidence = evidence
        passing.steps.append(done)
    }

    /// The translation of sources by programs whose rules are not read.
    private func hide(_ passing: inout Passing, toward hop: IPAddress) {
        var packet = passing.state.packet
        if let proxy = passing.hiding {
            guard let own = machine.address(of: passing.state.flow.outDevice, toward: hop) else { return }
            packet.source = own
            return change(to: packet, by: "\(proxy.name) masquerades", proxy.evidence, &passing)
        }
        let found = machine.knowledge.masquerades.first {
            $0.sources.contains(packet.source) && !$0.exceptions.contains(packet.destination)
        }
        guard let found, let own = machine.address(of: passing.state.flow.outDevice, toward: hop) else {
            return
        }
        packet.source = own
        change(to: packet, by: found.name, .assumed, &passing)
    }

    // MARK: - Checks of the kernel

    /// The check of the source address, before the packet is forwarded or delivered (fib_validate_source).
    ///
    /// - Parameter out: The device that it leaves by; nil if it is for the machine itself.
    func checkSource(_ passing: Passing, out: String?) -> Outcome? {
        guard let device = arrival.device, !machine.knowledge.isFabric,
            arrival.packet.family == .v4
        else { return nil }
        let source = passing.state.packet.source
        let setting = { (name: KernelSetting.Name, device: String) -> Int? in
            machine.state.settings[KernelSetting(family: .v4, device: device, name: name)]
        }
        let takesOwn = max(setting(.acceptLocal, "all") ?? 0, setting(.acceptLocal, device) ?? 0) > 0
        let filter = max(setting(.reversePathFilter, "all") ?? 0, setting(.reversePathFilter, device) ?? 0)
        if machine.routes.isOwn(source), !takesOwn {
            return end(passing, at: .rpFilter, .ownAddress, by: "\(source) is an address of this host itself")
        }
        guard filter > 0 else { return nil }
        let heedsMark = max(setting(.sourceValidMark, "all") ?? 0, setting(.sourceValidMark, device) ?? 0) > 0
        let query = RouteLookup.Query(
            source, source: passing.state.packet.destination, inDevice: out ?? "lo",
            mark: heedsMark ? passing.state.mark.masked(.max) : 0)
        let route = machine.routes.decide(query)?.route
        let isBack = route?.nextHops.contains { $0.device == device } == true
        if isBack { return nil }
        let isBare = !machine.state.addresses.contains { $0.device == device && $0.address.family == .v4 }
        if filter == 2, !isBare, route?.kind == .unicast { return nil }
        let way = route.map { "answers to \(source) leave by \($0.nextHops.first?.device ?? "none")" }
        let fault: PathStep.SourceFault =
            route?.kind != .unicast ? .noRoute : filter == 2 ? .bareDevice : .anotherDevice
        return end(
            passing, at: .rpFilter, fault,
            by: "rp_filter of \(device) is \(filter): \(way ?? "no route to \(source)")")
    }

    /// The end at the check of the source.
    private func end(
        _ passing: Passing, at stage: PathStep.Stage, _ fault: PathStep.SourceFault, by rule: String
    ) -> Outcome {
        var outcome = end(passing, at: stage, code: .reversePathFilter, by: rule)
        if let last = outcome.steps.indices.last { outcome.steps[last].sourceFault = fault }
        return outcome
    }

    /// The switch for forwarding.
    private func forwards(_ device: String, _ family: AddressFamily) -> Bool? {
        func value(_ name: KernelSetting.Name, _ device: String) -> Int? {
            machine.state.settings[KernelSetting(family: family, device: device, name: name)]
        }
        guard family == .v6 else {
            // Writing the switch of all devices writes that of each.
            return (value(.forwarding, device) ?? value(.forwarding, "all")).map { $0 != 0 }
        }
        let values = [value(.forwarding, "all"), value(.forceForwarding, device)].compactMap(\.self)
        return values.isEmpty ? nil : values.contains { $0 != 0 }
    }

    /// Notes whether the packet may be forwarded.
    ///
    /// - Returns: The packet's end; nil if it goes on.
    func checkForwarding(_ passing: inout Passing) -> Outcome? {
        guard let device = arrival.device else { return nil }
        let family = passing.state.packet.family
        let known = forwards(device, family)
        guard known ?? machine.knowledge.forwards else {
            let setting = KernelSetting(family: family, device: device, name: .forwarding)
            return end(passing, at: .forwarding, code: .forwardingOff, by: "\(setting) = 0")
        }
        let filter = ["all", device].compactMap {
            machine.state.settings[KernelSetting(family: .v4, device: $0, name: .reversePathFilter)]
        }.max()
        let text = "forward yes" + (filter.map { "; rp_filter \($0)" } ?? "")
        var done = step(.forwarding, .accept, by: text, from: passing.state.packet, in: passing)
        if known == nil { done.evidence = .assumed }
        passing.steps.append(done)
        return nil
    }
}

extension RulePlace {
    /// True for kube-proxy's rules for services without pods.
    fileprivate var isWithoutEndpoints: Bool {
        text.contains("has no endpoints") || table == "kube-proxy" && chain == "reject-chain"
    }
}

extension PathStep.Stage {
    /// The stage of a hook.
    init(_ hook: FilterHook.HookPoint) {
        switch hook {
        case .ingress: self = .ingress
        case .prerouting: self = .prerouting
        case .input: self = .input
        case .forward: self = .forward
        case .output: self = .output
        case .postrouting: self = .postrouting
        case .egress: self = .egress
        }
    }
}
