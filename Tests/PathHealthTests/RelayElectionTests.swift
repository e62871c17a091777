import Inventory
import PathHealth
import Testing
import Time

/// Which relays carry while some of them work and others do not.
@Suite struct RelayElectionTests {
    @Test func `before anything is known one relay of the highest priority carries`() {
        #expect(Player("a", "b").carrying == "a")
        #expect(Player(("a", 100), ("b", 200), ("c", 200)).carrying == "b")
    }

    @Test func `relays of equal priority carry together once they have been up for a while`() {
        var player = Player("a", "b")
        player.see(["a": .up, "b": .up])
        #expect(player.carrying == "a")
        player.wait(9_900)
        #expect(player.carrying == "a")
        player.wait(100)
        #expect(player.carrying == "a b")
    }

    @Test func `a relay that is down is left at once, and another one takes over without waiting`() {
        var player = Player("a", "b")
        player.see(["a": .up, "b": .up])
        player.wait(500)
        player.see(["a": .down])
        #expect(player.carrying == "b" && player.move?.reason == "a is down: no answer" && player.move?.gap == 1_200)
        player.see(["a": .up])
        #expect(player.carrying == "b")
        player.wait(10_000)
        #expect(player.carrying == "a b")
    }

    @Test func `a relay of lower priority stands by, and packets stay with it while it works`() {
        var player = Player(("a", 200), ("b", 100))
        player.see(["a": .up, "b": .up])
        player.wait(60_000)
        #expect(player.carrying == "a")
        player.see(["a": .down])
        #expect(player.carrying == "b")
        player.see(["a": .up])
        player.wait(60_000)
        #expect(player.carrying == "b")
        player.see(["b": .down])
        #expect(player.carrying == "a")
    }

    @Test func `with prefer first packets go back after the hold time`() {
        var player = Player(("a", 200), ("b", 100), preference: .first)
        player.see(["a": .down, "b": .up])
        #expect(player.carrying == "b")
        player.see(["a": .up])
        player.wait(9_000)
        #expect(player.carrying == "b")
        player.wait(1_000)
        #expect(player.carrying == "a" && player.move?.reason == "a relay with a higher priority works")
        #expect(player.move?.gap == 0)
    }

    @Test func `if none works, or nothing is known of any, everything stays`() {
        var player = Player("a", "b")
        player.see(["a": .up, "b": .up])
        player.wait(10_000)
        player.see(["a": .unknown, "b": .unknown])
        player.wait(60_000)
        #expect(player.carrying == "a b")
        player.see(["a": .down, "b": .down])
        player.wait(60_000)
        #expect(player.carrying == "a b")
        player.see(["b": .up])
        #expect(player.carrying == "b")
    }

    /// A fault that both had may end for one of them a little earlier.
    @Test func `a relay of which nothing is known is left only if another one is answered for a while`() {
        var player = Player(("a", 200), ("b", 100))
        player.see(["a": .unknown, "b": .unknown])
        player.see(["b": .up])
        player.wait(400)
        #expect(player.carrying == "a")
        player.wait(300)
        #expect(player.carrying == "b")

        player = Player(("a", 200), ("b", 100))
        player.see(["a": .up, "b": .up])
        player.wait(10_000)
        player.silent = ["b"]
        player.see(["a": .unknown])
        player.wait(1_000)
        #expect(player.carrying == "a", "b is silent as well, and not judged yet")

        player = Player(("a", 200), ("b", 100))
        player.see(["a": .unknown, "b": .up])
        player.wait(400)
        player.see(["a": .up])
        player.wait(10_000)
        #expect(player.carrying == "a")
    }

    @Test func `a drained relay is left if another one works, and comes back when it is not drained any more`() {
        var player = Player(("a", 200), ("b", 100), preference: .first)
        player.see(["a": .up, "b": .up])
        player.wait(20_000)
        player.drained = ["a"]
        player.wait(0)
        #expect(player.carrying == "b" && player.move?.reason == "a is drained" && player.move?.gap == 0)
        player.see(["b": .down])
        #expect(player.carrying == "b", "a drained relay is not taken")
        player.drained = []
        player.wait(0)
        #expect(player.carrying == "a")
    }

    @Test func `what carried before stays known to the next agent`() {
        #expect(Player("a", "b", "c", carrying: ["c", "b"]).carrying == "b c")
        #expect(Player("a", "b", carrying: ["z"]).carrying == "a")
    }
}

/// Plays what is observed to an election.
private struct Player {
    private var election: RelayElection
    private var observed: [RelayElection.Observation]
    private var now = MonotonicTime(nanoseconds: 1_000_000_000_000)
    var drained: Set<String> = []
    /// Not answered any more, whatever their state is.
    var silent: Set<String> = []
    /// The last move.
    private(set) var move: (reason: String, gap: Int)?

    init(
        _ members: (String, Int)..., preference: RelayPreference = .stay, carrying: [String] = []
    ) {
        election = RelayElection(
            members.map { RelayElection.Member(name: $0, priority: $1) }, preference: preference, hold: 10_000,
            carrying: carrying)
        observed = Self.unknown(members.count, now)
    }

    init(_ names: String..., carrying: [String] = []) {
        election = RelayElection(
            names.map { RelayElection.Member(name: $0, priority: 100) }, preference: .stay, hold: 10_000,
            carrying: carrying)
        observed = Self.unknown(names.count, now)
    }

    private static func unknown(_ count: Int, _ now: MonotonicTime) -> [RelayElection.Observation] {
        Array(repeating: .init(state: .unknown, since: now, cause: "", lastAnswer: nil), count: count)
    }

    var carrying: String { election.carrying.joined(separator: " ") }

    /// Relays that are down were last answered 1.2 s ago.
    mutating func see(_ states: [String: PathState]) {
        for (index, member) in election.members.enumerated() {
            guard let state = states[member.name] else { continue }
            observed[index] = .init(
                state: state, since: now, cause: "no answer", lastAnswer: now.advanced(milliseconds: -1_200))
        }
        wait(0)
    }

    /// Time passes; the election is asked when it wants to be.
    mutating func wait(_ milliseconds: Int) {
        let end = now.advanced(milliseconds: milliseconds)
        decide()
        while let deadline = election.nextDeadline, deadline <= end {  // each is later than the one before
            now = max(now, deadline)
            decide()
            if election.nextDeadline == deadline { break }
        }
        now = end
    }

    private mutating func decide() {
        for (index, member) in election.members.enumerated() where !silent.contains(member.name) {
            let old = observed[index]
            guard old.state == .up else { continue }
            observed[index] = .init(state: .up, since: old.since, cause: "", lastAnswer: now)
        }
        guard let made = election.update(observed, drained: drained, at: now) else { return }
        move = (made.reason, Int(made.gap / 1_000_000))
    }
}
