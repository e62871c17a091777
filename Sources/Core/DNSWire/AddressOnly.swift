import Synchronization

/// Makes the large noncopyable type that stores it one that is passed by address.
///
/// Without it Swift 6.3 copies such a value to the stack for each call that only borrows a part of it: the
/// engine, 1 KB, a dozen times for each question. A type that stores an atomic is never copied. To be removed
/// once borrowing alone does that, which `memcpy` in the engine's functions shows.
package struct AddressOnly: ~Copyable, Sendable {
    /// Never used.
    private let anchor = Atomic<Bool>(false)

    package init() {}
}
