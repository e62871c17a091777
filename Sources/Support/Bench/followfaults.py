#!/usr/bin/env python3
"""Breaks what `namebridge follow` depends on, one thing after the other: `make follow-faults` (kubectl; no privileges).

A stand-in API server behind the real kubectl has a cluster with Calico. Each fault lasts some seconds, in which nothing may leave
the facts; afterwards a new node must be in them. `--kubectl FOLDER` has another kubectl than that of PATH.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import apiserver

ROOT = Path(__file__).resolve().parents[3]


class Run:
    """A cluster, its API server and the follower."""

    def __init__(self, program, nodes, kubectl):
        self.cluster, self.count = apiserver.Cluster(), nodes
        for number in range(nodes):
            self.cluster.node(number)
            self.cluster.block(number, number)
        self.server = apiserver.serve(self.cluster)
        self.port = self.server.server_port
        self.folder = Path(tempfile.mkdtemp(prefix="namebridge-follow-faults-"))
        (self.folder / "kubeconfig").write_text(apiserver.kubeconfig({"prod": self.port}))
        (self.folder / "namebridge.yaml").write_text(
            f"clusters: {{ prod: {{ follow: {{ context: prod, kubeconfig: {self.folder}/kubeconfig }} }} }}\n")
        path = f"{kubectl}:{os.environ['PATH']}" if kubectl else os.environ["PATH"]
        self.log = open(self.folder / "log", "w")
        self.process = subprocess.Popen(
            [program, "follow", "--config", f"{self.folder}/namebridge.yaml"], stderr=self.log,
            env={**os.environ, "NAMEBRIDGE_FACTS": f"{self.folder}/clusters", "HOME": str(self.folder), "PATH": path})

    def end(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder)

    @property
    def nodes(self):
        try:
            return set(re.findall(r"\b(node\d{4}): \{ address", (self.folder / "clusters/prod.yaml").read_text()))
        except OSError:
            return set()

    @property
    def state(self):
        try:
            report = json.loads((self.folder / "clusters/prod.json").read_text())
            return report["state"], report["reason"]
        except OSError:
            return "none", None

    def wait(self, what, is_so, seconds=90):
        start = time.monotonic()
        while not is_so():
            assert time.monotonic() - start < seconds, (what, self.state, (self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)
        return time.monotonic() - start


def faults(run):
    """Name, the state that it must lead to (None: none), what breaks and what mends."""
    cluster = run.cluster

    def refuse(*failure):
        def begin():
            cluster.failure = failure
            cluster.cut()
        return begin

    def accept():
        cluster.failure = cluster.later_pages = None

    def down():
        apiserver.stop(run.server)

    def up():
        run.server = apiserver.serve(cluster, run.port)

    def forget():
        with cluster.lock:
            cluster.oldest = cluster.version + 1
        cluster.cut()

    def halve():
        cluster.later_pages = (500, "InternalError")
        forget()

    saved = {}

    def empty():
        with cluster.lock:
            saved.update(cluster.lists["/api/v1/nodes"])
            cluster.lists["/api/v1/nodes"] = {}
        forget()

    def fill():
        with cluster.lock:
            cluster.lists["/api/v1/nodes"] = {**saved, **cluster.lists["/api/v1/nodes"]}
        forget()

    return [
        ("watches cut", None, cluster.cut, lambda: None),
        ("API server down", "failing", down, up),
        ("410 Gone", None, forget, lambda: None),
        ("401, the login has expired", "failing", refuse(401, "Unauthorized"), accept),
        ("403, a right was taken away", "failing", refuse(403, "Forbidden"), accept),
        ("429, throttled", "failing", refuse(429, "TooManyRequests"), accept),
        ("500", "failing", refuse(500, "InternalError"), accept),
        ("lists break off half-way", "failing", halve, accept),
        ("an empty list of nodes for a moment", "doubting", empty, fill),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / ".build/release/namebridge", type=Path)
    parser.add_argument("--nodes", default=250, type=int)
    parser.add_argument("--seconds", default=5, type=float, help="how long each fault lasts")
    parser.add_argument("--kubectl", help="a folder with kubectl")
    options = parser.parse_args()
    run = Run(str(options.program.resolve()), options.nodes, options.kubectl)
    failed = 0
    try:
        run.wait("the first facts", lambda: len(run.nodes) == options.nodes)
        run.wait("watches", lambda: len(run.cluster.watchers) >= 3 and run.state[0] == "following")
        for name, state, begin, end in faults(run):
            run.wait(f"everything is followed before {name}", lambda: run.state[0] == "following", 180)
            before, lost = run.nodes, set()
            begin()
            start, seen = time.monotonic(), None
            while time.monotonic() - start < options.seconds or (state and not seen and time.monotonic() - start < 60):
                lost |= before - run.nodes
                if state and run.state[0] == state:
                    seen = run.state[1] or state
                time.sleep(0.05)
            end()
            run.count += 1
            run.cluster.node(run.count)
            run.cluster.block(run.count, run.count)
            back = run.wait(f"a new node after {name}", lambda: f"node{run.count:04}" in run.nodes, 180)
            lost |= before - run.nodes
            is_good = not lost and (seen or not state)
            failed += not is_good
            print(f"{'ok  ' if is_good else 'FAIL'} {name}: {len(lost)} nodes lost; {seen or run.state[0]};"
                  f" a new node {back:.1f} s after it", flush=True)
    finally:
        run.end()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
