import IPAddressing
import NetworkModel

/// One call of a base chain with one packet.
///
/// An unknown condition is followed both ways: the run continues with what is certain in either case, and
/// ends with every possible outcome. So its time grows with the number of rules, not with the number of
/// unknown conditions.
struct ChainRun {
    /// The walk that the call belongs to.
    let walk: PacketWalk
    /// The table of the chain.
    let table: RuleTable
    /// The base chain.
    let base: RuleChain
    /// The hook of the base chain.
    let hook: RuleHook

    /// The number of rules that may still be evaluated: a limit for chains of jumps.
    private var budget = 200_000

    /// The possible outcomes of a chain.
    struct End {
        /// The packet after the base chain, if it may pass.
        var passing: PacketState?

        /// The packet after the jump to this chain, if it may return.
        var returning: PacketState?

        /// The first rule that may drop it.
        var drop: RulePlace?

        /// The first rule that decides on an unknown condition.
        var doubt: RulePlace?
    }

    init(walk: PacketWalk, table: RuleTable, base: RuleChain, hook: RuleHook) {
        self.walk = walk
        self.table = table
        self.base = base
        self.hook = hook
    }

    /// Runs the base chain, whose policy applies if no rule decides.
    mutating func wholeChain(_ state: PacketState) -> End {
        var end = run(base, state, depth: 0)
        guard let rest = end.returning else { return end }
        if hook.acceptsByDefault {
            end.passing = rest.merged(end.passing)
        } else {
            end.drop = end.drop ?? place(nil, in: base)
        }
        end.returning = nil
        return end
    }

    /// Runs a chain; the depth is that of jumps, which the kernel bounds to 16.
    private mutating func run(_ chain: RuleChain, _ start: PacketState, depth: Int) -> End {
        var end = End()
        guard chain.isRead, depth <= 16 else {
            end.doubt = place(nil, in: chain, text: "is not read")
            end.drop = end.doubt
            (end.passing, end.returning) = (start, start)
            return end
        }
        var state = start
        for rule in chain.rules where !(walk.ignoresOurs && rule.isOurs) {
            budget -= 1
            guard budget > 0 else {
                end.doubt = end.doubt ?? place(rule, in: chain)
                end.drop = end.drop ?? end.doubt
                break
            }
            guard let next = apply(rule, of: chain, state, depth: depth, end: &end) else { return end }
            state = next
        }
        end.returning = state.merged(end.returning)
        return end
    }

    /// The packet after the rule; nil if it certainly does not get there.
    private mutating func apply(
        _ rule: PacketRule, of chain: RuleChain, _ start: PacketState, depth: Int, end: inout End
    ) -> PacketState? {
        var state = start
        // The cause for not knowing whether the rule applies; nil as long as that is known.
        var doubt: RulePlace?
        // True if the kernel draws whether it applies.
        var isDrawn = false
        var isCertain: Bool { doubt == nil && !isDrawn }
        for statement in rule.statements {
            switch statement {
            case .condition(let condition):
                switch holds(condition, for: state) {
                case .yes: break
                case .no: return isCertain ? state : state.merged(start)
                case .unknown where condition.keys == [.random]: isDrawn = true
                case .unknown:
                    let cause = condition.isOfMarks ? state.cause : nil
                    doubt = doubt ?? cause ?? place(rule, in: chain)
                }
            case .mark(let change, let isOfConnection):
                let old = state
                state.set(change, isOfConnection)
                if !isCertain { state = state.merged(old) }
                if let doubt { state.cause = state.cause ?? doubt }
            case .untrack: if isCertain { state.isTracked = false }
            case .nothing: break
            case .unknown:
                doubt = doubt ?? place(rule, in: chain)
                end.doubt = end.doubt ?? doubt
                end.drop = end.drop ?? doubt
            case .verdict(let verdict):
                let step = Decision(verdict: verdict, rule: rule, chain: chain, doubt: doubt, depth: depth)
                return decide(step, state, otherwise: isCertain ? nil : start, end: &end)
            case .lookup(let keys, let set):
                let step = Decision(verdict: .return, rule: rule, chain: chain, doubt: doubt, depth: depth)
                return look(keys, set, step: step, states: (state, isCertain ? nil : start), end: &end)
            }
        }
        return isCertain ? state : state.merged(start)
    }

    /// A verdict of a rule that may apply.
    private struct Decision {
        /// The verdict.
        var verdict: RuleVerdict
        /// The rule.
        let rule: PacketRule
        /// The chain of the rule.
        let chain: RuleChain

        /// The cause for not knowing whether the rule applies; nil if it does.
        var doubt: RulePlace?
        /// The number of jumps that led to the chain.
        let depth: Int
    }

