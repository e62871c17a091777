"""Holds the Helm chart against Helm's own engine and the schemas that Kubernetes publishes: check-chart.py [--record].

The engine (helm-python-sdk, Helm 4) and the schemas (kubernetes-validate) come from PyPI: `make check-chart` installs them
in a folder of its own. config/kubernetes/namebridge.yaml must be what the chart gives without any setting; with --record
it is written.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml
from helm_python.chart import Chart, lint

CHART = "config/helm/namebridge"
MANIFEST = "config/kubernetes/namebridge.yaml"
HEAD = """\
# The forwarder on each node of a cluster, at port 1053. The Helm chart without any setting gives the same; with it,
# ports, clusters and "follow" are settings. Name your clusters below "clusters" before:
#
#     kubectl apply -f namebridge.yaml
"""
#: Sets of settings, each of which must give valid objects.
SETTINGS = {
    "no settings": {},
    "follow": {"follow": {"enabled": True, "kubectlImage": "registry.example/kubectl:1.32"},
               "clusters": {"here": {"follow": {"context": "here", "endpoints": True}}}, "bareDomain": ["here"]},
    "keys of dns, sites and paths": {
        "dns": {"clients": ["172.16.0.0/18", "10.0.0.0/8"], "cache": {"max-ttl": "20s"}, "listen": ["192.0.2.1:53"]},
        "clusters": {"prod": {"dns": ["10.96.0.10"], "pods": ["10.244.0.0/16"], "services": ["10.96.0.0/12"],
                              "nodes": {"n1": {"address": "192.0.2.11"}}}},
        "sites": {"office": {"networks": ["172.16.0.0/18"], "router": "172.16.0.1"}},
        "paths": [{"from": "office", "to": "prod", "via": "relay", "relays": ["n1"], "source": "snat"}]},
    "port 53": {"port": 53, "upstream": ["192.0.2.1"], "nodeSelector": {"dns": "yes"}, "tolerations": []},
}


#: The built program, which checks each configuration; without it none is checked.
PROGRAM = next((path for path in (".build/release/namebridge", ".build/debug/namebridge") if os.path.exists(path)), None)


def check(name, config):
    """What `namebridge check` says against a configuration."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(config, file)
        file.flush()
        run = subprocess.run([PROGRAM, "check", file.name], capture_output=True, text=True, check=False)
    return [] if run.returncode == 0 else [f"{name}: {run.stdout}{run.stderr}"]


def main():
    failures = []
    report = lint(CHART, strict=True)
    failures += report["errors"]
    failures += [f"{m['path']}: {m['error']}" for m in report["messages"] if m["severity"] > 1]
    chart = Chart.load(CHART)
    schemas = sorted({".".join(v.split(".")[:2]) for v in kubernetes_validate.utils.all_versions()}, key=lambda v: int(v[2:]))
    for name, values in SETTINGS.items():
        rendered = chart.render(values, name="namebridge", namespace="kube-system")
        texts = [rendered[key].strip("\n") + "\n" for key in sorted(rendered)]
        objects = [object for text in texts for object in yaml.safe_load_all(text) if object]
        for object in objects:
            for version in schemas:
                try:
                    kubernetes_validate.validate(object, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    failures.append(f"{name}: {object['kind']} by the schema of {version}: {error}")
        print(f"{name}: {len(objects)} objects, by the schemas of Kubernetes {schemas[0]} to {schemas[-1]}")
        config = yaml.safe_load(next(o for o in objects if o["kind"] == "ConfigMap")["data"]["namebridge.yaml"])
        if values.get("paths"):
            kept = {key: config["dns"].get(key) for key in values["dns"]}
            kept["listen"] = values["dns"]["listen"]
            if kept != values["dns"] or config["dns"]["listen"] == values["dns"]["listen"]:
                failures.append(f"{name}: the keys of dns are {config['dns']}")
            failures += [f"{name}: {key} is {config.get(key)}" for key in ("sites", "paths") if config.get(key) != values[key]]
        if PROGRAM:
            failures += check(name, config)
        if values == {}:
            text = HEAD + "---\n".join(texts)
            if "--record" in sys.argv:
                with open(MANIFEST, "w", encoding="utf-8") as file:
                    file.write(text)
            with open(MANIFEST, encoding="utf-8") as file:
                if file.read() != text:
                    failures.append(f"{MANIFEST} is not what the chart gives; run this with --record")
    for path in sorted(pathlib.Path("config/kubernetes").glob("*.yaml")):
        for object in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if object and "kind" in object:
                try:
                    kubernetes_validate.validate(object, schemas[-1], strict=True)
                except kubernetes_validate.ValidationError as error:
                    failures.append(f"{path}: {object['kind']}: {error}")
    for failure in failures:
        print("FAIL", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
