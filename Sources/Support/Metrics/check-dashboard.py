#!/usr/bin/env python3
"""Holds the Grafana dashboard and the alert rules against a running server.

    check-dashboard.py names METRICS-URL                  every metric that they name is exported
    check-dashboard.py queries PROMETHEUS-URL             every query gives data (agent's metrics aside)

Ends with 1 and a line for each query that fails.
"""
import json
import pathlib
import re
import sys
import urllib.parse
import urllib.request

CONFIG = pathlib.Path(__file__).resolve().parents[3] / "config"
# Exported only where a network agent reports from the host.
OPTIONAL = re.compile(r"namebridge_network_")
METRIC = re.compile(r"\b(?:namebridge|process)_[a-z0-9_]+")


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


def check_names(url):
    exported = set(re.findall(r"^# TYPE (\S+)", fetch(url), re.M))
    for place, query in [*dashboard_queries(), *alert_queries()]:
        for name in METRIC.findall(query):
            known = name in exported or re.sub(r"_(bucket|sum|count)$", "", name) in exported
            if not known and not OPTIONAL.match(name):
                yield f"{place}: no metric {name} is exported"


def check_queries(url):
    for place, query in dashboard_queries():
        if OPTIONAL.search(query):
            continue
        for variable, value in [("$__rate_interval", "15s"), ("$instance", ".*"), ("$cluster", ".*")]:
            query = query.replace(variable, value)
        data = json.loads(fetch(f"{url}/api/v1/query?" + urllib.parse.urlencode({"query": query})))
        if data["status"] != "success" or not data["data"]["result"]:
            yield f"{place}: no data: {query}"


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("names", "queries"):
        sys.exit(__doc__)
    check = check_names if sys.argv[1] == "names" else check_queries
    problems = list(check(sys.argv[2]))
    print("\n".join(problems) or "fine")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
