import Inventory

extension Field {
    /// `dns.limits`.
    func limits() -> DNSLimits? {
        mapping { keys in
            var limits = DNSLimits()
            keys.read("questions", into: &limits.questions, .integer(1...32_768, "a number of questions"))
            keys.read(
                "questions-per-cluster", into: &limits.questionsPerCluster,
                .integer(1...32_768, "a number of questions"))
            keys.read(
                "questions-per-client", into: &limits.questionsPerClient,
                .integer(1...32_768, "a number of questions"))
            keys.read("answer-time", into: &limits.answerTime, .duration)
            keys.read("late-answers", into: &limits.lateAnswers, .duration)
            keys.read("connections", into: &limits.connections, .integer(1...65_536))
            keys.read("connections-per-client", into: &limits.connectionsPerClient, .integer(1...65_536))
            keys.read("idle-time", into: &limits.idleTime, .duration)
            keys.read("connection-time", into: &limits.connectionTime, .duration)
            keys.read("connection-buffer", into: &limits.connectionBuffer, .size)
            keys.read("connection-buffers", into: &limits.connectionBuffers, .size)
            keys.removed(
                ["unproven-excess", "proven-excess"],
                "which dns.response-rate-limit has replaced; by default it limits no private address")
            return limits
        }
    }
}
