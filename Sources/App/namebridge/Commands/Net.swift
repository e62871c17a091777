import ArgumentParser

/// `namebridge net`: routes and source translation from the same file.
struct Net: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Make the addresses of clusters reachable: routes, translation and meshes from the same file.",
        discussion: """
            The clusters, sites and paths of the configuration say which places reach which. Each host gets \
            its part with one command, and loses it with another; foreign objects are not touched.

            Examples:
              namebridge net plan                 what would be changed on this host
              namebridge net apply --confirm 60s  change it, and undo it unless "net confirm" comes in time
              namebridge net status               is everything in place, with the packet counts
              namebridge net observe              write this host's state for "namebridge explain"
              namebridge net agent                restore what other programs remove, until SIGTERM
              namebridge net remove               leave this host as it was
            """,
        subcommands: [
            NetPlan.self, NetApply.self, NetConfirm.self, NetStatus.self, NetRemove.self, NetRender.self,
            NetAgent.self, NetHealth.self, NetDrain.self, NetUndrain.self, NetObserve.self, NetUndo.self,
            NetGuard.self,
        ])
}
