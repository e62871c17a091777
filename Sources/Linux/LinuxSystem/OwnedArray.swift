/// A fixed number of values with a single owner, such as sockets; an array for noncopyable elements.
@safe
@usableFromInline
package struct OwnedArray<Element: ~Copyable>: ~Copyable {
    /// The elements, all initialised.
    @usableFromInline let storage: UnsafeMutableBufferPointer<Element>

    /// - Parameter make: Makes each element, by its index.
    package init<Failure: Error>(count: Int, _ make: (Int) throws(Failure) -> Element) throws(Failure) {
        unsafe storage = .allocate(capacity: count)
        for index in 0..<count {
            let element: Element
            do throws(Failure) {
                element = try make(index)
            } catch {
                // Sound: exactly the elements before `index` are initialised.
                for made in 0..<index {
                    unsafe (storage.baseAddress.unsafelyUnwrapped + made).deinitialize(count: 1)
                }
                unsafe storage.deallocate()
                throw error
            }
            // Sound: `index` is below the allocation's count, and not initialised yet.
            unsafe storage.initializeElement(at: index, to: element)
        }
    }

    deinit {
        // Sound: all elements are initialised from `init` on.
        unsafe storage.deinitialize().deallocate()
    }

    /// The number of elements.
    @inlinable
    package var count: Int { unsafe storage.count }

    /// Element `index`.
    package subscript(index: Int) -> Element {
        @inlinable
        _read {
            precondition(index >= 0 && index < count, "an element is read that the array does not have")
            // Sound: the index was checked, and all elements are initialised.
            yield unsafe storage[index]
        }
        @inlinable
        _modify {
            precondition(index >= 0 && index < count, "an element is changed that the array does not have")
            // Sound: the index was checked, and all elements are initialised. By pointer, since Swift 6.3
            // makes no code of the buffer's subscript here under the thread sanitizer.
            yield unsafe &(storage.baseAddress.unsafelyUnwrapped + index).pointee
        }
    }
}
