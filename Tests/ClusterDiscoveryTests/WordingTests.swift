import ClusterDiscovery
import Inventory
import InventoryFile
import Testing

/// What kubectl writes, and what contexts are called.
@Suite struct WordingTests {
    @Test(
        arguments: [
            (
                "Error from server (Forbidden): nodes is forbidden: User \"jane\" cannot list resource \"nodes\"\n",
                .forbidden(reason: "nodes is forbidden: User \"jane\" cannot list resource \"nodes\"")
            ),
            ("Error from server (NotFound): the server could not find the requested resource\n", .notFound),
            ("error: You must be logged in to the server (Unauthorized)\n", .unauthorized),
            ("error: context \"prdo\" does not exist\n", .noContext),
            ("Error in configuration: context was not found for specified context: prdo\n", .noContext),
            (
                "Unable to connect to the server: getting credentials: exec: executable aws failed with exit code 255\n",
                .login("exec: executable aws failed with exit code 255")
            ),
            (
                "Token has expired\nUnable to connect to the server: getting credentials: exec: executable aws failed\n",
                .login("exec: executable aws failed (Token has expired)")
            ),
            (
                "error: exec plugin: invalid apiVersion \"client.authentication.k8s.io/v1\"\n",
                .loginVersion("exec plugin: invalid apiVersion \"client.authentication.k8s.io/v1\"")
            ),
            (
                "Unable to connect to the server: tls: failed to verify certificate: x509: signed by unknown authority\n",
                .certificate("tls: failed to verify certificate: x509: signed by unknown authority")
            ),
            ("Unable to connect to the server: dial tcp 192.0.2.1:6443: i/o timeout\n", .timeout),
            (
                "Unable to connect to the server: dial tcp: lookup api.example: no such host\n",
                .unreachable("dial tcp: lookup api.example: no such host")
            ),
            (
                "error: error loading config file \"/c\": yaml: line 2\n",
                .noConfiguration("error loading config file \"/c\": yaml: line 2")
            ),
            (
                "The request is invalid: Service \"x\" is invalid: y\n",
                .invalid("The request is invalid: Service \"x\" is invalid: y")
            ),
            (
                "Error from server (Expired): The provided continue parameter is too old\n", .expired
            ),
            (
                "error: exec plugin is configured to use API version v1\nUpdate your kubeconfig\n",
                .login("exec plugin is configured to use API version v1; Update your kubeconfig")
            ),
            ("", .other("kubectl failed without a message")),
            ("error: \u{1B}[31mred\n", .other("\\u{1b}[31mred")),
        ] as [(String, KubectlFailure)])
    func `what kubectl writes is understood`(text: String, failure: KubectlFailure) {
        #expect(KubectlFailure(errors: text) == failure)
    }

    @Test(arguments: [
        ("prod", "prod", "as it is"), ("Prod.Example_com", "prod-example-com", "other characters become hyphens"),
        ("arn:aws:eks:eu-west-1:123456789012:cluster/shop", "shop", "EKS: the last part"),
        ("gke_my-project_europe-west1-b_shop_1", "shop-1", "GKE: what follows project and zone"),
        ("kubernetes-admin@kubernetes", "kubernetes", "kubeadm: the cluster, not the user"),
        ("svc", "svc-cluster", "a word of the Kubernetes DNS schema"), ("___", "cluster", "nothing is left"),
        (String(repeating: "a", count: 70), String(repeating: "a", count: 63), "a label has 63 octets"),
        ("ä", "cluster", "letters beyond ASCII"),
    ])
    func `a context's name becomes a label`(context: String, key: String, reason: String) {
        #expect(ClusterKey.label(of: context) == key, "\(reason)")
        #expect(ClusterKey.isValid(key))
    }

    @Test func `a key already in use gets a number`() {
        #expect(ClusterKey.free("a", besides: ["a", "a-2"]) == "a-3")
        let long = String(repeating: "a", count: 63)
        #expect(ClusterKey.free(long, besides: [long]).count == 63)
    }

    @Test func `overlaps are found between places, and between pods and services of one`() throws {
        let text = """
            clusters:
              a: { pods: [10.0.0.0/16], services: [10.1.0.0/16] }
              b: { pods: [10.2.0.0/16], services: [10.3.0.0/16] }
            sites:
              office: { networks: [10.9.0.0/16] }
              lab: { networks: [10.9.1.0/24] }
            """
        var inventory = try #require(InventoryFile.read(Array(text.utf8), name: "x").inventory)
        #expect(PrefixOverlap.find(in: inventory).isEmpty, "sites may overlap each other")
        inventory.sites[0].networks = inventory.clusters[0].pods
        inventory.clusters[1].services = inventory.clusters[1].pods
        let overlaps = PrefixOverlap.find(in: inventory).map(\.description)
        #expect(overlaps.count == 2 && overlaps[0].contains("of a and networks"), "\(overlaps)")
    }
}
