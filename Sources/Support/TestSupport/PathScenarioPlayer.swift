import IPAddressing
import Inventory
import PathHealth
import Time

/// Plays a scenario against the engine of path health; the first line that does not hold ends it.
///
/// Settings: `path FROM TO`, behind it `relays NAMES`, `targets ENDPOINTS`, `every TIME`, `fail N`, `rise N`,
/// `hold TIME`, `behind ENDPOINTS`, which are targets behind the others. Targets whose port is 53 may refuse.
///
/// | line | meaning |
/// |---|---|
/// | `network PATH answers in 20ms loss 20` | from now on, one of two packets is lost with 20 % |
/// | `network PATH is silent` | or `refuses`, `is unreachable`; PATH may be `all` or an endpoint |
/// | `host PATH has no link REASON` | what an examination finds from now on; `host PATH has a link` |
/// | `host can not send REASON` | connections can't be begun from now on; `host can send` |
/// | `after 400ms` | time passes |
/// | `the process sleeps 5s` | time passes, the engine is not called, answers wait |
/// | `the clock goes back 5s` | the next times told are earlier |
/// | `path PATH is up` | or `down`, `unknown`; `changing` or `steady` and `because WORDS` may follow |
/// | `path PATH is down within 1500ms after 900ms` | it becomes so in that time, and not before |
/// | `path PATH misses ENDPOINT` | just these targets are silent; `path PATH misses nothing` |
/// | `path PATH was told of 2 changes` | transitions since the start |
/// | `at most 40 connections in 10s` | so many are begun while that time passes |
package final class PathScenarioPlayer {
    private var network: SimulatedNetwork

    private init(_ scenario: Scenario, seed: UInt64) throws(ScenarioError) {
        var paths: [ProbedPath] = []
        for line in scenario.settings { paths.append(try line.probedPath()) }
        network = SimulatedNetwork(paths, seed: seed)
    }

    /// What went otherwise than `scenario` says; nil if nothing did.
    package static func play(_ scenario: Scenario, seed: UInt64) -> ScenarioError? {
        do throws(ScenarioError) {
            let player = try PathScenarioPlayer(scenario, seed: seed)
            for step in scenario.steps { try player.play(step) }
            return nil
        } catch {
            return error
        }
    }

    private func play(_ line: Scenario.Line) throws(ScenarioError) {
        let words = line.words
        switch (words[0], words.dropFirst().first ?? "") {
        case ("network", let name): try setNetwork(line, name)
        case ("host", "can"):
            network.sendFailure =
                words.dropFirst(2).first == "not" ? words.dropFirst(4).joined(separator: " ") : nil
        case ("host", let name):
            let fault = words.contains("no") ? words.dropFirst(5).joined(separator: " ") : nil
            for path in try paths(name, line) { network.hostFaults[path] = fault }
        case ("after", let time): network.pass(try line.milliseconds(time))
        case ("the", "process"): network.sleep(try line.milliseconds(words.last ?? ""))
        case ("the", "clock"): network.turnClock(back: try line.milliseconds(words.last ?? ""))
        case ("path", let name): try expect(line, try paths(name, line))
        case ("at", "most"):
            let before = network.connections
            network.pass(try line.milliseconds(words.last ?? ""))
            let count = network.connections - before
            guard count <= (try line.number(words[2])) else {
                throw ScenarioError(line: line.number, text: "\(count) connections were begun")
            }
        default: throw ScenarioError(line: line.number, text: "what does `\(words[0])` mean?")
        }
    }

    private func setNetwork(_ line: Scenario.Line, _ name: String) throws(ScenarioError) {
        var weather = SimulatedNetwork.Weather()
        var words = line.words.dropFirst(2)
        while let word = words.popFirst() {
            switch word {
            case "answers", "is": continue
            case "in": weather.delay = try line.milliseconds(words.popFirst() ?? "")
            case "loss": weather.lossPercent = try line.number(words.popFirst())
            case "silent": weather.fate = .silent
            case "refuses": weather.fate = .refused
            case "unreachable": weather.fate = .unreachable
            case "unsent": weather.fate = .unsent
            default: throw ScenarioError(line: line.number, text: "the network \(word)?")
            }
        }
        if let endpoint = Endpoint(name, defaultPort: 0), endpoint.port != 0 {
            network.targetWeather[endpoint] = weather
        } else {
            for path in try paths(name, line) { network.weather[path] = weather }
        }
    }

    /// The indexes of the paths called `name`, as in `office->prod` or `all`.
    private func paths(_ name: String, _ line: Scenario.Line) throws(ScenarioError) -> [Int] {
        let found = network.engine.paths.indices.filter {
            let path = network.engine.paths[$0]
            let ends = "\(path.from)->\(path.to)"
            return name == "all" || name == ends || name == "\(ends):\(path.relays.joined(separator: ","))"
        }
        guard !found.isEmpty else { throw ScenarioError(line: line.number, text: "no path \(name)") }
        return found
    }

    private func expect(_ line: Scenario.Line, _ paths: [Int]) throws(ScenarioError) {
        for path in paths {
            let words = line.words
            switch words.dropFirst(2).first {
            case "is" where words.contains("within"): try expectChange(line, path)
            case "is": try expectState(line, path)
            case "misses":
                let silent = network.engine.verdict(path).silentTargets.map { "\($0)" }
                let due = words.dropFirst(3).filter { $0 != "nothing" }
                guard silent == Array(due) else {
                    throw ScenarioError(line: line.number, text: "it misses \(silent)")
                }
            case "was":
                let count = network.engine.verdict(path).counts.transitions
                guard count == (try line.number(words.dropFirst(5).first)) else {
                    throw ScenarioError(line: line.number, text: "\(count) changes")
                }
            default: throw ScenarioError(line: line.number, text: "what is expected?")
            }
        }
    }

    private func expectState(_ line: Scenario.Line, _ path: Int) throws(ScenarioError) {
        let verdict = network.engine.verdict(path)
        let state = line.words[3]
        guard verdict.state.rawValue == state else {
            throw ScenarioError(line: line.number, text: "it is \(verdict.state.rawValue): \(verdict.cause)")
        }
        for (word, standing) in [("changing", PathStanding.changing), ("steady", .steady)]
        where line.words.contains(word) && verdict.standing != standing {
            throw ScenarioError(line: line.number, text: "it is \(verdict.standing)")
        }
        guard let place = line.words.firstIndex(of: "because") else { return }
        let cause = line.words[(place + 1)...].joined(separator: " ")
        guard verdict.cause.contains(cause) else {
            throw ScenarioError(line: line.number, text: "the cause is: \(verdict.cause)")
        }
    }

    private func expectChange(_ line: Scenario.Line, _ path: Int) throws(ScenarioError) {
        let words = line.words
        guard let within = words.firstIndex(of: "within"), words.indices.contains(within + 1) else { return }
        let most = try line.milliseconds(words[within + 1])
        var least = 0
        if let after = words.firstIndex(of: "after"), words.indices.contains(after + 1) {
            least = try line.milliseconds(words[after + 1])
        }
        let start = network.now
        let end = start.advanced(milliseconds: most)
        while network.engine.verdict(path).state.rawValue != words[3] {  // time passes with each turn
            guard network.now < end else {
                let verdict = network.engine.verdict(path)
                throw ScenarioError(
                    line: line.number, text: "it is still \(verdict.state.rawValue): \(verdict.cause)")
            }
            network.pass(1)
        }
        let taken = network.now.nanoseconds(since: start) / 1_000_000
        guard taken >= least else {
            throw ScenarioError(line: line.number, text: "it was so after \(taken) ms already")
        }
    }
}

