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
              namebridge net apply --confirm 60s  change it; undo it without "net confirm"
              namebridge net status               is all in place, with packet counts
              namebridge net observe              this host's state, for "explain"
              namebridge net agent                restore what others remove
              namebridge net remove               leave this host as it was
            """,
        subcommands: [
            NetPlan.self, NetApply.self, NetConfirm.self, NetStatus.self, NetRemove.self, NetRender.self,
            NetAgent.self, NetHealth.self, NetDrain.self, NetUndrain.self, NetObserve.self, NetUndo.self,
            NetGuard.self,
        ])
}
