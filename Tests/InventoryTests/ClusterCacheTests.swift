import Inventory
import Testing

/// What a cluster sets for its own answers, over what holds for all.
@Suite("Cluster cache settings") struct ClusterCacheTests {
    private let general = CacheSettings(
        size: 1 << 20, maximumTTL: .seconds(30), negativeTTL: .seconds(5), stale: .seconds(3600))

    @Test("a cluster without settings has the general ones")
    func nothingSet() {
        #expect(ClusterCacheSettings().over(general) == general)
    }

    @Test("each setting stands alone, 0 included, and the memory stays the general one")
    func someSet() {
        let settings = ClusterCacheSettings(maximumTTL: .seconds(1), stale: .zero).over(general)
        #expect(
            settings
                == CacheSettings(
                    size: 1 << 20, maximumTTL: .seconds(1), negativeTTL: .seconds(5), stale: .zero))
    }
}
