#!/usr/bin/env python3
"""Measures how fast a host follows a cluster that changes: `make bench-follow` (root, kubectl, network namespaces).

A stand-in API server behind the real kubectl has a cluster with Calico. `namebridge follow` watches it, and a host of another
cluster in a namespace of its own has a VXLAN mesh to all of its nodes, which `net agent` keeps. Every minute a tenth of the
nodes gets another block of addresses. Measured are the times from the event to the file of facts and to the kernel's route,
packets lost on the way to a node that does not change, how long `namebridge serve` lets a client wait that asks for a cached name
all the time, and the processor time and memory of each process.
"""

import argparse
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import apiserver
import endpoints

ROOT = Path(__file__).resolve().parents[3]
TICKS = os.sysconf("SC_CLK_TCK")


def run(*words, check=True):
    return subprocess.run(words, check=check, capture_output=True, text=True).stdout


class Lab:
    """Two namespaces with a link: `a` is the host that follows, `b` the node that does not change."""

    def __init__(self):
        self.names = {side: f"nbf{os.getpid()}{side}" for side in "ab"}

    def __enter__(self):
        a, b = self.names["a"], self.names["b"]
        for name in (a, b):
            run("ip", "netns", "add", name)
        run("ip", "link", "add", "eth0", "netns", a, "type", "veth", "peer", "name", "eth0", "netns", b)
        for name, address in ((a, "10.10.255.1/16"), (b, "10.10.0.1/16")):
            for words in (("link", "set", "lo", "up"), ("link", "set", "eth0", "up"),
                          ("addr", "add", address, "dev", "eth0")):
                run("ip", "-n", name, *words)
        run("ip", "-n", a, "addr", "add", "10.250.1.1/32", "dev", "lo")
        run("ip", "-n", b, "addr", "add", "10.244.0.1/32", "dev", "lo")
        return self

    def __exit__(self, *error):
        for name in self.names.values():
            run("ip", "netns", "del", name, check=False)

    def start(self, side, words, log, environment):
        return subprocess.Popen(["ip", "netns", "exec", self.names[side], *words], stderr=log, stdout=log,
                                env={**os.environ, **environment})


def usage(pid):
    """Seconds of processor time, those of programs that it ran and that have ended, and MiB of resident memory, of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    own, others = (sum(int(one) for one in fields[first:first + 2]) / TICKS for first in (11, 13))
    return own, others, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def tree(pid):
    """The process and its descendants."""
    found = [pid]
    for one in found:
        try:
            found += [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
        except OSError:
            pass
    return found


def watch_routes(namespace, seen):
    """Notes each new route of the namespace with its time."""
    monitor = subprocess.Popen(["ip", "-n", namespace, "monitor", "route"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)

    def read():
        for line in monitor.stdout:
            found = re.match(r"(10\.244\.\d+\.\d+/26) via (\S+)", line)
            if found:
                seen.append((time.monotonic(), found[1], found[2]))

    threading.Thread(target=read, daemon=True).start()
    return monitor


def ask(port, waits, stopping):
    """Asks for one name, a hundred times a second, and notes how long each answer takes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.1", port))
        one.settimeout(2)
        while not stopping.is_set():
            start = time.monotonic()
            one.send(struct.pack(">HHHHHH", len(waits) & 0xFFFF, 0x0100, 1, 0, 0, 0) + endpoints.wire(endpoints.NAME) + b"\0\1\0\1")
            try:
                one.recv(4096)
                waits.append(time.monotonic() - start)
            except OSError:
                waits.append(float("inf"))
            time.sleep(0.01)


def cidr(block):
    return f"10.244.{block // 4}.{block % 4 * 64}/26"


