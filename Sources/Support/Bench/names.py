#!/usr/bin/env python3
"""Measures finding names: `make bench-names` (knot, dnsperf; no privileges).

who-has  the wall time of `namebridge who-has`, its start included, over ten clusters of 5,000 services, each a real name server.
browse   `namebridge browse --walk` of a /16 at its default pace, and what clients notice: dnsperf asks all the time, at first
         alone, then beside the walk. Some of its names are in the cache, some have to be asked for. The questions of the walk
         must not be among those of clients, and must push none of their answers out of the cache.
"""

import argparse
import json
import re
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from processes import CPUS, Server, wait_until

ROOT = Path(__file__).resolve().parents[3]
DOMAIN = "cluster.local"


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def service(number):
    return f"s{number}.team{number % 50}"


class Cluster:
    """A name server with the services of one cluster: addresses, SRV and PTR."""

    def __init__(self, key, number, services, folder):
        self.key, self.second, self.port = key, 100 + number, free_port()
        self.folder = folder / key
        self.folder.mkdir()
        zone, reverse = self.folder / "zone", self.folder / "reverse"
        head = "$TTL 30\n@ SOA ns.dns hostmaster 1 7200 1800 86400 5\n@ NS ns.dns\n"
        names = [(service(one), one + 1) for one in range(services)]
        zone.write_text(
            f"$ORIGIN {DOMAIN}.\n{head}ns.dns A 127.0.0.1\ndns-version TXT \"1.1.0\"\n" + "".join(
                f"{name}.svc A 10.{self.second}.{host // 256}.{host % 256}\n"
                f"{name}.svc SRV 0 100 80 {name}.svc\n" for name, host in names))
        reverse.write_text(
            f"$ORIGIN {self.second}.10.in-addr.arpa.\n{head}" + "".join(
                f"{host % 256}.{host // 256} PTR {name}.svc.{DOMAIN}.\n" for name, host in names))
        self.conf = self.folder / "knot.conf"
        self.conf.write_text(f"""\
server:
    rundir: {self.folder}
    listen: 127.0.0.1@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: {self.folder}
template:
  - id: default
    semantic-checks: off
    journal-content: none
    zonefile-load: whole
    zonefile-sync: -1
zone:
  - domain: {DOMAIN}
    file: {zone}
  - domain: {self.second}.10.in-addr.arpa
    file: {reverse}
""")

    def server(self):
        return Server(["knotd", "-c", str(self.conf)], ",".join(map(str, CPUS)), self.folder / "log")

    @property
    def line(self):
        return f'  {self.key}: {{ dns: ["127.0.0.1:{self.port}"], services: [10.{self.second}.0.0/16] }}\n'

    def is_heard(self):
        return subprocess.run(
            ["kdig", "+short", "+timeout=1", "+retry=0", "@127.0.0.1", "-p", str(self.port), f"dns-version.{DOMAIN}", "TXT"],
            capture_output=True, text=True).stdout.strip() != ""


def write_configuration(folder, clusters):
    port, admin = free_port(), free_port()
    path = folder / "namebridge.yaml"
    path.write_text(
        f'dns: {{ listen: ["127.0.0.1:{port}"], workers: 1, cache: {{ size: 8MiB }} }}\n'
        f'admin: {{ listen: ["127.0.0.1:{admin}"] }}\nclusters:\n' + "".join(cluster.line for cluster in clusters))
    return path, port, admin


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def measure_who_has(program, configuration, rounds, services):
    times = []
    for turn in range(rounds + 3):
        name = service(turn * 97 % services)
        start = time.monotonic()
        result = subprocess.run(
            [program, "who-has", name, "--config", str(configuration), "--control", str(configuration.parent / "control.sock"),
             "--output", "json"], capture_output=True, text=True)
        times.append(time.monotonic() - start)
        found = json.loads(result.stdout)["clusters"]
        assert len(found) == 10 and all(one["kind"] == "ClusterIP" and one["ports"] == [80] for one in found), result.stdout
    warm = [1000 * one for one in times[3:]]
    print(f"who-has over 10 clusters x {services:,} services, {len(warm)} times, warm: median {statistics.median(warm):.1f} ms, "
          f"p95 {percentile(warm, 0.95):.1f} ms, longest {max(warm):.1f} ms (goal 50 ms)", flush=True)


