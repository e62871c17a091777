import Forwarding
import Inventory
import Testing

@testable import AdminServer
@testable import DNSServer

@Suite struct LimitCountTests {
    @Test func `every limit has a name of its own`() {
        let names = LimitCount.all(ServerStatistics(workers: [], policy: ForwardingPolicy(Inventory()))).map(\.name)
        // A metric that comes twice with the same labels makes a collector drop the whole page.
        #expect(Set(names).count == names.count, "\(names)")
    }
}
