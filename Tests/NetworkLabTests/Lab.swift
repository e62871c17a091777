import Foundation
import LinuxSystem
import Testing

/// A network of network namespaces that is there for one test, and gone after it even where the test fails.
///
/// Hosts have names of their own; the namespaces' names are unique to the process and the test.
final class Lab: @unchecked Sendable {
    // Used by one test's task alone.
    private let prefix: String
    private let folder: URL
    private var hosts: [String] = []
    let sockets: ProbeSockets

    /// The hosts that their addresses do not tell apart, and how the file calls each.
    var references: [String: String] = [:]

    /// True if namespaces can be made; else the reason is printed once.
    static let isPossible: Bool = {
        guard getuid() == 0 else { return skipped("only root can make network namespaces") }
        for program in ["ip", "nft", "iptables", "conntrack"] {
            let found = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].contains {
                FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
            }
            if !found { return skipped("\(program) is not installed") }
        }
        let name = "nb\(getpid())try"
        let made = (try? Shell.run("ip netns add \(name) && ip netns exec \(name) true; ip netns del \(name)"))
        return made?.code == 0 ? true : skipped("network namespaces cannot be made here")
    }()

    /// True if all of the programs are installed; else the reason is printed.
    static func has(_ programs: String...) -> Bool {
        for program in programs where ChildProcess.path(of: program) == nil {
            return skipped("\(program) is not installed")
        }
        return true
    }

    private static func skipped(_ reason: String) -> Bool {
        print("tests of NetworkLabTests are skipped: \(reason)")
        return false
    }

    /// - Parameters:
    ///   - script: Shell commands that build the network, with the functions of `prelude`.
    ///   - answering: The hosts that answer probes.
    ///   - nesting: The hosts that make network namespaces themselves, whose names no other host has to see.
    init(
        _ name: String, hosts: [String], script: String, answering: [String] = [], nesting: [String] = []
    ) throws {
        prefix = "nb\(getpid())\(name)"
        sockets = ProbeSockets()
        folder = FileManager.default.temporaryDirectory.appending(path: prefix)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.hosts = hosts
        // Without duplicate address detection an address is there at once, and nothing changes by itself later.
        try expectGood(
            """
            for h in \(hosts.joined(separator: " ")); do
                ip netns add $P$h; ip -n $P$h link set lo up
                on $h sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
            done
            for h in \(nesting.joined(separator: " ")); do nest $h; done
            \(script)
            # The kernel reports carriers a little later, and the links' states with them.
            for h in \(hosts.joined(separator: " ")); do
                for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                    ip -n $P$h link | grep -q 'NO-CARRIER\\|state DOWN\\|state LOWERLAYERDOWN' || break
                    sleep 0.1
                done
            done
            """)
        for host in answering { try sockets.answer(in: space(of: host)) }
    }

    deinit {
        let names = hosts.map { prefix + $0 }.joined(separator: " ")
        let clean = """
            for n in \(names); do
                for p in $(ip netns pids $n 2>/dev/null); do kill -9 $p; done
                for d in $(ip -n $n -o link 2>/dev/null | sed -n 's/^[0-9]*: \\([^:@]*\\)@.*/\\1/p'); do
                    ip -n $n link del "$d" 2>/dev/null
                done
                ip netns del $n 2>/dev/null
            done; true
            """
        _ = try? Shell.run(clean)
        try? FileManager.default.removeItem(at: folder)
    }

    /// What the scripts of networks are written with.
    private var prelude: String {
        """
        P=\(prefix)
        F=\(folder.path)
        on() {
            h=$1; shift
            if [ -s $F/nest-$h ]; then nsenter -t $(cat $F/nest-$h) -n -m "$@"; else ip netns exec $P$h "$@"; fi
        }
        # nest HOST: names of network namespaces of its own, held by a process that ends with the host
        nest() {
            ip netns exec $P$1 unshare -m --propagation private sh -c \
                "mount -t tmpfs none /run/netns && echo \\$\\$ > $F/nest-$1.new && mv $F/nest-$1.new $F/nest-$1; exec sleep 900" \
                </dev/null >/dev/null 2>&1 &
            for try in $(seq 100); do [ -s $F/nest-$1 ] && break; sleep 0.05; done
            [ -s $F/nest-$1 ]
        }
        # wire HOST DEVICE HOST DEVICE: a cable between two hosts
        wire() {
            ip link add $2 netns $P$1 type veth peer name $4 netns $P$3
            ip -n $P$1 link set $2 up; ip -n $P$3 link set $4 up
        }
        # address HOST DEVICE ADDRESS/LENGTH...
        address() { h=$1 d=$2; shift 2; for a; do ip -n $P$h addr add $a dev $d nodad 2>/dev/null ||
            ip -n $P$h addr add $a dev $d; done; }
        # pod HOST POD GATEWAY ADDRESS [GATEWAY ADDRESS]: a pod with addresses of its own behind a device of its host
        pod() {
            h=$1 p=$2; shift 2
            wire $p eth0 $h cali$p
            while [ $# -gt 0 ]; do
                case $1 in *:*) f=-6 l=128 ;; *) f=-4 l=32 ;; esac
                ip -n $P$p addr add $2/$l dev eth0; ip -n $P$h addr add $1/$l dev cali$p
                ip -n $P$p $f route add $1 dev eth0; ip -n $P$p $f route add default via $1
                ip -n $P$h $f route add $2 dev cali$p
                shift 2
            done
            forward $h cali$p
        }
        # service HOST ADDRESS POD: translates as kube-proxy does
        service() {
            case $2 in *:*) t="ip6tables -t nat" b="[$3]" ;; *) t="iptables -t nat" b=$3 ;; esac
            for q in tcp udp; do
                on $1 $t -A PREROUTING -d $2 -p $q --dport 80 -j DNAT --to-destination $b:9400
            done
        }
        # forward HOST DEVICE...
        forward() {
            h=$1; shift
            for d; do on $h sysctl -qw net.ipv4.conf.$d.forwarding=1 net.ipv6.conf.$d.force_forwarding=1; done
        }
        # tunnel HOST ADDRESS NODE-ADDRESS NUMBER: what stands for the device of Calico's IPIP mode, which not every kernel has
        tunnel() {
            ip -n $P$1 link add tunl0 address 02:00:00:00:00:$4 type vxlan id 4096 dstport 8472 local $3 nolearning
            ip -n $P$1 link set tunl0 up; ip -n $P$1 addr add $2/32 dev tunl0; forward $1 tunl0
        }
        # peer HOST PREFIX ADDRESS NODE-ADDRESS NUMBER: the way through it to the pods of another node
        peer() {
            ip -n $P$1 neigh replace $3 lladdr 02:00:00:00:00:$5 dev tunl0 nud permanent
            ip netns exec $P$1 bridge fdb append 02:00:00:00:00:$5 dev tunl0 dst $4
            ip -n $P$1 route add $2 via $3 dev tunl0 onlink proto bird
        }

        """
    }

    /// Runs a script of the network's language; its output.
    @discardableResult
    func script(_ text: String) throws -> String { try expectGood(text) }

    /// Runs a command on a host.
    func on(_ host: String, _ command: String) throws -> Shell.Result {
        try Shell.run("\(entering(host)) \(command)")
    }

    /// What stands before a command that runs on a host.
    func entering(_ host: String) -> String {
        let file = folder.appending(path: "nest-\(host)")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return "ip netns exec \(prefix)\(host)" }
        return "nsenter -t \(text.trimmingCharacters(in: .newlines)) -n -m"
    }

    /// Runs `namebridge net ARGUMENTS` on a host, with that host's own state.
    func net(_ host: String, _ arguments: String) throws -> Shell.Result {
        try on(host, "env \(environment(of: host)) \(Shell.program) net \(naming(host, arguments))")
    }

    /// The arguments with the option that says which host of the file this is, if that is needed.
    private func naming(_ host: String, _ arguments: String) -> String {
        guard let name = references[host], arguments.contains("--config") else { return arguments }
        return "\(arguments) --host \(name)"
    }

    /// Runs `namebridge net ARGUMENTS` on each of several hosts, two at a time; the results in the hosts' order.
    func net(each hosts: [String], _ arguments: String) throws -> [Shell.Result] {
        var results: [Shell.Result] = []
        for start in stride(from: 0, to: hosts.count, by: 2) {
            let pair = hosts[start..<min(start + 2, hosts.count)]
            let text = try script(
                pair.map { host in
                    """
                    ( c=0; on \(host) env NAMEBRIDGE_NET_STATE=\(state(of: host)) \(Shell.program) net \(naming(host, arguments)) \\
                        >\(folder.path)/\(host).out 2>&1 || c=$?; echo "exit $c" >>\(folder.path)/\(host).out ) &
                    """
                }.joined(separator: "\n") + "\nwait\n"
                    + pair.map { "cat \(folder.path)/\($0).out" }.joined(separator: "\necho =====\n"))
            for part in text.components(separatedBy: "=====\n") {
                let end = part.range(of: "exit ", options: .backwards)
                let code = end.flatMap { Int32(part[$0.upperBound...].trimmingCharacters(in: .newlines)) } ?? -1
                results.append(Shell.Result(code: code, output: String(part[..<(end?.lowerBound ?? part.endIndex)])))
            }
        }
        return results
    }

    /// Asks again and again until `isSo`, as long as it may take on a busy machine; false if it never is. Meanwhile
    /// other tests run.
    func wait(seconds: Int = 60, until isSo: () throws -> Bool) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if try isSo() { return true }
            try await Task.sleep(for: .milliseconds(200))
        }
        return try isSo()
    }

    /// The variables of a host's own state, and of the facts of followed clusters, which all hosts share.
    func environment(of host: String) -> String {
        "NAMEBRIDGE_NET_STATE=\(state(of: host)) NAMEBRIDGE_FACTS=\(folder.path)/clusters"
    }

    /// The namespace that a host is.
    func name(of host: String) -> String { prefix + host }

    /// The file of the namespace that a host is.
    func space(of host: String) -> String { "/run/netns/\(prefix)\(host)" }

    /// The folder of a host's own state.
    func state(of host: String) -> String { folder.appending(path: "state-\(host)").path }

    /// A file that is gone with the network.
    func path(_ name: String) -> String { folder.appending(path: name).path }

    /// Writes a file that is gone with the network; its path.
    func file(_ name: String, _ text: String) throws -> String {
        let url = folder.appending(path: name)
        try Data(text.utf8).write(to: url)
        return url.path
    }

    /// Everything that a host must have again after a removal: rules, routes, links, neighbours, settings, byte by byte,
    /// but for what the kernel counts and ages by itself.
    func snapshot(_ host: String) throws -> String {
        try expectGood(
            """
            for c in "nft -j list ruleset" "ip -d route show table all" "ip -6 -d route show table all" \\
                "ip -d rule" "ip -6 -d rule" "ip nexthop" "ip -d link" "ip -o addr" "ip neigh show nud permanent" \\
                "iptables-save" "ip6tables-save"; do
                echo "## $c"
                on \(host) $c 2>/dev/null | grep -v '^#' |
                    sed 's/"packets": [0-9]*, "bytes": [0-9]*//g; s/\\[[0-9]*:[0-9]*\\]//g; s/_timer *[0-9.]*//g'
            done
            [ ! -s $F/nest-\(host) ] || on \(host) ip netns list
            # Bridges learn the others by themselves.
            on \(host) bridge fdb | grep 'permanent\\|static'
            on \(host) sysctl -a -r 'net.ipv[46].(conf|ip_forward|fib_)' 2>/dev/null | grep -v stable_secret
            """)
    }

    @discardableResult
    private func expectGood(_ text: String) throws -> String {
        let result = try Shell.run(prelude + "set -e\n" + text)
        guard result.code == 0 else { throw LabFailure(text: "\(text)\n\(result.output)") }
        return result.output
    }
}

/// A network that could not be built, in the words of the programs.
struct LabFailure: Error, CustomStringConvertible {
    let text: String

    var description: String { text }
}

/// Runs commands.
enum Shell {
    struct Result {
        let code: Int32
        let output: String
    }

    /// The program under test: it is built into the folder of the tests.
    static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "namebridge").path

    /// Runs a script to its end, which is at most a minute away; what it prints on both outputs. What it leaves running
    /// does not delay it.
    static func run(_ script: String) throws -> Result {
        // A server that is left running would hold the locks of other tests.
        let result = try ChildProcess.run(
            "/bin/sh", ["-c", "exec 2>&1\n" + script], timeout: 60_000, inherits: false)
        guard case .exit(let status) = result.ending else { return Result(code: -1, output: "\(result.ending)") }
        return Result(code: status, output: String(decoding: result.output, as: UTF8.self))
    }
}
