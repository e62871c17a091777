#!/usr/bin/env python3
"""Breaks the name servers of a cluster under load, and measures what clients notice: `make faults`.

Knot DNS and NSD serve the same zone with a TTL of 5 s; the baseline asks Namebridge for its names, 20,000 times
a second from a thousand addresses over a cable, and checks every answer. The first server, which Namebridge prefers, is hurt after 4 s and healed
6 s later. All of it lives in a network namespace of its own. Needs root for that (and for --realtime).
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import clusters
from clusters import SUFFIX, RealServer, Wire, dig
from office import Loopback, Office, enter_namespace
from processes import Server, free_port, wait_until

ROOT = Path(__file__).resolve().parents[3]
CPUS = [str(cpu) for cpu in sorted(os.sched_getaffinity(0))]
#: Seconds of a load: before the fault, with it, and after it.
BEFORE, DURING, AFTER = 4, 6, 7


class Rig:
    """The two servers, the bad way to the first, and Namebridge."""

    def __init__(self, options, directory, cache, wire, has_bad_way=False, stale="1h"):
        self.options, self.directory, self.wire, self.link = options, directory, wire, options.link
        self.port, ports = free_port(), [free_port(), free_port()]
        self.servers = [
            RealServer(program, port, directory, CPUS[-1]) for program, port in zip(("knotd", "nsd"), ports)]
        self.bad_way, self.first_port = None, ports[0]
        if has_bad_way:
            self.first_port = free_port()
            command = [options.baseline, "delay", str(self.first_port), str(ports[0])]
            command += ["--delay", str(options.delay), "--drop", str(options.drop)]
            self.bad_way = Server(command, CPUS[-1], directory / "delay.log")
        path = directory / "namebridge.yaml"
        path.write_text(clusters.configuration(
            self.port, [self.first_port, ports[1]], cache, options.workers, stale, self.link.address))
        self.log, self.control = directory / "namebridge.log", directory / "control.sock"
        self.namebridge = Server(
            [options.namebridge, "serve", "--config", path, "--control", self.control],
            ",".join(CPUS[:options.workers]), self.log)

    def __enter__(self):
        try:
            for server in self.servers:
                server.start()
            for server in self.servers:
                server.wait_until_heard()
            if self.bad_way:
                self.bad_way.__enter__()
                time.sleep(0.2)
                self.toggle_bad_way()
                self.servers[0].wait_until_heard(self.first_port)
            self.wire.count(self.first_port)
            self.namebridge.__enter__()
            if not clusters.is_ready(self.link, self.port):
                raise RuntimeError(f"namebridge answers nothing: {self.namebridge.last_words()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in [self.namebridge, self.bad_way]:
            if server and server.process:
                server.__exit__()
        for server in self.servers:
            server.end()
        if self.options.show_log:
            print(self.log.read_text(), file=sys.stderr)

    def toggle_bad_way(self):
        """Makes the way to the first server good, or bad again."""
        self.bad_way.process.send_signal(signal.SIGUSR1)

    def load(self, *pace, timeout=60):
        """One load to its end; its report."""
        return clusters.load(self.options.baseline, CPUS[-1], self.port, pace, timeout, self.link)

    def cost(self, *pace):
        """One load to its end; its report, and Namebridge's CPU time per answer in microseconds."""
        before = self.namebridge.cpu_seconds()
        report = self.load(*pace)
        return report, (self.namebridge.cpu_seconds() - before) / max(report["received"], 1) * 1e6

    def ups(self):
        """How often Namebridge has logged that a server is up."""
        return self.log.read_text().count("server up")

    def downs(self):
        return self.log.read_text().count("server down")


# one of two servers

FAULTS = {
    "killed": (lambda rig: rig.servers[0].kill(), lambda rig: rig.servers[0].start()),
    "stopped": (lambda rig: rig.servers[0].stop(), lambda rig: rig.servers[0].go_on()),
    "blackholed": (lambda rig: rig.wire.cut(rig.first_port), lambda rig: rig.wire.mend()),
    "slow": (lambda rig: rig.toggle_bad_way(), lambda rig: rig.toggle_bad_way()),
}


