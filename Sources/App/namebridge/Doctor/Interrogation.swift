import Diagnosis
import Forwarding
import Glibc
import IPAddressing
import LinuxSystem
import Time

/// Many questions to many servers at once, each on its own socket, within one time limit.
struct Interrogation {
    /// One question and its server.
    struct Question {
        /// The server.
        let server: Endpoint
        /// The probe that the question belongs to.
        let probe: Probe
        /// The transport.
        let transport: Transport

        /// The whole message.
        let message: [UInt8]
    }

    /// A question that waits for its answer.
    private struct Open {
        /// The index of the question.
        let question: Int
        /// Its socket.
        var socket: QuestionSocket
        /// When it was sent last.
        var sent: MonotonicTime
    }

    /// The questions.
    private let questions: [Question]
    /// The outcome of each question.
    private var outcomes: [ProbeOutcome]
    /// The questions without an answer yet.
    private var open: [Open] = []

    /// The time limit for all questions.
    private static let timeoutMilliseconds = 3_000

    /// When datagrams without an answer are sent once more.
    private static let repeatMilliseconds = 1_000

    /// Told how many of the questions have an outcome, from time to time.
    private let progress: Progress

    /// Takes the number of questions with an outcome, and that of all.
    typealias Progress = (_ done: Int, _ all: Int) -> Void

    private init(_ questions: [Question], progress: @escaping Progress) {
        self.questions = questions
        self.progress = progress
        outcomes = questions.map { _ in .silence }
    }

    /// The outcomes of the questions, by server and probe.
    ///
    /// - Parameter progress: Called after each turn.
    static func ask(
        _ questions: [Question], progress: @escaping Progress = { _, _ in }
    ) -> [Endpoint: [Probe: ProbeOutcome]] {
        var interrogation = Interrogation(questions, progress: progress)
        interrogation.run()
        var outcomes: [Endpoint: [Probe: ProbeOutcome]] = [:]
        for (question, outcome) in zip(questions, interrogation.outcomes) {
            outcomes[question.server, default: [:]][question.probe] = outcome
        }
        return outcomes
    }

    /// Runs until every question has an outcome.
    private mutating func run() {
        let start = MonotonicClock.now
        let end = start.advanced(milliseconds: Self.timeoutMilliseconds)
        let again = start.advanced(milliseconds: Self.repeatMilliseconds)
        var isRepeated = false
        for index in questions.indices { send(index) }
        while !open.isEmpty {  // ends: at the deadline at the latest
            progress(questions.count - Set(open.map(\.question)).count, questions.count)
            let now = MonotonicClock.now
            if now >= end { return }
            if now >= again, !isRepeated {
                isRepeated = true
                for index in open.map(\.question) where questions[index].transport == .udp { send(index) }
            }
            wait(until: isRepeated ? end : again)
            advance()
        }
    }

    /// Sends one question.
    private mutating func send(_ index: Int) {
        let question = questions[index]
        do throws(Errno) {
            let socket = try QuestionSocket(
                question.message, to: question.server, over: question.transport)
            open.append(Open(question: index, socket: socket, sent: MonotonicClock.now))
        } catch {
            outcomes[index] = .failure(error.text)
        }
    }

    /// Corresponds to poll(2).
    private func wait(until due: MonotonicTime) {
        var watched = open.map(\.socket.watched)
        let left = max(0, due.nanoseconds(since: MonotonicClock.now))
        // Sound: the kernel reads and writes `count` structures. An interruption is a short wait.
        _ = unsafe poll(&watched, nfds_t(watched.count), Int32(clamping: left / 1_000_000 + 1))
    }

    /// Reads what has come, and repeats what is due.
    private mutating func advance() {
        var done: Set<Int> = []
        for exchange in open where !done.contains(exchange.question) {
            do throws(ExchangeFailure) {
                guard let message = try exchange.socket.advance(),
                    message.prefix(2) == questions[exchange.question].message.prefix(2),
                    var answer = ProbeAnswer(reading: message)
                else { continue }
                answer.nanoseconds = MonotonicClock.now.nanoseconds(since: exchange.sent)
                outcomes[exchange.question] = .answer(answer)
            } catch {
                outcomes[exchange.question] = .failure(error.words)
            }
            done.insert(exchange.question)
        }
        open.removeAll { done.contains($0.question) }
    }
}
