import Foundation
import IPAddressing
import LinuxSystem
import Testing

/// `namebridge follow` with client certificates: a kubelet's own kubeconfig, whose certificate is renewed, and a
/// program that logs in. kubectl uses either for TLS alone, which `socat` takes off in front of the API server.
@Suite(.enabled(if: RunningFollower.canUseTLS)) struct KubeletLoginTests {
    @Test func `a kubelet's certificate is used, and so is the next one that the kubelet gets`() async throws {
        let run = try TLSRun(user: "client-certificate: FOLDER/current.pem, client-key: FOLDER/current.pem")
        try run.use("first")
        try run.listen(for: "first")
        try run.follower.follow()
        try await run.follower.wait("the first facts") { run.follower.facts.contains("n2: { address: 192.168.0.2") }

        // The API server accepts the old certificate no more: the facts stay.
        try run.listen(for: "second")
        try await run.follower.wait("a refusal") { run.follower.report.contains(#""state":"failing""#) }
        #expect(run.follower.facts.contains("n2: { address: 192.168.0.2"))

        try run.use("second")
        try await run.follower.wait("the next certificate") { run.follower.report.contains(#""state":"following""#) }
        try await run.follower.tell("ADDED", FollowRun.node("n3", "192.168.0.3", pods: "10.244.3.0/24"))
        try await run.follower.wait("a new node") { run.follower.facts.contains("n3: { address: 192.168.0.3") }
    }

    @Test func `a program that logs in gives the certificate`() async throws {
        let run = try TLSRun(
            user: "exec: { apiVersion: client.authentication.k8s.io/v1beta1, command: FOLDER/login, interactiveMode: Never }")
        try run.follower.write(
            """
            #!/bin/sh
            echo run >> FOLDER/logins
            text() { awk '{ printf "%s\\\\n", $0 }' "FOLDER/first.$1"; }
            printf '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":'
            printf '{"clientCertificateData":"%s","clientKeyData":"%s"}}' "$(text crt)" "$(text key)"

            """, to: "login", isProgram: true)
        try run.listen(for: "first")
        try run.follower.follow()
        try await run.follower.wait("the first facts") { run.follower.facts.contains("n2: { address: 192.168.0.2") }
        #expect(run.follower.text("logins").hasPrefix("run\n"))
    }

    /// A follower of an API server behind TLS, which accepts certificates of one authority.
    private final class TLSRun {
        let follower: RunningFollower
        private let port: Int
        private var front: Process?

        /// - Parameter user: In a kubeconfig as `kubeadm` writes it for a kubelet.
        init(user: String) throws {
            let follower = try RunningFollower(unstarted: FollowRun.flannel(nodes: 2))
            self.follower = follower
            port = try Self.freePort()
            try follower.write(Self.certificates, to: "certificates", isProgram: true)
            let making = try follower.start("/bin/sh", ["FOLDER/certificates", "FOLDER"])
            making.waitUntilExit()
            try #require(making.terminationStatus == 0)
            try follower.write(
                """
                apiVersion: v1
                kind: Config
                current-context: system:node:n1@kubernetes
                clusters:
                - name: kubernetes
                  cluster: { certificate-authority: FOLDER/server-ca.pem, server: "https://127.0.0.1:\(port)" }
                contexts:
                - name: system:node:n1@kubernetes
                  context: { cluster: kubernetes, user: "system:node:n1" }
                users:
                - name: system:node:n1
                  user: { \(user) }

                """, to: "kubeconfig")
            try follower.write(
                """
                clusters:
                  prod: { follow: { context: "system:node:n1@kubernetes", kubeconfig: FOLDER/kubeconfig } }

                """, to: "namebridge.yaml")
        }

        /// The kubelet gets another certificate: it replaces a link.
        func use(_ name: String) throws {
            let folder = follower.folder.path
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/next.pem", withDestinationPath: "\(folder)/\(name).pem")
            try #require(unsafe rename("\(folder)/next.pem", "\(folder)/current.pem") == 0)
        }

        /// From now on certificates of the authority of `name` are accepted, and no others.
        func listen(for name: String) throws {
            front.map(RunningFollower.end)
            follower.server.cut()
            front = try follower.start(
                "/usr/bin/socat",
                [
                    "OPENSSL-LISTEN:\(port),bind=127.0.0.1,reuseaddr,fork,cert=FOLDER/server.pem"
                        + ",cafile=FOLDER/\(name)-ca.pem,verify=1",
                    "TCP:\(follower.server.endpoint)",
                ])
        }

        private static func freePort() throws -> Int {
            let any = Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)
            return Int(try StreamSocket.listen(on: any, sharesPort: false).localEndpoint().port)
        }

        /// Makes authorities and certificates: `NAME.pem` has both the certificate and its key, as a kubelet's.
        private static let certificates = """
            set -e
            cd "$1"
            key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
            make() {
                openssl req -x509 $key -keyout "$1-ca.key" -out "$1-ca.pem" -subj "/CN=$1-ca" -days 2
                openssl req $key -keyout "$1.key" -out "$1.csr" -subj "$2"
                printf '%s' "$3" > "$1.ext"
                openssl x509 -req -in "$1.csr" -CA "$1-ca.pem" -CAkey "$1-ca.key" -CAcreateserial -days 2 \\
                    -extfile "$1.ext" -out "$1.crt"
                cat "$1.crt" "$1.key" > "$1.pem"
            }
            make server /CN=kube-apiserver subjectAltName=IP:127.0.0.1
            make first /O=system:nodes/CN=system:node:n1 extendedKeyUsage=clientAuth
            make second /O=system:nodes/CN=system:node:n1 extendedKeyUsage=clientAuth

            """
    }
}