def measure_fault(options, wire, fault, cache):
    """One fault under load: the row of its table."""
    hurt, heal = FAULTS[fault]
    with tempfile.TemporaryDirectory(prefix="namebridge-faults-") as directory, \
            Rig(options, Path(directory), cache, wire, has_bad_way=fault == "slow") as rig:
        rig.load("--once", "--window", "50")
        reports = []
        pace = ["--rate", str(options.rate), "--seconds", str(BEFORE + DURING + AFTER), "--timeline"]
        loading = threading.Thread(target=lambda: reports.append(rig.load(*pace)))
        cpu, begin = rig.namebridge.cpu_seconds(), time.time()
        loading.start()
        time.sleep(BEFORE)
        hurt(rig)
        hurt_at, downs, ups = time.time(), rig.downs(), rig.ups()
        time.sleep(DURING)
        downs, used = rig.downs() - downs, wire.counted(rig.first_port)
        time.sleep(0.5)
        during = (wire.counted(rig.first_port) - used) * 2
        ups_during = rig.ups() - ups
        heal(rig)
        back_at = rig.servers[0].wait_until_heard(rig.first_port)
        used_at, up_at = watch_return(rig, wire, ups + ups_during, downs > ups_during)
        loading.join()
        cpu = rig.namebridge.cpu_seconds() - cpu
    report = reports[0]
    rows, start = report["timeline"], report["start"]
    if options.verbose:
        show_timeline(report, hurt_at, back_at)
    first = int(hurt_at - start)
    last = int(back_at - start)
    later = rows[first + 2:last + 1]  # whole seconds from one second after the fault on
    return {
        "fault": fault, "cache": cache, "sent": report["sent"],
        "bad": f"{report['lost']} / {report['failed']} / {report['wrong']}",
        "before": max(row["p99"] for row in rows[1:first]) / 1000,
        "first": max(row["p99"] for row in rows[first:first + 2]) / 1000,
        "later": max(row["p99"] for row in later) / 1000,
        "max": max(row["max"] for row in later) / 1000,
        "after": max(row["p99"] for row in rows[last + 2:]) / 1000,
        "during": during,
        "used": used_at - back_at if used_at else None,
        "up": up_at - back_at if up_at else None,
        "flaps": f"{downs}/{ups_during}",
        "cpu": cpu / (time.time() - begin)}


def watch_return(rig, wire, ups, was_down):
    """When the first server is asked by clients' questions again, and when it is logged as up.

    Probes make two or three datagrams at once, never ten.
    """
    end = time.monotonic() + AFTER - 2
    used_at = up_at = None
    last = wire.counted(rig.first_port)
    while time.monotonic() < end and not (used_at and (up_at or not was_down)):
        time.sleep(0.05)
        count = wire.counted(rig.first_port)
        if not used_at and count - last >= 10:
            used_at = time.time()
        last = count
        if not up_at and was_down and rig.ups() > ups:
            up_at = time.time()
    return used_at, up_at


def show_timeline(report, *marks):
    """Every second of a load, for who looks for a cause."""
    for index, row in enumerate(report["timeline"]):
        at = [f"{mark - report['start']:.2f}" for mark in marks if int(mark - report["start"]) == index]
        lost = row["sent"] - row["received"] - row["wrong"] - row["failed"] - row["outdated"]
        print(f"  {index:3} sent {row['sent']} lost {lost} failed {row['failed']} wrong {row['wrong']} "
              f"p50 {row['p50']:.0f} p99 {row['p99']:.0f} max {row['max']:.0f} us "
              f"ttl {row['longest_ttl']} {' '.join(at)}", file=sys.stderr)
    print(f"  latest send {report['latest_send']:.0f} us", file=sys.stderr)


# both servers

