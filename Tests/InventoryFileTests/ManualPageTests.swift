import Foundation
import InventoryFile
import Testing

/// `namebridge.yaml(5)` is held against the reader that it describes.
@Suite("Manual page") struct ManualPageTests {
    private let page: String

    init() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        page = String(decoding: try Data(contentsOf: root.appending(path: "config/man/namebridge.yaml.5")), as: UTF8.self)
    }

    /// A file that has every kind of mapping, each with the unknown key `strange-key`.
    private static let everyMapping = """
        strange-key: x
        admin: { strange-key: x }
        browse: { strange-key: x }
        log: { strange-key: x, queries: { strange-key: x } }
        dns: { strange-key: x, cache: { strange-key: x }, rate-limit: { strange-key: x }, limits: { strange-key: x }, views: [{ strange-key: x, clients: [10.0.0.0/8], allow: { strange-key: x } }] }
        clusters:
          a:
            strange-key: x
            follow: { strange-key: x }
            cache: { strange-key: x }
            names: [{ strange-key: x, name: a.example }]
            kube-proxy: { strange-key: x }
            cilium: { strange-key: x }
            calico: { strange-key: x }
            nodes: { n: { strange-key: x } }
            hosts: { h: { strange-key: x } }
            subnets: { s: { strange-key: x } }
        merge: { all.example: { strange-key: x } }
        clustersets: { main: { strange-key: x, members: [{ strange-key: x }] } }
        sites: { b: { strange-key: x } }
        paths:
          - { strange-key: x, relays: [{ strange-key: x }], probe: { strange-key: x } }
          - between: [a, b]
            via: vxlan
            vxlan: { strange-key: x, endpoints: { n: { strange-key: x } } }
        """

    @Test("every key that is read is in the page")
    func keys() {
        let (_, problems) = InventoryFile.read(Array(Self.everyMapping.utf8), name: "x")
        let lists = problems.compactMap { $0.message.split(separator: "expected one of: ").dropFirst().first }
        #expect(lists.count == 31)
        let words = Set(page.split { " \n,:".contains($0) }.map(String.init))
        let missing = Set(lists.flatMap { $0.split(separator: ", ").map(String.init) }).subtracting(words)
        #expect(missing.sorted() == [])
    }

    @Test("every key of a file of facts is in the page")
    func keysOfFacts() {
        let text = "facts: 1\ncluster: a\ncontext: a\nx: y\nnodes: { x: y }\ndns: { x: y }\n"
        let (_, problems) = InventoryFile.readFacts(Array(text.utf8), name: "x")
        let lists = problems.compactMap { $0.message.split(separator: "expected one of: ").dropFirst().first }
        #expect(lists.count == 3)
        let words = Set(page.split { " \n,:".contains($0) }.map(String.init))
        let missing = Set(lists.flatMap { $0.split(separator: ", ").map(String.init) }).subtracting(words)
        #expect(missing.sorted() == [])
    }

    @Test("every example is accepted without a word")
    func examples() throws {
        let section = try #require(page.split(separator: ".Sh EXAMPLES").last?.split(separator: ".Sh").first)
        let examples = section.split(separator: ".Bd -literal -offset indent\n").dropFirst()
            .compactMap { $0.split(separator: ".Ed").first }
        #expect(examples.count == 5)
        for example in examples {
            let (inventory, problems) = InventoryFile.read(Array(example.utf8), name: "x")
            #expect(inventory != nil)
            #expect(problems.map(\.description) == [], "\(example)")
        }
    }
}