def quantiles(times):
    if not times:
        return "none"
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
    return f"p50 {at(0.5):.2f} s, p99 {at(0.99):.2f} s, longest {times[-1]:.2f} s, of {len(times)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / ".build/release/namebridge", type=Path)
    parser.add_argument("--nodes", default=1000, type=int)
    parser.add_argument("--seconds", default=600, type=int)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    program = str(options.program.resolve())
    cluster = apiserver.Cluster()
    for number in range(options.nodes):
        cluster.node(number)
        cluster.block(number, number)
    server = apiserver.serve(cluster)
    folder = Path(tempfile.mkdtemp(prefix="namebridge-follow-"))
    (folder / "kubeconfig").write_text(apiserver.kubeconfig({"prod": server.server_port}))
    dns, port = endpoints.ClusterDNS(), endpoints.free_port(socket.SOCK_DGRAM)
    (folder / "namebridge.yaml").write_text(f"""
dns: {{ listen: ["127.0.0.1:{port}"], workers: 1 }}
clusters:
  c1:
    pods: [10.250.0.0/16]
    nodes: {{ a: {{ address: 10.10.255.1, pods: [10.250.1.0/24] }} }}
  prod:
    follow: {{ context: prod, kubeconfig: {folder}/kubeconfig }}
    services: [10.96.0.0/16]
    dns: ["127.0.0.1:{dns.port}"]
paths:
  - {{ between: [c1, prod], via: vxlan, vxlan: {{ id: 10001, port: 4899, network: 10.255.0.0/16 }} }}
""")
    environment = {"NAMEBRIDGE_FACTS": f"{folder}/clusters", "HOME": str(folder)}
    file = ["--config", f"{folder}/namebridge.yaml"]
    log = open(folder / "log", "w")
    processes, stopping = [], threading.Event()
    with Lab() as lab:
        try:
            follow = subprocess.Popen([program, "follow", *file], stderr=log, env={**os.environ, **environment})
            processes.append(follow)
            facts = folder / "clusters/prod.yaml"
            start = time.monotonic()
            while not facts.exists():
                time.sleep(0.05)
            print(f"first facts of {options.nodes} nodes after {time.monotonic() - start:.1f} s", flush=True)
            serve = subprocess.Popen([program, "serve", *file, "--control", f"{folder}/control.sock"], stderr=log, stdout=log,
                                     env={**os.environ, **environment})
            processes.append(serve)
            for side, words in (("b", ["net", "apply", "--host", "prod/node0000"]), ("a", ["net", "agent", "--host", "c1/a"])):
                state = {"NAMEBRIDGE_NET_STATE": f"{folder}/state-{side}", **environment}
                process = lab.start(side, [program, *words, *file], log, state)
                if side == "b":
                    assert process.wait() == 0, (folder / "log").read_text()[-3000:]
                else:
                    processes.append(process)
                    agent = process
            start = time.monotonic()
            while run("ip", "-n", lab.names["a"], "route").count("10.244.") < options.nodes:
                assert time.monotonic() - start < 120, (folder / "log").read_text()[-3000:]
                time.sleep(0.5)
            print(f"all routes after {time.monotonic() - start:.1f} s", flush=True)
            seen = []
            processes.append(watch_routes(lab.names["a"], seen))
            ping = subprocess.Popen(
                ["ip", "netns", "exec", lab.names["a"], "ping", "-q", "-i", "0.01", "-w", str(options.seconds),
                 "-I", "10.250.1.1", "10.244.0.1"], stdout=subprocess.PIPE, text=True)
            waits = []
            asker = threading.Thread(target=ask, args=(port, waits, stopping))
            asker.start()
            before = {pid: usage(pid) for one in (follow, agent, serve) for pid in tree(one.pid)}
            start, sent = time.monotonic(), []
            blocks = {number: number for number in range(options.nodes)}
            number, free = 1, options.nodes
            while time.monotonic() - start < options.seconds - 3:
                # The node gets the free block, and gives its own back for the next one.
                sent.append((time.monotonic(), cidr(free), f"10.255.{number // 250}.{number % 250 + 1}"))
                cluster.block(number, free)
                cluster.unblock(number, blocks[number])
                blocks[number], free = free, blocks[number]
                number = number % (options.nodes - 1) + 1
                time.sleep(600 / options.nodes)  # a tenth of the nodes in a minute
            text = ping.communicate()[0]
            print("to a node that does not change:", re.search(r".*packet loss.*", text)[0], flush=True)
            times = [next((at - when for at, *route in seen if at > when and route == [prefix, gateway]), None)
                     for when, prefix, gateway in sent]
            if options.verbose:
                print([round(one, 2) if one is not None else None for one in times], *seen, sep="\n")
            print("from the event to the route:", quantiles([one for one in times if one is not None]),
                  f"({times.count(None)} without a route)", flush=True)
            elapsed = time.monotonic() - start
            stopping.set()
            asker.join()
            print(f"answers from the cache: longest {max(waits) * 1000:.0f} ms, of {len(waits)}", flush=True)
            for name, one in (("follow", follow), ("net agent", agent), ("serve", serve)):
                for pid in tree(one.pid):
                    if pid in before:
                        own, others, memory = usage(pid)
                        command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0].rsplit("/", 1)[-1]
                        share, more = ((now - then) / elapsed for now, then in zip((own, others), before[pid]))
                        print(f"{name}: {command}: {share:.1%} of a core (+ {more:.1%} in programs that it ran), "
                              f"{memory:.0f} MiB", flush=True)
        finally:
            stopping.set()
            for process in processes:
                process.terminate()
                process.wait()
    if options.verbose:
        print((folder / "log").read_text())
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