def measure_both(options, wire, fault):
    """Both servers gone: stale answers, their speed, and fresh ones after."""
    actions = {
        "killed": (lambda server: server.kill(), lambda server: server.start()),
        "stopped": (lambda server: server.stop(), lambda server: server.go_on())}
    hurt, heal = actions[fault]
    name = f"n7.{SUFFIX}"
    peak = ["--window", "100", "--seconds", "4"]
    with tempfile.TemporaryDirectory(prefix="namebridge-faults-") as directory, \
            Rig(options, Path(directory), "64MiB", wire) as rig:
        rig.load("--once", "--window", "50")
        before, before_cpu = rig.cost(*peak)
        reports = []
        pace = ["--rate", str(options.rate), "--seconds", "16", "--timeline"]
        loading = threading.Thread(target=lambda: reports.append(rig.load(*pace)))
        loading.start()
        time.sleep(2)
        for server in rig.servers:
            hurt(server)
        hurt_at = time.time()
        time.sleep(8)
        shown = dig(rig.link, rig.port, name)
        missing = dig(rig.link, rig.port, "never-asked." + SUFFIX)
        loading.join()
        stale, stale_cpu = rig.cost(*peak)
        for server in rig.servers:
            heal(server)
        back_at = min(server.wait_until_heard() for server in rig.servers)
        is_fresh = wait_until(lambda: dig(rig.link, rig.port, name)["ede"] == "", 5)
        fresh = time.time() - back_at
        after = rig.load("--rate", str(options.rate), "--seconds", "4", "--timeline")
    if options.verbose:
        show_timeline(reports[0], hurt_at)
        show_timeline(after)
    return {
        "fault": fault, "before": f"{before['received'] / before['seconds']:,.0f}",
        "stale": f"{stale['received'] / stale['seconds']:,.0f}", "cpu": f"{before_cpu:.2f} / {stale_cpu:.2f}",
        "bad": f"{reports[0]['lost']} / {reports[0]['failed']} / {reports[0]['wrong']}",
        "max": reports[0]["max"] / 1000, "p99": max(row["p99"] for row in reports[0]["timeline"][4:]) / 1000,
        "dig": f"{shown['rcode']}, TTL {shown['ttl']}, EDE {shown['ede']} `{shown['text']}`",
        "missing": f"{missing['rcode']}, EDE {missing['ede']}, {missing['ms']:.0f} ms",
        "fresh": fresh if is_fresh else None,
        "ttl": " ".join(str(row["longest_ttl"]) for row in after["timeline"])}


def measure_down(options, wire, fault):
    """A cluster entirely down and nothing kept: the first SERVFAIL, and the next."""
    with tempfile.TemporaryDirectory(prefix="namebridge-faults-") as directory, \
            Rig(options, Path(directory), "64MiB", wire) as rig:
        time.sleep(1)
        for server in rig.servers:
            (server.kill if fault == "killed" else server.stop)()
        first = dig(rig.link, rig.port, f"n11.{SUFFIX}")
        time.sleep(1.5)
        again = [dig(rig.link, rig.port, f"n{number}.{SUFFIX}") for number in range(12, 17)]
    slowest = max(again, key=lambda answer: answer["ms"])
    return {
        "fault": fault, "first": f"{first['rcode']}, EDE {first['ede']} `{first['text']}`", "ms": first["ms"],
        "again": f"{slowest['rcode']}, EDE {slowest['ede']} `{slowest['text']}`", "again_ms": slowest["ms"]}


# freshness

def measure_freshness(options):
    """Names that change every 5 s at half the peak: no answer outlives its TTL, and memory stays."""
    seconds = int(options.minutes * 60)
    changing = ["--change", "5", "--ttl", str(clusters.TTL)]
    with tempfile.TemporaryDirectory(prefix="namebridge-faults-") as name:
        directory, port, upstream_port = Path(name), free_port(), free_port()
        path = directory / "namebridge.yaml"
        path.write_text(clusters.configuration(
            port, [upstream_port], "64MiB", options.workers, on=options.link.address))
        upstream = Server(
            [options.baseline, "answer", str(upstream_port), *changing], CPUS[-1], directory / "upstream.log")
        namebridge = Server(
            [options.namebridge, "serve", "--config", path], ",".join(CPUS[:options.workers]),
            directory / "namebridge.log")
        with upstream, namebridge:
            if not clusters.is_ready(options.link, port):
                raise RuntimeError(f"namebridge answers nothing: {namebridge.last_words()}")
            peak = clusters.load(
                options.baseline, CPUS[-1], port, [*changing, "--window", "100", "--seconds", "4"], 30, options.link)
            rate = int(peak["received"] / peak["seconds"] / 2)
            sizes, stopped = [], threading.Event()

            def sample():
                begin = time.monotonic()
                while not stopped.wait(5):
                    sizes.append((time.monotonic() - begin, namebridge.resident_bytes()))

            sampling = threading.Thread(target=sample)
            sampling.start()
            cpu = namebridge.cpu_seconds()
            try:
                report = clusters.load(
                    options.baseline, CPUS[-1], port,
                    [*changing, "--rate", str(rate), "--seconds", str(seconds), "--timeline"], seconds + 60,
                    options.link)
            finally:
                stopped.set()
                sampling.join()
            cpu = namebridge.cpu_seconds() - cpu
    mark = 120 if seconds > 240 else seconds / 5
    early = next((size for at, size in sizes if at >= mark), 0)
    return {
        "seconds": report["seconds"], "peak": f"{peak['received'] / peak['seconds']:,.0f}",
        "rate": f"{rate:,}", "skipped": f"{report['skipped']:,}",
        "received": f"{report['received']:,}", "outdated": report["outdated"],
        "bad": f"{report['lost']} / {report['failed']} / {report['wrong']}",
        "ttl": report["longest_ttl"], "p99": report["p99"] / 1000, "max": report["max"] / 1000,
        "rss_early": f"{early / 2**20:.2f} (at {mark:.0f} s)", "rss_after": sizes[-1][1] / 2**20,
        "rss_change": f"{(sizes[-1][1] / early - 1) * 100:+.2f} %", "cpu": cpu / report["received"] * 1e6}


