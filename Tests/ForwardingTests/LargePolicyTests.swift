import DomainNames
import IPAddressing
import Inventory
import Synchronization
import Testing

@testable import Forwarding

/// Work at a reload grows with the number of clusters, not with its square.
struct LargePolicyTests {
    @Test(arguments: [100, 1_000, 10_000])
    func `finding places compares each element a few times`(count: Int) {
        let comparisons = Comparisons()
        let places = FirstPlaces((0..<count).map { Counted(value: $0, comparisons: comparisons) })
        let found = (0..<count).reversed().map { places[Counted(value: $0, comparisons: comparisons)] }
        #expect(found == (0..<count).reversed())
        #expect(comparisons.count < 12 * count, "\(comparisons.count) comparisons of \(count) elements")
    }

    @Test func `the first of equal elements has the place`() {
        let places = FirstPlaces(["a", "b", "a"])
        #expect(places["a"] == 0 && places["b"] == 1 && places["c"] == nil)
    }

    @Test func `every server and group is found again after a reload in another order`() throws {
        let inventory = try large(300)
        var other = inventory
        other.clusters.reverse()
        other.clusters.append(Cluster(key: "new", dns: [endpoint(301)]))
        let old = ForwardingPolicy(inventory)
        let new = ForwardingPolicy(other, after: old)
        let expected: [Int?] = (0..<300).reversed() + [nil]
        #expect(new.places(in: old) == expected)
        #expect(PolicyChange(from: old, to: new).groupPlaces == expected)
        #expect(new.unansweredNames(of: other).isEmpty)
    }

    @Test func `a suffix that its cluster does not answer is reported`() throws {
        var inventory = try large(3)
        let policy = ForwardingPolicy(inventory)
        let lost = try DomainName(parsing: "lost.example.com")
        let above = try DomainName(parsing: "example.com")
        inventory.clusters[1].names += [above, lost]
        #expect(policy.unansweredNames(of: inventory) == [lost], "others lie below example.com")
    }

    private func large(_ count: Int) throws -> Inventory {
        var inventory = Inventory()
        inventory.clusters = try (0..<count).map { number in
            var cluster = Cluster(key: "c\(number)", dns: [endpoint(number)])
            cluster.domain = try DomainName(parsing: "d\(number).local")
            cluster.names = [try DomainName(parsing: "c\(number).example.com")]
            return cluster
        }
        return inventory
    }

    private func endpoint(_ number: Int) -> Endpoint {
        Endpoint(address: IPAddress(v4: 0x0A00_0000 | UInt32(number)), port: 53)
    }
}

/// How often elements were compared.
private final class Comparisons: Sendable {
    private let value = Atomic(0)
    var count: Int { value.load(ordering: .relaxed) }
    func note() { value.add(1, ordering: .relaxed) }
}

private struct Counted: Hashable {
    let value: Int
    let comparisons: Comparisons

    static func == (left: Counted, right: Counted) -> Bool {
        left.comparisons.note()
        return left.value == right.value
    }

    func hash(into hasher: inout Hasher) { hasher.combine(value) }
}
