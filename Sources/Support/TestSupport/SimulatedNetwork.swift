package import IPAddressing
package import PathHealth
package import Time

/// A network that answers probes late, or not at all, and a clock.
package struct SimulatedNetwork {
    /// The engine under test.
    package private(set) var engine: PathHealthEngine
    /// The time of the network.
    package private(set) var now = MonotonicTime(nanoseconds: 500_000_000_000)

    /// For each path what becomes of its connections.
    package var weather: [Int: Weather] = [:]
    /// For some targets what becomes of connections to them, whatever the path.
    package var targetWeather: [Endpoint: Weather] = [:]
    /// For each path what an examination of the host finds.
    package var hostFaults: [Int: String] = [:]
    /// Why no connection can be begun; nil: they can.
    package var sendFailure: String?

    /// Connections that were begun.
    package private(set) var connections = 0
    /// What was told of paths, and when.
    package private(set) var news: [(time: MonotonicTime, verdict: PathVerdict)] = []

    private var random: SplitMix64
    /// What comes later, the soonest first.
    private var results: [(time: MonotonicTime, attempt: AttemptID, result: AttemptResult)] = []
    /// How far the times that the engine is told lie behind.
    private var clockLag = 0

    /// What becomes of connections.
    package struct Weather: Sendable {
        /// What becomes of its probes.
        package var fate = Fate.answered
        /// There and back, in milliseconds.
        package var delay = 20
        /// How many of a hundred packets are lost, on each way.
        package var lossPercent = 0

        /// What becomes of a probe.
        package enum Fate: Sendable {
            case answered, silent, refused, unreachable, unsent
        }

        /// Creates the weather of a network.
        package init() {}
    }

    /// Creates a simulated network.
    package init(_ paths: [ProbedPath], seed: UInt64) {
        random = SplitMix64(seed: seed)
        engine = PathHealthEngine(paths, at: now, random: &random)
    }

    /// Lets time pass through all that happens on the way.
    package mutating func pass(_ milliseconds: Int) {
        let end = now.advanced(milliseconds: milliseconds)
        while true {  // ends: what happens lies ahead, and is taken away or moved on with each turn
            let deadline = engine.nextDeadline.map { $0.advanced(milliseconds: clockLag) }
            guard let next = [results.first?.time, deadline].compactMap({ $0 }).min(), next <= end else {
                break
            }
            now = max(now, next)
            turn()
        }
        now = end
    }

    /// Lets time pass while the engine is not called.
    package mutating func sleep(_ milliseconds: Int) {
        now = now.advanced(milliseconds: milliseconds)
        turn()
    }

    /// Sets the clock back, which the engine must survive.
    package mutating func turnClock(back milliseconds: Int) {
        clockLag += milliseconds
    }

    private var toldTime: MonotonicTime { now.advanced(milliseconds: -clockLag) }

    /// Results first, then what is due, as the prober does it.
    private mutating func turn() {
        var actions: [PathAction] = []
        while let first = results.first, first.time <= now {  // each turn takes one away
            results.removeFirst()
            engine.learn(first.result, of: first.attempt, at: toldTime, into: &actions)
        }
        engine.advance(to: toldTime, random: &random, into: &actions)
        while !actions.isEmpty {  // ends: results of actions ask for no connections
            let current = actions
            actions = []
            for action in current { perform(action, into: &actions) }
        }
    }

    private mutating func perform(_ action: PathAction, into actions: inout [PathAction]) {
        switch action {
        case .connect(let attempt, let target): connect(attempt, target, into: &actions)
        case .close(let attempt): results.removeAll { $0.attempt == attempt }
        case .examineHost(let path, _):
            engine.noteHost(hostFaults[path], path: path, at: toldTime, into: &actions)
        case .tell(let path): news.append((now, engine.verdict(path)))
        }
    }

    private mutating func connect(_ attempt: AttemptID, _ target: Endpoint, into actions: inout [PathAction])
    {
        if let sendFailure {
            engine.learn(.unsent(sendFailure), of: attempt, at: toldTime, into: &actions)
            return
        }
        let weather = targetWeather[target] ?? weather[attempt.path] ?? Weather()
        if weather.fate == .unsent {
            engine.learn(.unsent("Network is unreachable"), of: attempt, at: toldTime, into: &actions)
            return
        }
        connections += 1
        let isLost = (0..<2).contains { _ in random.number(in: 0..<100) < weather.lossPercent }
        guard !isLost else { return }
        let result: AttemptResult
        switch weather.fate {
        case .silent, .unsent: return
        case .answered: result = .answered
        case .refused: result = .refused
        case .unreachable: result = .failed("No route to host")
        }
        let time = now.advanced(milliseconds: weather.delay)
        let place = results.firstIndex { $0.time > time } ?? results.endIndex
        results.insert((time, attempt, result), at: place)
    }
}
