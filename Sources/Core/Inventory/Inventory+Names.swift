extension Inventory {
    /// The inventory without what no answer depends on: which node has which pods, and where facts are from.
    ///
    /// In a large cluster these change all the time, and the rest does not.
    package var withoutPodBlocks: Inventory {
        var reduced = self
        for cluster in reduced.clusters.indices {
            reduced.clusters[cluster].facts = nil
            for node in reduced.clusters[cluster].nodes.indices {
                reduced.clusters[cluster].nodes[node].pods = []
                reduced.clusters[cluster].nodes[node].device = nil
            }
        }
        return reduced
    }
}