    /// - Parameter otherwise: The packet after the rule if that does not apply; nil if it applies.
    private mutating func decide(
        _ decision: Decision, _ state: PacketState, otherwise: PacketState?, end: inout End
    ) -> PacketState? {
        switch decision.verdict {
        case .accept:
            end.doubt = end.doubt ?? decision.doubt
            end.passing = state.merged(end.passing)
            return otherwise
        case .translate(let translation):
            end.doubt = end.doubt ?? decision.doubt
            var translated = state
            translated.translations = [
                .by(translation, at: place(decision.rule, in: decision.chain), state.marks)
            ]
            end.passing = translated.merged(end.passing)
            return otherwise
        case .drop:
            end.doubt = end.doubt ?? decision.doubt
            end.drop = end.drop ?? place(decision.rule, in: decision.chain)
            return otherwise
        case .return:
            end.doubt = end.doubt ?? decision.doubt
            end.returning = state.merged(end.returning)
            return otherwise
        case .undecided:
            leaveOpen(decision, state, end: &end)
            return otherwise
        case .jump(let name), .goto(let name):
            guard let target = table.chains[name] else {
                leaveOpen(decision, state, end: &end)
                return state.merged(otherwise)
            }
            let inner = run(target, state, depth: decision.depth + 1)
            if inner.drop != nil || inner.passing != nil { end.doubt = end.doubt ?? decision.doubt }
            end.drop = end.drop ?? inner.drop
            end.doubt = end.doubt ?? inner.doubt
            if let passing = inner.passing { end.passing = passing.merged(end.passing) }
            if case .jump = decision.verdict { return inner.returning?.merged(otherwise) ?? otherwise }
            if let returning = inner.returning { end.returning = returning.merged(end.returning) }
            return otherwise
        }
    }

    /// Adds every possible outcome.
    private func leaveOpen(_ decision: Decision, _ state: PacketState, end: inout End) {
        let place = place(decision.rule, in: decision.chain)
        end.doubt = end.doubt ?? place
        end.drop = end.drop ?? place
        end.passing = state.merged(end.passing)
    }

    /// The verdict of a map; every element that may match may decide.
    ///
    /// - Parameter states: The packet at the map, and before the rule if that may not apply.
    private mutating func look(
        _ keys: [PacketKey], _ set: RuleSet, step: Decision, states: (PacketState, PacketState?),
        end: inout End
    ) -> PacketState? {
        let (state, start) = states
        let isCertain = start == nil
        guard let elements = elements(of: set) else {
            leaveOpen(step, state, end: &end)
            return state.merged(start)
        }
        let values = keys.map { value(of: $0, in: state) }
        if values.contains(.absent) { return isCertain ? state : state.merged(start) }
        // One of the elements of a number that the kernel draws is certain to match.
        let isDrawn = keys == [.random]
        var rest = start
        for element in elements {
            let holding = Self.matches(element, values)
            guard holding != .no, let verdict = element.verdict else { continue }
            var decision = step
            decision.verdict = verdict
            if holding == .unknown, !isDrawn {
                decision.doubt = step.doubt ?? place(step.rule, in: step.chain)
            }
            let next = decide(decision, state, otherwise: rest, end: &end)
            rest = next ?? rest
            if holding == .yes { return isCertain ? next : rest }
        }
        return isDrawn ? rest : state.merged(rest)
    }

    // MARK: - Conditions

    /// Whether a condition holds for the packet.
    private func holds(_ condition: Condition, for state: PacketState) -> Holding {
        let values = condition.keys.map { value(of: $0, in: state) }
        if values.contains(.absent) { return .no }
        guard let elements = elements(of: condition.set) else { return .unknown }
        var isDoubtful = false
        for element in elements {
            switch Self.matches(element, values) {
            case .yes: return condition.isNegated ? .no : .yes
            case .unknown: isDoubtful = true
            case .no: break
            }
        }
        return isDoubtful ? .unknown : Holding(condition.isNegated)
    }

    /// Whether a packet's values match an element.
    private static func matches(_ element: RuleSet.Element, _ values: [PacketValue]) -> Holding {
        guard element.patterns.count == values.count else { return .unknown }
        var holding = Holding.yes
        for (pattern, value) in zip(element.patterns, values) {
            switch pattern.matches(value) {
            case .yes: break
            case .no: return .no
            case .unknown: holding = .unknown
            }
        }
        return holding
    }

    /// Nil if they are not known.
    private func elements(of set: RuleSet) -> [RuleSet.Element]? {
        switch set {
        case .elements(let elements): return elements
        case .unknown: return nil
        case .named(let name):
            guard case .elements(let elements)? = table.sets[name] else { return nil }
            return elements
        }
    }

    /// The place of a rule, or of the chain's policy.
    private func place(_ rule: PacketRule?, in chain: RuleChain, text: String? = nil) -> RulePlace {
        RulePlace(
            owner: table.owner, family: table.family, table: table.name, chain: chain.name,
            number: rule?.number, text: text ?? rule?.text() ?? "policy drop", baseChain: base.name,
            hook: hook.point)
    }
}

extension Condition {
    /// True if a key of the condition is a mark.
    fileprivate var isOfMarks: Bool {
        keys.contains { if case .mark = $0 { true } else { false } }
    }
}

extension PacketState {
    /// Sets a mark of the packet or the connection.
    fileprivate mutating func set(_ change: MarkChange, _ isOfConnection: Bool) {
        if isOfConnection {
            connectionMark = connectionMark.changed(change, copying: mark)
        } else {
            mark = mark.changed(change, copying: connectionMark)
        }
    }
}
