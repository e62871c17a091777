import CLinux
import Glibc
import Synchronization

/// A thread of the operating system, for loops that block in the kernel. Corresponds to pthread_create(3).
package final class NativeThread: Sendable {
    /// The thread's handle.
    private let handle: pthread_t
    /// True once the thread was waited for.
    private let isJoined = Mutex(false)

    /// Starts `body` on a new thread, with all signals blocked except those of traps.
    ///
    /// - Parameters:
    ///   - name: At most 15 octets (pthread_setname_np(3)); longer ones are cut.
    ///   - stackSize: In octets; a multiple of the page size.
    package init(name: String, stackSize: Int, _ body: @escaping @Sendable () -> Void) throws(Errno) {
        var attributes = pthread_attr_t()
        // Sound: initialised here, destroyed below, used only in between.
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        unsafe pthread_attr_setstacksize(&attributes, stackSize)

        var all = sigset_t()
        var before = sigset_t()
        // Sound: both sets are locals; a thread inherits the mask of the one that starts it.
        unsafe sigfillset(&all)
        // A blocked signal of a trap would end the process without a message.
        _ = unsafe clinux_remove_fatal_signals(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }

        let boxed = unsafe Unmanaged.passRetained(ThreadBody(name, body))
        var thread = pthread_t()
        // Sound: the new thread takes ownership of the retained body.
        let code = unsafe pthread_create(&thread, &attributes, runThread, boxed.toOpaque())
        guard code == 0 else {
            unsafe boxed.release()
            throw Errno(code: code)
        }
        handle = thread
    }

    /// A thread that nothing has waited for gives its stack back when it ends. Corresponds to
    /// pthread_detach(3).
    deinit {
        isJoined.withLock { if !$0 { _ = pthread_detach(handle) } }
    }

    /// Waits until the thread has ended; later calls return when the first one does. Corresponds
    /// to pthread_join(3).
    package func join() {
        isJoined.withLock { isJoined in
            if !isJoined { _ = pthread_join(handle, nil) }
            isJoined = true
        }
    }
}

/// What the new thread runs.
private final class ThreadBody: Sendable {
    /// The thread's name.
    private let name: String
    /// The work.
    private let body: @Sendable () -> Void

    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }

    /// On the new thread, which names itself: another thread would have to write to a file of /proc.
    func run() {
        let cut = String(decoding: name.utf8.prefix(15), as: UTF8.self)
        // Sound: the name is copied. A thread without a name works as well, so the result does not matter.
        _ = unsafe clinux_set_thread_name(pthread_self(), cut)
        body()
    }
}

/// The start routine for pthread_create(3)
private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    // Sound: the argument is the body that `NativeThread.init` retained for us.
    unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
