#!/usr/bin/env python3
"""Holds the Grafana dashboard and the alert rules against a server that runs, and a Prometheus that watches it.

    check-dashboard.py [NAMEBRIDGE]              all of it, in a network namespace of its own; needs root
    check-dashboard.py names METRICS-URL         every metric that they name is exported
    check-dashboard.py queries PROMETHEUS-URL    every query of the dashboard gives data

The first starts two demo clusters, a relay host's network agent, a forwarder with a dead name server and a dead
cluster, clients of all kinds, and a Prometheus with the alert rules. Then promtool looks at the rules and at the
metrics, every query of the dashboard must give data, every rule must work, and the alerts for what is broken must
have begun. Ends with 1 and a line for each thing that fails.
"""
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
CONFIG = ROOT / "config"
METRIC = re.compile(r"\b(?:namebridge|process)_[a-z0-9_]+")
METRICS = "http://127.0.0.1:9153/metrics"
GATE_METRICS = "http://172.17.14.1:9153/metrics"
PROMETHEUS = "http://127.0.0.1:9090"
# The site's router, on the other end of the cable: its agent chooses between two relays that are not there.
GATE = "172.17.14.1"
# How long everything may take to be seen, in seconds.
PATIENCE = 90


def dashboard_queries():
    board = json.loads((CONFIG / "grafana-dashboard.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield f"panel {panel['title']!r}", target["expr"]


def alert_queries():
    text = (CONFIG / "prometheus-alerts.yaml").read_text()
    for alert in re.split(r"\n      - alert: ", text)[1:]:
        name = alert.split("\n", 1)[0]
        yield f"alert {name}", re.search(r"\n        expr: (.*?)\n        (?:for|labels):", alert, re.S).group(1)


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def ask_prometheus(url, query):
    data = json.loads(fetch(f"{url}/api/v1/query?" + urllib.parse.urlencode({"query": query})))
    return data["data"]["result"] if data["status"] == "success" else []


def check_names(url):
    exported = set(re.findall(r"^# TYPE (\S+)", fetch(url) + (fetch(GATE_METRICS) if url == METRICS else ""), re.M))
    for place, query in [*dashboard_queries(), *alert_queries()]:
        for name in METRIC.findall(query):
            if name not in exported and re.sub(r"_(bucket|sum|count)$", "", name) not in exported:
                yield f"{place}: no metric {name} is exported"


def check_queries(url):
    for place, query in dashboard_queries():
        for variable, value in [("$__rate_interval", "15s"), ("$instance", ".*"), ("$cluster", ".*")]:
            query = query.replace(variable, value)
        result = ask_prometheus(url, query)
        if not any(sample["value"][1] != "NaN" for sample in result):
            yield f"{place}: no data: {query}"


def check_rules(url):
    groups = json.loads(fetch(f"{url}/api/v1/rules"))["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    if len(rules) != len(list(alert_queries())):
        yield f"Prometheus has {len(rules)} rules"
    for rule in rules:
        if rule["health"] != "ok":
            yield f"alert {rule['name']}: {rule['health']}: {rule.get('lastError')}"
    states = {rule["name"]: rule["state"] for rule in rules}
    for name in ("NamebridgeClusterDown", "NamebridgeServerDown", "NamebridgeManyFailures"):
        if states.get(name) not in ("pending", "firing"):
            yield f"alert {name} is {states.get(name)}, though there is reason for it"
    for name in ("NamebridgeDown", "NamebridgeNetworkObjectsMissing", "NamebridgeNetworkAgentDown"):
        if states.get(name) != "inactive":
            yield f"alert {name} is {states.get(name)}, without a reason"


def check_network(url):
    """The agents' numbers are those of their hosts: everything is there, and what was flushed was put back."""
    def value(query):
        return sum(float(sample["value"][1]) for sample in ask_prometheus(url, query))

    wanted = value('namebridge_network_objects{state="wanted"}')
    present = value('namebridge_network_objects{state="present"}')
    if wanted < 5 or present != wanted:
        yield f"network objects: {present:.0f} of {wanted:.0f} are present"
    if value("namebridge_network_healed_total") < 1 or value("namebridge_network_agent_up") != 2:
        yield "the network agent put nothing back"


def check_with_promtool():
    rules = subprocess.run(
        ["promtool", "check", "rules", CONFIG / "prometheus-alerts.yaml"], capture_output=True, text=True)
    if rules.returncode:
        yield f"promtool check rules: {rules.stdout}{rules.stderr}"
    metrics = subprocess.run(
        ["promtool", "check", "metrics"], input=fetch(METRICS), capture_output=True, text=True)
    if metrics.returncode or metrics.stderr:
        yield f"promtool check metrics: {metrics.stdout}{metrics.stderr}"


# --- Everything at once

SETTING = """\
dns:
  listen: ["0.0.0.0:5353"]
  bare-domain: [prod]
  views:
    - { name: guests, clients: [127.0.0.2/32], bare-domain: [staging] }
  cache: { size: 1MiB, max-ttl: 2s, negative-ttl: 1s }
  announce: { address: 172.17.15.53, hosts: [gate] }
admin: { listen: ["127.0.0.1:9153"] }
clusters:
  prod:
    dns: ["127.0.0.1:5301", "127.0.0.1:5309"]
    pods: [10.244.0.0/16]
    services: [10.96.0.0/16]
    nodes:
      master1: { address: 172.17.14.11, pods: [10.244.0.0/24] }
    hosts:
      relay1: { address: 172.17.14.60 }
  staging: { dns: ["127.0.0.1:5302"] }
  gone: { dns: ["127.0.0.1:5308"] }
  mapped:
    dns: ["127.0.0.1:5301"]
    pods: [10.245.0.0/16]
    map: { 10.245.0.0/16: 10.200.0.0/16 }
    follow: { context: mapped }
    nodes:
      node1: { address: 172.17.14.21, pods: [10.245.0.0/24] }
    hosts:
      relay1: { address: 172.17.14.60 }
  doubled:
    dns: ["127.0.0.1:5302"]
    pods: [10.246.0.0/16]
    nodes:
      node2: { address: 172.17.14.31, pods: [10.246.0.0/24] }
    hosts:
      east: { address: 172.17.14.71 }
      west: { address: 172.17.14.72 }
sites:
  office:
    networks: [172.16.0.0/18]
    router: 172.17.14.1
    hosts:
      gate: { address: 172.17.14.1 }
paths:
  - { from: office, to: prod, via: relay, relays: [relay1], probe: { targets: ["127.0.0.1:5301"] } }
  - { from: office, to: mapped, via: relay, relays: [relay1] }
  - { from: office, to: doubled, via: relay, relays: [east, west], probe: { targets: ["10.246.0.1:53"] } }
"""

PROMETHEUS_SETTING = """\
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: namebridge
    static_configs: [{{ targets: ["127.0.0.1:9153", "{gate}:9153"] }}]
"""

NAMES = [
    ("web.shop.svc.prod.cluster.local", 1), ("web.shop.svc.staging.cluster.local", 1),
    ("web.shop.svc.cluster.local", 1), ("nothing.shop.svc.prod.cluster.local", 1),
    ("cart.shop.svc.prod.cluster.local", 28), ("web.shop.svc.gone.cluster.local", 1), ("www.example.com", 1),
    ("workers.batch.svc.prod.cluster.local", 1),
]


def question(number, name, kind):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, kind, 1)


class Clients(threading.Thread):
    """Asks some two hundred questions a second, one in twenty over TCP, until it is told to end."""

    def __init__(self):
        super().__init__(daemon=True)
        self.is_over = threading.Event()

    def run(self):
        # More than one view, and no question waits for another's answer.
        sockets = []
        for address in ("127.0.0.1", "127.0.0.2"):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            client.bind((address, 0))
            client.setblocking(False)
            sockets.append(client)
        number = 0
        while not self.is_over.wait(0.005):
            number = (number + 1) % 65536
            name, kind = NAMES[number % len(NAMES)]
            if number % 7 == 0:
                name = f"n{number}.{name}"
            client = sockets[number % 2]
            try:
                client.sendto(question(number, name, kind), ("127.0.0.1", 5353))
                client.recv(65535)
            except OSError:
                pass  # nothing has come yet, or the server does not listen yet
            if number % 20 == 0:
                self.ask_over_tcp(number, name, kind)

    @staticmethod
    def ask_over_tcp(number, name, kind):
        try:
            with socket.create_connection(("127.0.0.1", 5353), timeout=1) as client:
                message = question(number, name, kind)
                client.sendall(struct.pack(">H", len(message)) + message)
                client.recv(65535)
        except OSError:
            pass


def wait_for(what, is_there):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if is_there():
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{what} did not come within 30 s")


def run(*command):
    subprocess.run(command, check=True)


def rules_are_there():
    return subprocess.run(["nft", "list", "table", "inet", "namebridge"], capture_output=True).returncode == 0


def agent_is_content():
    state = dict(re.findall(r'^namebridge_network_objects{state="(\w+)"} (\d+)$', fetch(METRICS), re.M))
    return int(state.get("wanted", 0)) > 0 and state["wanted"] == state["present"]


def check_all(program, folder):
    """In a network namespace of its own, and mounts of its own, so that /sys shows its devices."""
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    run("ip", "netns", "add", "gate")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "uplink0", "type", "veth", "peer", "name", "others0", "netns", "gate")
    run("ip", "address", "add", "172.17.14.60/24", "dev", "uplink0")
    run("ip", "link", "set", "uplink0", "up")
    run("ip", "-n", "gate", "address", "add", f"{GATE}/24", "dev", "others0")
    for device in ("lo", "others0"):
        run("ip", "-n", "gate", "link", "set", device, "up")
    (folder / "namebridge.yaml").write_text(SETTING)
    (folder / "gate.yaml").write_text(SETTING.replace(
        'admin: { listen: ["127.0.0.1:9153"] }', f'admin: {{ listen: ["{GATE}:9153"], clients: [172.17.14.0/24] }}'))
    (folder / "prometheus.yml").write_text(
        PROMETHEUS_SETTING.format(rules=CONFIG / "prometheus-alerts.yaml", gate=GATE))
    at_gate = ["ip", "netns", "exec", "gate", "env", f"NAMEBRIDGE_NET_STATE={folder}/gate-net"]
    gate_setting = ["--config", folder / "gate.yaml"]
    setting = ["--config", folder / "namebridge.yaml"]
    # What a follower of the cluster would report: there is no cluster here.
    facts = folder / "clusters"
    facts.mkdir()
    (facts / "mapped.json").write_text(json.dumps({"state": "following", "answered": int(time.time())}))
    environment = dict(os.environ, NAMEBRIDGE_NET_STATE=str(folder / "net"), NAMEBRIDGE_FACTS=str(facts))
    programs = {
        "clusters": [program, "serve", "--demo", "--demo-zones", CONFIG / "demo", "--control", folder / "demo.sock"],
        "agent": [program, "net", "agent", *setting],
        "server": [program, "serve", *setting, "--control", folder / "server.sock"],
        "gate's agent": [*at_gate, program, "net", "agent", *gate_setting],
        "gate's server": [*at_gate, program, "serve", *gate_setting, "--control", folder / "gate.sock"],
        "prometheus": [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            "--web.listen-address=127.0.0.1:9090"],
    }
    running = []
    clients = Clients()
    try:
        for name, command in programs.items():
            with open(folder / f"{name}.log", "w") as log:
                running.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
        wait_for("the agent's table", rules_are_there)
        for url in (METRICS, GATE_METRICS):
            wait_for(f"the metrics of {url}", lambda: fetch(url))
        wait_for("the agent's word that all is there", agent_is_content)
        wait_for("Prometheus", lambda: fetch(f"{PROMETHEUS}/-/ready"))
        clients.start()
        run("nft", "delete", "table", "inet", "namebridge")
        return problems_at_last()
    finally:
        clients.is_over.set()
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(timeout=20)
        for name in programs if sys.exc_info()[0] else ():
            print(f"--- {name}", (folder / f"{name}.log").read_text()[-2000:], sep="\n", file=sys.stderr)


def problems_at_last():
    """The checks that still fail at the timeout: rates need some scrapes."""
    began = time.monotonic()
    problems = [*check_names(METRICS), *check_with_promtool()]
    while True:
        time.sleep(2)
        late = [*check_queries(PROMETHEUS), *check_rules(PROMETHEUS), *check_network(PROMETHEUS)]
        if not late or time.monotonic() - began > PATIENCE:
            break
    queries = len(list(dashboard_queries()))
    alerts = len(list(alert_queries()))
    print(f"{queries} queries and {alerts} alerts were tried for {time.monotonic() - began:.0f} s")
    # Names that only show with traffic were missing at first, maybe.
    return [problem for problem in problems if "no metric" not in problem] + [*check_names(METRICS)] + late


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--inside"]:
        folder = pathlib.Path(arguments[2])
        problems = check_all(arguments[1], folder)
    elif len(arguments) == 2 and arguments[0] in ("names", "queries"):
        problems = [*(check_names if arguments[0] == "names" else check_queries)(arguments[1])]
    elif len(arguments) <= 1 and not (arguments and arguments[0].startswith("-")):
        program = str(pathlib.Path(arguments[0] if arguments else ROOT / ".build/release/namebridge").resolve())
        if os.geteuid() != 0:
            sys.exit("check-dashboard: needs root, for a network namespace of its own")
        folder = tempfile.mkdtemp(prefix="namebridge-dashboard-")
        os.chmod(folder, 0o755)
        try:
            inside = ["unshare", "--net", "--mount", sys.executable, __file__, "--inside", program, folder]
            sys.exit(subprocess.run(inside).returncode)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    else:
        sys.exit(__doc__)
    print("\n".join(problems) or "fine")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
