"""The forwarders that are compared: ours twice, with and without rewriting, and what Debian has."""

import sys
from dataclasses import dataclass
from pathlib import Path

from grammar import DOMAIN

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Bench"))
from contenders import Contender, Dnsdist, Dnsmasq, KnotResolver, Namebridge, Setting, Unbound  # noqa: E402


@dataclass(frozen=True)
class ZonedSetting(Setting):
    """What a start of a forwarder needs; `addresses` are the servers of the batch, all at port `upstream`."""

    addresses: tuple = ()


def zones(setting):
    """Domain and server's address of each sequence of the batch."""
    return [(DOMAIN.format(number), address) for number, address in enumerate(setting.addresses)]


class Ours(Namebridge):
    """Ours, with a cluster for each zone, asked under the name `outer`."""

    def __init__(self, path, name, outer):
        super().__init__(path, name)
        self.outer = outer

    def command(self, program, setting):
        clusters = "".join(f"""
  c{number}:
    domain: {domain}
    names: [{self.outer.format(number)}]
    only-kubernetes-names: false
    dns: ["{address}:{setting.upstream}"]""" for number, (domain, address) in enumerate(zones(setting)))
        path = self.write(setting, "namebridge.yaml", f"""\
dns:
  listen: ["127.0.0.1:{setting.port}"]
  workers: 1
clusters:{clusters}
""")
        return [program, "serve", "--config", path]


class ZonedUnbound(Unbound):
    """Unbound with a forward zone for each."""

    def command(self, program, setting):
        command = super().command(program, setting)
        path = setting.directory / "unbound.conf"
        text = path.read_text().replace("server:\n", "server:\n  local-zone: \"local.\" nodefault\n", 1)
        path.write_text(text.replace("forward-addr: 127.0.0.1", f"forward-addr: {setting.addresses[0]}") + "".join(
            f"forward-zone:\n  name: \"{domain}\"\n  forward-addr: {address}@{setting.upstream}\n"
            for domain, address in zones(setting)))
        return command


class Named(Contender):
    """BIND as a forwarder, without validation."""

    name = "named"
    program = "named"

    def command(self, program, setting):
        forwards = "\n".join(
            f'zone "{domain}" {{ type forward; forward only; forwarders {{ {address} port {setting.upstream}; }}; }};'
            for domain, address in zones(setting))
        path = self.write(setting, "named.conf", f"""\
options {{
    directory "{setting.directory}"; pid-file none; session-keyfile "{setting.directory}/session.key";
    listen-on port {setting.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    forwarders {{ {setting.addresses[0]} port {setting.upstream}; }}; forward only;
    recursion yes; dnssec-validation no; empty-zones-enable no; minimal-responses no;
    max-records-per-type 0;
}};
controls {{ }};
{forwards}
""")
        return [program, "-g", "-n", "1", "-c", path]


class Recursor(Contender):
    """PowerDNS Recursor as a forwarder."""

    name = "pdns_recursor"
    program = "pdns_recursor"

    def command(self, program, setting):
        forwards = self.write(setting, "forwards", "".join(
            f"+{domain}={address}:{setting.upstream}\n" for domain, address in zones(setting)))
        return [
            program, "--daemon=no", f"--config-dir={setting.directory}", f"--socket-dir={setting.directory}",
            "--local-address=127.0.0.1", f"--local-port={setting.port}", "--threads=1", "--dnssec=off",
            f"--forward-zones-recurse=.={setting.addresses[0]}:{setting.upstream}",
            f"--forward-zones-file={forwards}",
            "--security-poll-suffix=", "--dont-query=", "--write-pid=no", "--root-nx-trust=no"]


class ZonedKnot(KnotResolver):
    """Knot Resolver with a stub policy for each."""

    def command(self, program, setting):
        command = super().command(program, setting)
        path = setting.directory / "kresd.conf"
        lines = path.read_text().replace(f"127.0.0.1@{setting.upstream}", f"{setting.addresses[0]}@{setting.upstream}")
        head, _, rest = lines.rpartition("policy.add(")
        path.write_text(head + "".join(
            f"policy.add(policy.suffix(policy.STUB('{address}@{setting.upstream}'), {{todname('{domain}')}}))\n"
            for domain, address in zones(setting)) + "policy.add(" + rest)
        return command


class ZonedDnsmasq(Dnsmasq):
    """dnsmasq with a server= line for each."""

    def command(self, program, setting):
        command = [part for part in super().command(program, setting) if not part.startswith("--server=")]
        return command + [f"--server={setting.addresses[0]}#{setting.upstream}"] + [
            f"--server=/{domain}/{address}#{setting.upstream}" for domain, address in zones(setting)]


class ZonedDnsdist(Dnsdist):
    """dnsdist with a pool for each."""

    def command(self, program, setting):
        command = super().command(program, setting)
        path = setting.directory / "dnsdist.conf"
        text = path.read_text().replace(f"127.0.0.1:{setting.upstream}", f"{setting.addresses[0]}:{setting.upstream}")
        path.write_text(text + "".join(
            f"newServer({{address='{address}:{setting.upstream}', pool='{domain}'}}):setUp()\n"
            f"addAction('{domain}', PoolAction('{domain}'))\n" for domain, address in zones(setting)))
        return command


def all_peers(namebridge):
    """Ours first."""
    return [
        Ours(namebridge, "namebridge", DOMAIN), Ours(namebridge, "namebridge-mapped", "z{}.mapped.example"),
        ZonedUnbound(), Named(), Recursor(), ZonedKnot(), ZonedDnsmasq(), ZonedDnsdist()]
