/// The fewest prefixes that contain exactly the addresses of `prefixes`.
package func joined(_ prefixes: [IPPrefix]) -> [IPPrefix] {
    var stack: [IPPrefix] = []
    for prefix in Set(prefixes).sorted() {
        if let last = stack.last, last.contains(prefix) { continue }
        stack.append(prefix)
        // Each turn takes one prefix off the stack.
        while stack.count >= 2, let both = union(stack[stack.count - 2], stack[stack.count - 1]) {
            stack.removeLast(2)
            stack.append(both)
        }
    }
    return stack
}

/// The prefix whose two halves these are; nil if they are not.
private func union(_ left: IPPrefix, _ right: IPPrefix) -> IPPrefix? {
    guard left.length == right.length, left.length > 0, left != right,
        let both = IPPrefix(around: left.address, length: left.length - 1), both.contains(right)
    else { return nil }
    return both
}
