"""Does what the three tutorials and the README say, as a new user would: try-roles.py PROGRAM [ROOT]. Needs root, kubectl, nftables, dig and curl.

With ROOT, a Debian root in which the package is installed, each host is a copy of that: commands see its files and programs alone.

An office, its router and the nodes of two clusters with the same addresses, as kubeadm makes them, are network namespaces of
their own. The clusters' DNS is a demo's, their API servers are stand-ins behind the real kubectl, and what kube-proxy does is a
rule of nftables. Each command that is typed must stand in the tutorial, or in what an earlier command has printed. Printed are
the commands, their times, and after how many of them and how long the first answer and the first packet were there.
"""

import http.server
import atexit
import ctypes
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Bench"))
import apiserver  # noqa: E402

#: As in the tutorials. Each node answers for one cluster, at equal addresses inside.
ROUTER = ["172.16.0.1/18", "172.18.14.1/24"]
HOSTS = {"pc": "172.16.0.100/18", "forwarder": "172.16.0.5/18", "master1": "172.18.14.11/24", "master2": "172.18.14.21/24",
         "laptop": "172.18.14.100/24"}
SERVICE = "10.96.12.7"  # web.shop of the demo
NAME = "web.shop.svc.prod.cluster.local"
KUBECONFIG = {"apiVersion": "v1", "kind": "Config", "current-context": "prod", "users": [{"name": "me", "user": {}}], "clusters": [], "contexts": []}
failures = 0


def sh(line, **more):
    return subprocess.run(["sh", "-ec", line], check=True, capture_output=True, text=True, **more).stdout


