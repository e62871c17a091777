package import NetworkModel
package import NetworkPlanning

/// What a host's network can be asked and told: the real one, and a stand-in that fails where a test wants it
/// to.
package protocol Kernel {
    /// Everything that we make or must take care of, as it is now.
    func observe() throws(KernelError) -> HostState

    /// Takes `steps` one after the other, up to the first that fails.
    ///
    /// - Parameter announce: Gets each command before it runs.
    func perform(_ steps: [Step], announce: (String) -> Void) throws(KernelError)
}
