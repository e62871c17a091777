package import DomainNames

/// The change of suffix between what a client asks and what a cluster serves.
///
/// `mysql.test.svc.prod.cluster.local` (outer) and `mysql.test.svc.cluster.local` (inner) differ in the
/// endings `outer` = `prod.cluster.local` and `inner` = `cluster.local`.
package struct NameMapping: Hashable, Sendable {
    /// The cluster's own domain.
    package let inner: DomainName
    /// The name that clients use for it.
    package let outer: DomainName

    /// `inner` in wire form with ASCII letters in lower case.
    let foldedInner: [UInt8]

    /// True if names are the same on both sides: nothing is rewritten.
    package let isIdentity: Bool

    /// Creates a name mapping.
    package init(inner: DomainName, outer: DomainName) {
        self.inner = inner
        self.outer = outer
        foldedInner = inner.folded.wire
        isIdentity = inner == outer
    }

    /// The mapping that changes nothing.
    package static let identity = NameMapping(inner: .root, outer: .root)
}