class Host:
    """A host: a network namespace, and mounts that hide what this machine has of Namebridge, or all that it has."""

    #: Where a copy of a root finds the parts of a host.
    PLACES = {"bin": "/usr/local/bin", "etc": "/etc/namebridge", "run": "/run", "lib": "/var/lib/namebridge", "home": "/root"}

    def __init__(self, name, folder, program, root):
        self.name, self.folder, self.program, self.root = name, folder / name, program, None
        for part in self.PLACES:
            (self.folder / part).mkdir(parents=True)
        if not root:
            (self.folder / "bin/namebridge").symlink_to(program)
        # A user is root here, and the unit is what it starts.
        self.script("sudo", 'exec env "$@"')
        self.script("systemctl", 'case "$*" in *enable*--now*namebridge*) setsid namebridge serve >"$HOME/log" 2>&1 & sleep 0.5 ;; esac')
        manifest = "/usr/share/namebridge/dns-outside.yaml" if root else f"{Path.cwd()}/config/kubernetes/dns-outside.yaml"
        self.script("kubectl", f'''context=; for word; do [ "$last" = --context ] && context=$word; last=$word; done
case " $* " in *" apply -f "*dns-outside.yaml*) exec curl -sS -X POST --data @- "$(cat "$HOME/$context")/outside" <"{manifest}" ;;
*) exec /usr/bin/kubectl "$@" ;; esac''')
        if root:
            self.root = self.folder / "root"
            over = self.folder / "over"
            steps = [f"mkdir {over} {self.root}", f"mount -t tmpfs tmpfs {over}", f"mkdir {over}/upper {over}/work",
                     f"mount -t overlay overlay -o lowerdir={root},upperdir={over}/upper,workdir={over}/work {self.root}",
                     *(f"mount --rbind /{part} {self.root}/{part}" for part in ["proc", "sys", "dev"]),
                     *(f"mkdir -p {self.root}{place} && mount --bind {self.folder}/{part} {self.root}{place}" for part, place in self.PLACES.items())]
            mounts = " && ".join(steps)
        else:
            mounts = " && ".join(f"mkdir -p {place} && mount --bind {self.folder}/{part} {place}" for part, place in
                                 [("etc", "/etc/namebridge"), ("run", "/run"), ("lib", "/var/lib")])
        self.holder = subprocess.Popen(["unshare", "--mount", "--net", "sh", "-ec", f"{mounts}; ip link set lo up; echo ready; exec sleep infinity"],
                                       stdout=subprocess.PIPE, text=True)
        atexit.register(self.holder.kill)
        if self.holder.stdout.readline() != "ready\n":
            sys.exit(f"{name}: no namespace")

    def script(self, name, text):
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)

    def words(self, line):
        if self.root:
            return ["nsenter", "-t", str(self.holder.pid), "-m", "-n", "chroot", str(self.root), "env", "-i", "HOME=/root", "TERM=dumb",
                    "KUBECONFIG=/root/kubeconfig", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", f"cd && {line}"]
        return ["nsenter", "-t", str(self.holder.pid), "-m", "-n", f"--wdns={self.folder}/home", "env", f"HOME={self.folder}/home",
                f"KUBECONFIG={self.folder}/home/kubeconfig", f"PATH={self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", line]

    def run(self, line, **more):
        return subprocess.run(self.words(line), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, **more)

    def stage(self, line):
        """The command for a line of the stand-ins, which have this machine's programs."""
        return ["nsenter", "-t", str(self.holder.pid), "-n", "sh", "-c", line]

    def must(self, line):
        """Runs a line of the stand-ins."""
        run = subprocess.run(self.stage(line), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
        if run.returncode:
            sys.exit(f"{self.name}: {line}: {run.stdout}{run.stderr}")
        return run.stdout

    def start(self, words):
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


class API(apiserver.Handler):
    """An API server that also takes the service that dns-outside.yaml makes."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.cluster.put("/api/v1/namespaces/kube-system/services", {
            "metadata": apiserver.meta("dns-outside", "kube-system", labels={"k8s-app": "kube-dns"}),
            "spec": {"type": "NodePort", "clusterIP": "10.96.9.9", "clusterIPs": ["10.96.9.9"],
                     "ports": [{"port": 53, "protocol": protocol, "nodePort": 30053} for protocol in ("UDP", "TCP")]}})
        self.server.opened()
        self.answer(200, {"service/dns-outside": "created"})


class Lab:
    """The office, its router and the clusters."""

    def __init__(self, program, folder, root):
        self.hosts = {name: Host(name, folder, program, root) for name in ["router", *HOSTS]}
        router = self.hosts["router"]
        router.must("ip link add office type bridge && ip link add nodes type bridge && ip link set office up && ip link set nodes up && "
                    f"ip addr add {ROUTER[0]} dev office && ip addr add {ROUTER[1]} dev nodes && sysctl -qw net.ipv4.ip_forward=1")
        for name, address in HOSTS.items():
            host, side = self.hosts[name], "office" if address.startswith("172.16.") else "nodes"
            sh(f"ip link add {name} netns {router.holder.pid} type veth peer name eth0 netns {host.holder.pid}")
            router.must(f"ip link set {name} master {side} up")
            host.must(f"ip addr add {address} dev eth0 && ip link set eth0 up && ip route add default via {ROUTER[side == 'nodes'].split('/')[0]}")
        self.running, self.servers = [], []
        for context, name in [("prod", "master1"), ("staging", "master2")]:
            self.cluster(context, self.hosts[name], 5301 if context == "prod" else 5302)
        for name in ["laptop", "forwarder"]:
            home = self.hosts[name].folder / "home"
            (home / "kubeconfig").write_text(json.dumps(KUBECONFIG), encoding="utf-8")
            for entry in KUBECONFIG["clusters"]:
                (home / entry["name"]).write_text(entry["cluster"]["server"], encoding="utf-8")

    def cluster(self, context, node, port):
        """A cluster of one node: its DNS, a service, the rules of kube-proxy and an API server."""
        address = HOSTS[node.name].split("/")[0]
        self.running.append(node.start(node.stage(f"exec {node.program} serve --demo --control {node.folder}/demo.sock")))
        rule = f"ip daddr 10.96.0.10 meta l4proto {{ tcp, udp }} th dport 53 dnat to 127.0.0.1:{port}"
        hooks = [("pre", "prerouting"), ("out", "output")]
        chains = "\n".join(f"chain {name} {{ type nat hook {hook} priority -100; {rule}\n}}" for name, hook in hooks)
        node.must(f"ip addr add {SERVICE}/32 dev lo && sysctl -qw net.ipv4.conf.all.route_localnet=1 net.ipv4.ip_forward=1")
        node.must(f"nft -f - <<'END'\ntable ip kube-proxy {{\n{chains}\n}}\nEND")
        (node.folder / "home" / f"page-of-{context}").touch()
        self.running.append(node.start(node.stage(f"cd {node.folder}/home && exec python3 -m http.server --bind {SERVICE} 80")))
        state = apiserver.Cluster()
        state.put("/api/v1/nodes", {"metadata": apiserver.meta(node.name), "spec": {"podCIDRs": ["10.244.1.0/24"]}, "status": {
            "addresses": [{"type": "InternalIP", "address": address}], "nodeInfo": {"kubeletVersion": "v1.29.3"}}})

        def opened():
            node.must("nft add rule ip kube-proxy pre ip daddr " + address + " meta l4proto '{ tcp, udp }' th dport 30053 dnat to 127.0.0.1:" + str(port))
        # The socket of a thread in the node's namespace serves from there.
        ready = threading.Event()

        def serve():
            with open(f"/proc/{node.holder.pid}/ns/net", encoding="utf-8") as space:
                # setns(2) with CLONE_NEWNET; os.setns is of Python 3.12.
                if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), 0x40000000):
                    raise OSError(ctypes.get_errno(), "setns")
            server = apiserver.Server((address, 6443), API)
            server.cluster, server.opened = state, opened
            self.servers.append(server)
            ready.set()
            server.serve_forever()
        threading.Thread(target=serve, daemon=True).start()
        ready.wait(5)
        KUBECONFIG["clusters"].append({"name": context, "cluster": {"server": f"http://{address}:6443"}})
        KUBECONFIG["contexts"].append({"name": context, "context": {"cluster": context, "user": "me"}})

    def close(self):
        for server in self.servers:
            server.shutdown()
        for host in self.hosts.values():
            # Everything in its network namespace was started from here.
            inode = os.stat(f"/proc/{host.holder.pid}/ns/net").st_ino
            for entry in Path("/proc").glob("[0-9]*"):
                try:
                    if os.stat(entry / "ns/net").st_ino == inode and int(entry.name) != os.getpid():
                        os.kill(int(entry.name), 9)
                except OSError:
                    pass
            host.holder.wait()


class Role:
    """A person who follows a tutorial."""

    def __init__(self, title, guide):
        self.title, self.count, self.begin = title, 0, time.monotonic()
        self.known = Path(guide).read_text(encoding="utf-8")
        print(f"\n{title}, by {guide}", flush=True)

    def types(self, host, line, expected=0, shows=None, background=False):
        """Types a command; what it prints is known from then on."""
        global failures
        self.count += 1
        begin = time.monotonic()
        known = re.sub(r"\s+", " ", self.known)
        if background:
            host.start(host.words(line))
            time.sleep(1)
            code, output = 0, ""
        else:
            run = host.run(line)
            code, output = run.returncode, run.stdout + run.stderr
        self.known += "\n" + output
        told = line in known
        fine = code == expected and (shows is None or shows in output) and told
        failures += not fine
        print(f"{'ok   ' if fine else 'FAIL '} {self.count:2} {host.name}$ {line}  [{time.monotonic() - begin:.1f} s]", flush=True)
        if not told:
            print("      is not in the tutorial, and was not printed before")
        for text in output.splitlines()[: 60 if not fine else 3]:
            print(f"      {text[:150]}")
        return output

    def writes(self, host, path, text):
        (host.folder / path).write_text(text, encoding="utf-8")
        print(f"      {host.name}: wrote {path}")

    def reaches(self, what, host, line, shows):
        global failures
        fine = False
        for _ in range(20):
            run = host.run(line)
            if fine := shows in run.stdout:
                break
            time.sleep(0.2)
        failures += not fine
        print(f"{'ok   ' if fine else 'FAIL '} {what} after {self.count} commands, {time.monotonic() - self.begin:.1f} s{'' if fine else ': ' + run.stdout + run.stderr}", flush=True)


def block(guide, begin):
    """The block of a configuration in a guide that holds these words."""
    blocks = re.findall(r"```yaml[^\n]*\n(.*?)```", Path(guide).read_text(encoding="utf-8"), re.S)
    return next(text for text in blocks if begin in text)


def developer(lab):
    guide = "docs/tutorial-developer.md"
    role, pc = Role("A developer with a laptop", guide), lab.hosts["laptop"]
    role.types(pc, "namebridge init --context prod --listen 127.0.0.1:5300 --config namebridge.yaml", shows="does not answer here")
    role.types(pc, "kubectl --context prod apply -f /usr/share/namebridge/dns-outside.yaml")
    role.types(pc, "namebridge init --context prod --listen 127.0.0.1:5300 --config namebridge.yaml --force", shows="172.18.14.11:30053 does and is taken")
    role.types(pc, f"namebridge query --config namebridge.yaml {NAME}", shows=SERVICE)
    role.reaches("the first answer", pc, f"namebridge query --config namebridge.yaml {NAME} +short", SERVICE)
    role.types(pc, "namebridge serve --config namebridge.yaml", background=True)
    role.types(pc, f"dig @127.0.0.1 -p 5300 {NAME}", shows=SERVICE)
    for prefix in ["10.244.0.0/16", "10.96.0.0/12"]:
        role.types(pc, f"sudo ip route add {prefix} via 172.18.14.11")
    role.reaches("the first packet", pc, f"curl -sS --max-time 2 http://{SERVICE}/ 2>&1", "Directory listing")
    role.writes(pc, "home/namebridge.yaml", block(guide, "relays: master1"))
    role.types(pc, "namebridge explain office prod/services --config namebridge.yaml")


def platform(lab):
    guide = "docs/tutorial-platform-engineer.md"
    role, host, node = Role("A platform engineer", guide), lab.hosts["forwarder"], lab.hosts["master1"]
    name = "kubernetes.default.svc.prod.cluster.local"
    role.types(host, "namebridge init --context prod --context staging --config namebridge.yaml", shows="does not answer here")
    role.types(host, f"namebridge query --config namebridge.yaml {name}", expected=1)
    for context in ["prod", "staging"]:
        role.types(host, f"kubectl --context {context} apply -f /usr/share/namebridge/dns-outside.yaml")
    role.types(host, "namebridge init --context prod --context staging --config namebridge.yaml --force")
    role.types(host, f"namebridge query --config namebridge.yaml {name}", shows=" inside prod")
    role.reaches("the first answer", host, f"namebridge query --config namebridge.yaml {name}", " inside prod")
    role.types(host, "sudo namebridge serve --config namebridge.yaml", background=True)
    role.types(host, f"dig @127.0.0.1 {name}", shows="ANSWER: 1")
    text = (host.folder / "home/namebridge.yaml").read_text(encoding="utf-8")
    role.writes(node, "etc/namebridge.yaml", text + block(guide, "relays: relay1").replace("relay1", "master1"))
    role.types(node, "sudo namebridge net apply --confirm 60s", shows="applied")
    role.types(node, "sudo namebridge net confirm", shows="confirmed")
    role.types(node, "namebridge net render --host office --format linux")
    routes(role, lab, node)
    address = host.run(f"namebridge query --config namebridge.yaml {NAME} +short").stdout.strip()
    role.reaches("the first packet", lab.hosts["pc"], f"curl -sS --max-time 2 http://{address}/ 2>&1", "Directory listing")
    node.run("namebridge net remove")


def readme(lab):
    guide = "README.md"
    role, host, pc = Role("Two kubeconfigs, the same addresses", guide), lab.hosts["forwarder"], lab.hosts["pc"]
    for context in ["prod", "staging"]:
        parts = {key: [entry for entry in KUBECONFIG[key] if entry["name"] == context] for key in ["clusters", "contexts"]}
        (host.folder / f"home/{context}.kubeconfig").write_text(json.dumps({**KUBECONFIG, **parts}), encoding="utf-8")
    role.types(host, "sudo KUBECONFIG=$HOME/prod.kubeconfig:$HOME/staging.kubeconfig namebridge init --context prod --context staging")
    paths = block(guide, "relays: relay2").replace("relay1", "master1").replace("relay2", "master2")
    text = (host.folder / "etc/namebridge.yaml").read_text(encoding="utf-8") + paths
    relays = [lab.hosts[name] for name in ["master1", "master2"]]
    for place in [host, *relays]:
        role.writes(place, "etc/namebridge.yaml", text)
    role.types(host, "namebridge check", shows="fine")
    for relay in relays:
        role.types(relay, "sudo namebridge net apply --confirm 60s", shows="applied")
        role.types(relay, "sudo namebridge net confirm", shows="confirmed")
    role.types(host, "namebridge net render --host office --format linux")
    routes(role, lab, host)
    role.types(host, "sudo systemctl enable --now namebridge")
    # The office's DNS.
    (pc.folder / "home/resolv.conf").write_text("nameserver 172.16.0.5\n", encoding="utf-8")
    for context in ["prod", "staging"]:
        line = f"curl http://web.shop.svc.{context}.cluster.local/"
        assert line in role.known, line
        asked = f"mount --bind resolv.conf /etc/resolv.conf && exec {line.replace('curl', 'curl -sS --max-time 2')}"
        role.reaches(f"a page of {context}", pc, f"unshare -m sh -c '{asked}' 2>&1", f"page-of-{context}")
    for relay in relays:
        relay.run("namebridge net remove")


def routes(role, lab, host):
    """The owner of the router enters what was printed."""
    text = host.run("namebridge net render --host office --format linux").stdout
    router = lab.hosts["router"]
    (router.folder / "home/routes").write_text(text, encoding="utf-8")
    router.must(f"sh -e {router.folder}/home/routes")
    print("      the router: entered")


def administrator(lab):
    guide = "docs/tutorial-network-administrator.md"
    role, host, node, pc = Role("A network administrator", guide), lab.hosts["forwarder"], lab.hosts["master1"], lab.hosts["pc"]
    role.types(host, "sudo namebridge init --context prod", shows="does not answer here")
    role.types(host, "kubectl --context prod apply -f /usr/share/namebridge/dns-outside.yaml")
    role.types(host, "sudo namebridge init --context prod --force", shows="172.18.14.11:30053 does and is taken")
    role.types(host, "sudo systemctl enable --now namebridge")
    role.types(host, "dig @172.16.0.5 kubernetes.default.svc.prod.cluster.local", shows="ANSWER: 1")
    role.reaches("the first answer", pc, f"dig +short @172.16.0.5 {NAME}", SERVICE)
    role.types(host, "namebridge net render --format dnsmasq --server 172.16.0.5", shows="server=/")
    text = block(guide, "relays: master1")
    for place in [host, node]:
        role.writes(place, "etc/namebridge.yaml", text)
    role.types(host, "namebridge check", shows="fine")
    role.types(host, "namebridge net plan --all")
    role.types(node, "sudo namebridge net apply --confirm 60s", shows="applied")
    role.types(node, "sudo namebridge net confirm", shows="confirmed")
    role.types(host, "namebridge net render --host office --format cisco-ios", shows="ip route 10.96.0.0")
    routes(role, lab, host)
    role.types(host, "namebridge explain office prod/services")
    role.reaches("the first packet", pc, f"curl -sS --max-time 2 http://{SERVICE}/ 2>&1", "Directory listing")
    node.run("namebridge net remove")


def main():
    program, root = os.path.realpath(sys.argv[1]), os.path.realpath(sys.argv[2]) if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory(prefix="namebridge-roles-") as folder:
        for role in (developer, platform, administrator, readme):
            place = Path(folder) / role.__name__
            place.mkdir()
            KUBECONFIG["clusters"], KUBECONFIG["contexts"] = [], []
            lab = Lab(program, place, root)
            try:
                time.sleep(1)
                role(lab)
            finally:
                lab.close()
    print(f"\n{failures} of these failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
