extension InventoryChecker {
    /// Checks the settings of the query log.
    mutating func checkLog() {
        guard let queries = inventory.log.queries else { return }
        let path: InventoryPath = "log"
        refuseDuplicates(queries.clients, at: path + "queries" + "clients")
        refuseDuplicates(queries.names, at: path + "queries" + "names")
        refuseDuplicates(queries.responseCodes.map(\.rawValue), at: path + "queries" + "rcodes")
        if queries.sample == 1, queries.clients.isEmpty, queries.names.isEmpty, queries.responseCodes.isEmpty,
            queries.output == .standardError
        {
            warn(
                at: path + "queries",
                "found no choice: every answer is written to standard error; see sample, or name a file")
        }
    }
}