extension Scenario.Line {
    fileprivate func milliseconds(_ text: String) throws(ScenarioError) -> Int {
        let unit = text.hasSuffix("ms") ? 1 : 1000
        return unit * (try number(String(text.dropLast(unit == 1 ? 2 : 1))))
    }

    fileprivate func probedPath() throws(ScenarioError) -> ProbedPath {
        guard words.count >= 3, words[0] == "path" else {
            throw ScenarioError(line: number, text: "expected: path FROM TO ...")
        }
        var lists: [String: [String]] = [:]
        var key = ""
        for word in words.dropFirst(3) {
            if ["relays", "targets", "behind", "every", "fail", "rise", "hold"].contains(word) {
                key = word
            } else {
                lists[key, default: []].append(word)
            }
        }
        var settings = ProbeSettings()
        if let text = lists["every"]?.first { settings.every = .milliseconds(try milliseconds(text)) }
        if let text = lists["hold"]?.first { settings.hold = .milliseconds(try milliseconds(text)) }
        if let text = lists["fail"]?.first { settings.fail = try number(text) }
        if let text = lists["rise"]?.first { settings.rise = try number(text) }
        var targets: [ProbeTarget] = []
        for text in lists["targets"] ?? ["10.96.0.10:53"] {
            let endpoint = try endpoint(text, defaultPort: 53)
            targets.append(ProbeTarget(endpoint, mayRefuse: endpoint.port == 53))
        }
        for text in lists["behind"] ?? [] {
            targets.append(
                ProbeTarget(try endpoint(text, defaultPort: 53), mayRefuse: true, isBehindOthers: true))
        }
        return ProbedPath(
            from: words[1], to: words[2], relays: lists["relays"] ?? [], targets: targets, settings: settings)
    }
}
