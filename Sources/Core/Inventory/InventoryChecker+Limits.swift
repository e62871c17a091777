extension InventoryChecker {
    /// Checks `dns.limits` for values that can't work.
    mutating func checkLimits() {
        let limits = inventory.dns.limits
        let dns: InventoryPath = "dns"
        let path = dns + "limits"
        for (key, time) in [("idle-time", limits.idleTime), ("connection-time", limits.connectionTime)]
        where time < .seconds(1) {
            error(at: path + key, "found a time below 1s, in which no client can bring a question")
        }
        if !(.milliseconds(500) ... .seconds(60)).contains(limits.answerTime) {
            error(
                at: path + "answer-time",
                "found a time outside of 500ms to 60s, in which no client waits for an answer")
        } else if limits.answerTime > .milliseconds(4_900) {
            warn(
                at: path + "answer-time",
                "found a time above 4900ms: most clients ask again after 5s, and never get the reply;"
                    + " expected it only for clients that wait longer")
        }
        if limits.lateAnswers > .seconds(60) {
            error(
                at: path + "late-answers",
                "found a time above 60s: ports would stay open for answers that do not come")
        }
        if limits.connectionBuffer < 65_536 {
            error(
                at: path + "connection-buffer",
                "found \(limits.connectionBuffer) octets, expected at least 64KiB: the longest answer")
        }
        if limits.connectionBuffers < limits.connectionBuffer {
            error(
                at: path + "connection-buffers",
                "found \(limits.connectionBuffers) octets, expected at least those of connection-buffer")
        }
    }
}