def metric(admin, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", text, re.M))


def is_ready(admin):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/ready", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


class Clients:
    """dnsperf at a steady rate, in its own process; a line for each answer."""

    def __init__(self, port, folder, rate, seconds, label):
        self.output, self.label = folder / f"dnsperf-{label}", label
        names = folder / "names"
        self.file = open(self.output, "w")
        self.process = subprocess.Popen(
            ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(names), "-Q", str(rate), "-l", str(seconds), "-t", "5", "-v"],
            stdout=self.file, stderr=subprocess.STDOUT)

    def wait(self):
        self.process.wait()
        self.file.close()
        text = self.output.read_text()
        self.latencies = [1e6 * float(one) for one in re.findall(r"^> \w+ \S+ \S+ ([0-9.]+)$", text, re.M)]
        self.sent = int(re.search(r"Queries sent:\s+(\d+)", text)[1])
        self.lost = int(re.search(r"Queries lost:\s+(\d+)", text)[1])
        # A question that still waits when dnsperf ends is interrupted, not lost.
        self.failed = len(re.findall(r"^> (?!NOERROR)\w+ ", text, re.M))
        shown = " ".join(f"p{share * 100:g} {percentile(self.latencies, share):,.0f}" for share in (0.5, 0.99, 0.999))
        print(f"clients {self.label}: {self.sent:,} asked, {self.lost} lost, {self.failed} errors; us: {shown} "
              f"longest {max(self.latencies):,.0f}", flush=True)
        return self


def measure_browse(program, folder, configuration, port, admin, rate, cluster):
    (folder / "names").write_text("".join(
        f"{service(number % 2500)}.svc.{cluster.key}.{DOMAIN} {'A' if number % 10 else 'TXT'}\n" for number in range(20_000)))
    control = ["--config", str(configuration), "--control", str(folder / "control.sock")]
    with Server([program, "serve", *control], ",".join(map(str, CPUS)), folder / "serve.log") as server:
        assert wait_until(lambda: is_ready(admin), 30), server.last_words()
        Clients(port, folder, rate, 10, "while the cache fills").wait()
        alone = Clients(port, folder, rate, 30, "alone").wait()
        evicted, asked = metric(admin, "namebridge_cache_evictions_total"), metric(admin, "namebridge_questions_total")
        clients = Clients(port, folder, rate, 75, "beside the walk")
        start = time.monotonic()
        walk = subprocess.run(
            [program, "browse", cluster.key, "--walk", "--output", "json", "--control", str(folder / "control.sock")],
            capture_output=True, text=True)
        took = time.monotonic() - start
        assert walk.returncode == 0, walk.stderr
        beside = clients.wait()
        time.sleep(1)
        names = [one for one in json.loads(walk.stdout)["names"] if one["source"] == "walk"]
        print(f"browse of a /16 beside {rate:,} QPS: {took:.1f} s (goal 70 s), {len(names):,} names; "
              f"{walk.stderr.strip().splitlines()[-1]}", flush=True)
        counted = metric(admin, "namebridge_questions_total") - asked
        print(f"questions of clients counted meanwhile: {counted:,.0f} of {beside.sent:,}; of the walk: "
              f"{metric(admin, 'namebridge_walk_questions_total'):,.0f}; answers pushed out of the cache: "
              f"{metric(admin, 'namebridge_cache_evictions_total') - evicted:,.0f}", flush=True)
        ratio = percentile(beside.latencies, 0.5) / percentile(alone.latencies, 0.5)
        print(f"a client's answer beside the walk to one without: median {ratio:.2f}, "
              f"p99 {percentile(beside.latencies, 0.99) / percentile(alone.latencies, 0.99):.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / ".build/release/namebridge", type=Path)
    parser.add_argument("--services", default=5000, type=int, help="of each cluster")
    parser.add_argument("--rounds", default=50, type=int, help="runs of who-has")
    parser.add_argument("--rate", default=5000, type=int, help="questions a second of clients beside the walk")
    parser.add_argument("parts", nargs="*", help="who-has, browse; default: both")
    options = parser.parse_args()
    program = str(options.program.resolve())
    parts = options.parts or ["who-has", "browse"]
    with tempfile.TemporaryDirectory(prefix="namebridge-names-") as name:
        folder = Path(name)
        count = 10 if "who-has" in parts else 1
        clusters = [Cluster(f"c{number}", number, options.services, folder) for number in range(count)]
        servers = []
        try:
            for cluster in clusters:
                server = cluster.server()
                server.__enter__()
                servers.append(server)
            for cluster in clusters:
                assert wait_until(cluster.is_heard, 60), f"{cluster.key} is not heard"
            configuration, port, admin = write_configuration(folder, clusters)
            if "who-has" in parts:
                measure_who_has(program, configuration, options.rounds, options.services)
            if "browse" in parts:
                measure_browse(program, folder, configuration, port, admin, options.rate, clusters[0])
        finally:
            for server in servers:
                server.__exit__()


if __name__ == "__main__":
    main()