# tables

# a configuration that changes

def other_configuration(text, what):
    """A configuration that differs from `text` in another cluster, or in the cluster that is asked."""
    if what == "another cluster":
        return text + '  other:\n    dns: ["127.0.0.1:9"]\n'
    names = "names: [prod.cluster.local]\n"
    return text.replace(names, names + "    cache: { max-ttl: 29s }\n")


def measure_reload(options, wire, what, cache):
    """A reload each second under load, to and fro between two configurations."""
    with tempfile.TemporaryDirectory(prefix="namebridge-faults-") as directory, \
            Rig(options, Path(directory), cache, wire) as rig:
        os.chmod(directory, 0o755)
        rig.load("--once", "--window", "50")
        quiet = rig.load("--rate", str(options.rate), "--seconds", "10")
        path, ended, taken, failures = Path(directory) / "namebridge.yaml", threading.Event(), [], []
        texts = [path.read_text()]
        texts.append(other_configuration(texts[0], what))

        def reload_on():
            while not ended.wait(1 - (taken[-1] if taken else 0)):
                fresh = Path(directory) / "fresh.yaml"
                fresh.write_text(texts[(len(taken) + 1) % 2])
                fresh.rename(path)
                begin = time.monotonic()
                result = subprocess.run(
                    [options.namebridge, "reload", "--control", rig.control], capture_output=True, text=True,
                    timeout=60, check=False)
                taken.append(time.monotonic() - begin)
                if result.returncode:
                    failures.append(result.stderr)

        reloading = threading.Thread(target=reload_on)
        cpu = rig.namebridge.cpu_seconds()
        reloading.start()
        try:
            report = rig.load(
                "--rate", str(options.rate), "--seconds", str(options.seconds), timeout=options.seconds + 60)
        finally:
            ended.set()
            reloading.join()
        cpu = rig.namebridge.cpu_seconds() - cpu
    if failures:
        print(failures[0], file=sys.stderr)
    return {
        "what": what, "cache": cache, "reloads": len(taken), "failures": len(failures),
        "took": f"{sorted(taken)[len(taken) // 2] * 1000:.0f} / {max(taken) * 1000:.0f}",
        "sent": report["sent"], "bad": f"{report['lost']} / {report['failed']} / {report['wrong']}",
        "before": f"{quiet['p99'] / 1000:.2f} / {quiet['max'] / 1000:.1f}",
        "during": f"{report['p99'] / 1000:.2f} / {report['max'] / 1000:.1f}", "cpu": cpu / options.seconds}


def cell(value):
    """A figure as text: seconds and milliseconds with three digits."""
    return "-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def print_table(title, columns, rows):
    """A Markdown table; `columns`: heading by key."""
    print(f"\n### {title}\n\n| " + " | ".join(columns.values()) + " |\n|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(cell(row[key]) for key in columns) + " |")
    sys.stdout.flush()


ONE = {
    "fault": "first of two servers", "cache": "cache", "sent": "questions", "bad": "lost / failed / wrong",
    "before": "p99 before (ms)", "first": "p99 in the first second (ms)", "later": "p99 after it (ms)",
    "max": "longest after it (ms)", "after": "p99 healed (ms)", "during": "asked while bad (per s)",
    "used": "used again after (s)", "up": "up after (s)", "flaps": "down/up while bad", "cpu": "CPU busy"}
BOTH = {
    "fault": "both servers", "before": "QPS before", "stale": "QPS stale",
    "cpu": "CPU/query before / stale (us)",
    "bad": "lost / failed / wrong", "p99": "p99 (ms)", "max": "longest (ms)", "dig": "a kept name",
    "missing": "another name", "fresh": "fresh after (s)", "ttl": "longest TTL by second after"}
DOWN = {
    "fault": "cluster, nothing kept", "first": "first answer", "ms": "after (ms)",
    "again": "slowest of the next", "again_ms": "after (ms)"}
RELOAD = {
    "what": "what changes", "cache": "cache", "reloads": "reloads", "failures": "refused",
    "took": "one takes, median / longest (ms)", "sent": "questions", "bad": "lost / failed / wrong",
    "before": "p99 / longest without (ms)", "during": "p99 / longest with (ms)", "cpu": "CPU busy"}
FRESH = {
    "seconds": "seconds", "peak": "peak QPS", "rate": "QPS", "skipped": "not asked in time",
    "received": "answers", "outdated": "outdated",
    "bad": "lost / failed / wrong", "ttl": "longest TTL", "p99": "p99 (ms)", "max": "longest (ms)",
    "rss_early": "RSS early (MiB)", "rss_after": "RSS after (MiB)", "rss_change": "change",
    "cpu": "CPU/query (us)"}


def parse_arguments():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = "one,both,down,reload,fresh"
    parser.add_argument("--parts", default=parts, help=f"some of {parts}")
    names = ",".join(FAULTS)
    parser.add_argument("--faults", default=names, help=f"of one server: some of {names}")
    parser.add_argument("--caches", default="64MiB,0B", help="cache sizes to try one server's faults with")
    parser.add_argument("--rate", type=int, default=20_000, help="questions per second")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--delay", type=int, default=300, help="of the slow server, in milliseconds")
    parser.add_argument("--drop", type=int, default=20, help="of the slow server, in percent")
    parser.add_argument("--seconds", type=int, default=60, help="length of each run with reloads")
    parser.add_argument("--minutes", type=float, default=10, help="length of the freshness run")
    parser.add_argument("--link", choices=["veth", "loopback"], default="veth", help="what is between clients and us")
    parser.add_argument("--realtime", action="store_true", help="run before all other work; needs root")
    parser.add_argument("--verbose", action="store_true", help="show every second")
    parser.add_argument("--show-log", action="store_true", help="show Namebridge's log")
    parser.add_argument("--baseline", type=Path, default=ROOT / ".build/release/baseline")
    parser.add_argument("--namebridge", type=Path, default=ROOT / ".build/release/namebridge")
    return parser.parse_args()


def main():
    """Runs the parts; every process that was started has ended when it returns, however it returns."""
    options = parse_arguments()
    if os.geteuid() != 0:
        sys.exit("faults: needs root, for a network namespace of its own")
    enter_namespace("NAMEBRIDGE_FAULTS")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))  # as an exception: every server's block ends
    options.baseline, options.namebridge = options.baseline.resolve(), options.namebridge.resolve()
    if options.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # inherited by all that is started
    options.link = Office() if options.link == "veth" else Loopback()
    try:
        measure_parts(options, Wire(), options.parts.split(","))
    finally:
        options.link.close()


def measure_parts(options, wire, parts):
    """Measures the chosen parts, and prints their tables."""
    print(f"{len(CPUS)} CPUs, load average {os.getloadavg()[0]:.1f}, {options.rate:,} questions per second, "
          f"{options.workers} worker(s){', in real time' if options.realtime else ''}.", flush=True)
    if "one" in parts:
        print_table("One of two servers", ONE, [
            measure_fault(options, wire, fault, cache)
            for cache in options.caches.split(",") for fault in options.faults.split(",")])
    if "both" in parts:
        print_table("Both servers", BOTH, [
            measure_both(options, wire, fault) for fault in ("killed", "stopped")])
    if "down" in parts:
        print_table("Nothing kept", DOWN, [
            measure_down(options, wire, fault) for fault in ("killed", "stopped")])
    if "reload" in parts:
        print_table("A reload each second", RELOAD, [
            measure_reload(options, wire, what, cache) for what, cache in (
                ("another cluster", "64MiB"), ("the cluster asked", "64MiB"), ("the cluster asked", "0B"))])
    if "fresh" in parts:
        print_table("Addresses that change every 5 s", FRESH, [measure_freshness(options)])


if __name__ == "__main__":
    main()
