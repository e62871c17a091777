#!/bin/bash
# Installs a package in a Debian root of its own under a booted systemd, uses it, upgrades it while it runs, removes and
# purges it, and says what each step left: try-deb.sh PACKAGE FOLDER. Needs root, debootstrap and systemd-nspawn.
#
# The root has a network namespace of its own: nothing of this host's network is seen or changed.
set -euo pipefail

package=$(realpath "$1")
setup=$(dirname "$0")
folder=$2
mirror=${MIRROR:-http://deb.debian.org/debian}
base=$folder/base
root=$folder/root
failures=0
booted=

say() { printf '%s\n' "$*"; }

# Runs a command in the booted root.
inside() { nsenter --target "$booted" --all --wdns=/ -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb "$@"; }

# Says whether a command held: expect TEXT COMMAND...
expect() {
    local text=$1
    shift
    if "$@" >"$folder/output" 2>&1; then
        say "ok    $text"
    else
        say "FAIL  $text"
        sed 's/^/      /' "$folder/output"
        failures=$((failures + 1))
    fi
}

# Waits up to 30 s for a command to hold.
await() {
    local tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries -ge 150 ]; then return 1; fi
        sleep 0.2
    done
}

# dig prints timeouts on its standard output.
answers() { inside dig +short +time=1 +tries=1 @127.0.0.1 "$@" | grep -q '^10[.]'; }
stopped() { ! inside systemctl --quiet is-active "$1"; }
same() { diff -u "$1" "$2"; }
files() { (cd "$root" && find etc lib/systemd usr run -xdev ! -type d -a ! -path 'run/systemd/*' -a ! -path 'run/udev/*' 2>/dev/null | sort) >"$1"; }
network() { inside sh -c 'ip -4 rule; ip route show table all | grep -v fe80; ip -d link | sed "s/ qlen.*//"; nft list ruleset; sysctl -a 2>/dev/null | grep -E "forward|rp_filter"' >"$1"; }

shut_down() {
    [ -n "$container" ] && kill -TERM "$container" 2>/dev/null || true
    for _ in $(seq 50); do [ -e "/proc/$container" ] || break; sleep 0.2; done
    kill -KILL "$container" 2>/dev/null || true
    container=
}
container=
trap shut_down EXIT

mkdir -p "$folder"
if [ ! -e "$base.done" ]; then
    rm -rf "$base"
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,bind9-dnsutils,logrotate "${SUITE:-bookworm}" \
        "$base" "$mirror" >"$folder/debootstrap.log"
    # What the package needs or recommends comes first: then a difference later is the package's own.
    cp "$package" "$base/root/package.deb"
    chroot "$base" apt-get -q -y install /root/package.deb >>"$folder/debootstrap.log"
    chroot "$base" dpkg --purge namebridge >>"$folder/debootstrap.log"
    # Two that take rendered lines; the first one leads the root's own resolv.conf to itself.
    chroot "$base" apt-get -q -y install --no-install-recommends systemd-resolved network-manager dnsmasq-base >>"$folder/debootstrap.log"
    chroot "$base" systemctl mask systemd-resolved NetworkManager NetworkManager-wait-online >>"$folder/debootstrap.log" 2>&1
    chroot "$base" sh -c 'id namebridge >/dev/null 2>&1 && deluser --quiet --system namebridge || true'
    touch "$base.done"
fi
rm -rf "$root"
cp -a "$base" "$root"
cp "$package" "$root/root/package.deb"

systemd-nspawn --quiet --directory "$root" --boot --private-network --register=no --keep-unit \
    --machine "namebridge-$$" --capability=CAP_NET_ADMIN </dev/null >"$folder/boot.log" 2>&1 &
container=$!
await pgrep -P "$container"
booted=$(pgrep -P "$container" | head -1)
await inside systemctl --quiet is-active multi-user.target
expect 'a clean Debian is booted' inside systemctl --quiet is-active multi-user.target
inside ip link set lo up
inside sh -c 'ip link add office0 type veth peer name office1 && ip addr add 172.16.0.5/18 dev office0 && ip link set office0 up && ip link set office1 up &&
    ip link add node0 type veth peer name node1 && ip addr add 172.18.14.11/24 dev node0 && ip link set node0 up && ip link set node1 up'
files "$folder/before"
network "$folder/network-before"

expect 'installs' inside dpkg --install /root/package.deb
cat "$folder/output"
expect 'is not started by being installed' stopped namebridge.service
expect 'made its user' inside id namebridge
expect 'has its manual' test -e "$root/usr/share/man/man8/namebridge.8.gz"
expect 'has its README and its guides' test -s "$root/usr/share/doc/namebridge/README.md" -a -s "$root/usr/share/doc/namebridge/docs/index.md"
expect 'is still found where it was' inside /usr/sbin/namebridge --version
expect 'init writes a configuration' inside namebridge init --from none --cluster prod=127.0.0.1:5301
cat "$folder/output"
expect 'init writes over none' sh -c "! nsenter --target $booted --all --wdns=/ -- namebridge init --from none --cluster prod=127.0.0.1:5301"
expect 'units are in order' inside sh -c 'systemd-analyze verify --man=no /lib/systemd/system/namebridge*.service /lib/systemd/system/namebridge*.socket'

# The demo's two clusters are the CoreDNS of this host's.
inside setsid namebridge serve --demo --control /run/demo.sock </dev/null >"$folder/demo.log" 2>&1 &
await grep -q 'dig' "$folder/demo.log"
prod=5301
staging=5302
cat >"$root/etc/namebridge/namebridge.yaml" <<END
dns:
  listen: ["127.0.0.1:53", "172.16.0.5:53"]
log:
  format: json
  queries: { output: /var/log/namebridge/queries.log }
clusters:
  prod:
    dns: ["127.0.0.1:$prod"]
    pods: [10.244.0.0/16]
    services: [10.96.0.0/16]
    cni: calico-ipip
    nodes: { master1: { address: 172.18.14.11 } }
sites:
  office: { networks: [172.16.0.0/18], router: 172.16.0.1 }
paths:
  - { from: office, to: prod, via: relay, relays: [master1], source: snat }
END
expect 'its file is right' inside namebridge check
expect 'is enabled and started' inside systemctl enable --now namebridge.service
# systemd waited for its word: the sockets are bound.
expect 'listens once systemd has it started' sh -c "nsenter --target $booted --net ss -Hlun 'sport = :53' | grep -q '172.16.0.5:53'"
expect 'says what it does' sh -c "nsenter --target $booted --all env SYSTEMD_PAGER= systemctl show -P StatusText namebridge | grep -Eq 'serving 1 clusters?'"
expect 'answers at port 53' await answers web.shop.svc.prod.cluster.local
expect 'runs as its user' inside sh -c 'ps -o user= -p "$(systemctl show -P MainPID namebridge)" | grep -qx namebridge'
expect 'holds CAP_NET_BIND_SERVICE and nothing else' inside sh -c \
    'for set in CapEff CapPrm; do case $(sed -n "s/^$set:.//p" "/proc/$(systemctl show -P MainPID namebridge)/status") in 0000000000000400 | 0000000000000000) ;; *) exit 1 ;; esac; done'
expect 'status tells its state' inside namebridge status
expect 'is sandboxed: exposure at most 2.0' inside sh -c \
    'systemd-analyze security namebridge.service | awk "/Overall exposure/ { print; exit !(\$(NF - 2) <= 2.0) }"'
cat "$folder/output"

# What it writes.
queries=$root/var/log/namebridge/queries.log
logged() { grep -q '"name":"web.shop.svc.prod.cluster.local' "$queries"; }
expect 'logs as JSON' inside sh -c 'journalctl -q -o cat -u namebridge | grep -q "^{\"time\":.*\"event\":\"listening\""'
expect 'logs questions' await logged
expect 'in a folder of its own' inside sh -c '[ "$(stat -c %U:%a /var/log/namebridge)" = namebridge:755 ]'
expect 'the log is rotated' inside logrotate --force /etc/logrotate.d/namebridge
expect 'what was in it is kept' grep -q web.shop.svc.prod.cluster.local "$queries.1"
answers web.shop.svc.prod.cluster.local || true
expect 'logs questions after that' await logged

# Another file while it runs.
reload() { inside systemctl reload namebridge.service; }
refused() { ! reload; }
expect 'reloads' reload
expect 'answers after the reload' answers web.shop.svc.prod.cluster.local
cp "$root/etc/namebridge/namebridge.yaml" "$folder/right.yaml"
sed -i 's/pods: .10.244.0.0.16./pods: [10.244.0.0\/33]/' "$root/etc/namebridge/namebridge.yaml"
expect 'a reload of a wrong file fails' refused
expect 'with the place in the journal' inside sh -c 'journalctl -q -u namebridge | grep -q "namebridge.yaml:9:"'
expect 'answers as before' answers web.shop.svc.prod.cluster.local
sed "s/^clusters:/&\\n  staging: { dns: [\"127.0.0.1:$staging\"] }/" "$folder/right.yaml" >"$root/etc/namebridge/namebridge.yaml"
expect 'reloads with another cluster' reload
expect 'answers for it' answers web.shop.svc.staging.cluster.local
cp "$folder/right.yaml" "$root/etc/namebridge/namebridge.yaml"
expect 'reloads without it' reload

expect 'kill -9 brings it back' inside sh -c 'kill -KILL "$(systemctl show -P MainPID namebridge)"'
expect 'answers after a kill' await answers web.shop.svc.prod.cluster.local

# A process that hangs is ended and started by the watchdog, here within a second of it.
inside mkdir -p /run/systemd/system/namebridge.service.d
printf '[Service]\nWatchdogSec=1s\n' >"$root/watchdog.conf"
inside cp /watchdog.conf /run/systemd/system/namebridge.service.d/watchdog.conf
rm "$root/watchdog.conf"
inside systemctl daemon-reload
inside systemctl restart namebridge.service
expect 'answers with a watchdog of a second' await answers web.shop.svc.prod.cluster.local
sleep 3
expect 'feeds it' inside sh -c '[ "$(systemctl show -P NRestarts namebridge)" -eq 0 ]'
held=$(inside systemctl show -P MainPID namebridge)
begin=$(date +%s%N)
inside kill -STOP "$held"
expect 'answers after it has hung' await answers web.shop.svc.prod.cluster.local
say "      $((($(date +%s%N) - begin) / 1000000)) ms after it was stopped"
expect 'as another process' await inside sh -c "[ \"\$(systemctl show -P MainPID namebridge)\" -ne $held ]"
expect 'the watchdog has done it' inside sh -c 'journalctl -q -u namebridge | grep -q "Watchdog timeout"'
inside rm -r /run/systemd/system/namebridge.service.d
inside systemctl daemon-reload

# Port 53 held by systemd: no question is lost while the server is replaced.
inside systemctl stop namebridge.service
printf '[Socket]\nListenDatagram=\nListenStream=\n' >"$root/socket.conf"
for address in 127.0.0.1:53 172.16.0.5:53; do printf 'ListenDatagram=%s\nListenStream=%s\n' $address $address >>"$root/socket.conf"; done
inside mkdir -p /run/systemd/system/namebridge.socket.d
inside cp /socket.conf /run/systemd/system/namebridge.socket.d/addresses.conf
rm "$root/socket.conf"
inside systemctl daemon-reload
expect 'its socket unit starts' inside systemctl start namebridge.socket
expect 'a question starts it' answers +time=5 web.shop.svc.prod.cluster.local
expect 'uses the sockets' inside sh -c 'journalctl -q -u namebridge | grep -q "inherited.*172.16.0.5:53.*tcp"'
expect 'answers over TCP' answers +tcp web.shop.svc.prod.cluster.local
inside sh -c 'for try in $(seq 20); do dig +short +time=4 +tries=1 @172.16.0.5 web.shop.svc.prod.cluster.local; sleep 0.1; done' >"$folder/answers" &
asking=$!
for _ in 1 2 3; do sleep 0.5; inside systemctl restart namebridge.service; done
wait $asking
expect 'answers every question while it is restarted' sh -c "[ \"\$(grep -c '^10[.]' '$folder/answers')\" -eq 20 ]"
inside systemctl stop namebridge.socket namebridge.service
inside rm -r /run/systemd/system/namebridge.socket.d
inside systemctl daemon-reload
inside systemctl start namebridge.service
expect 'answers with ports of its own again' await answers web.shop.svc.prod.cluster.local

# What the machine's own resolver gets from "net render".
inside mkdir -p /etc/systemd/resolved.conf.d
expect 'renders lines for systemd-resolved' inside sh -c 'namebridge net render --format resolved --server 172.16.0.5 >/etc/systemd/resolved.conf.d/namebridge.conf'
inside systemctl unmask systemd-resolved
inside systemctl start systemd-resolved
expect 'systemd-resolved asks by them' await inside sh -c 'resolvectl query -4 web.shop.svc.prod.cluster.local | grep "10[.]"'
expect 'and says which server for which names' inside sh -c 'resolvectl status | grep -A3 172.16.0.5 | grep -q "~cluster.local\|~prod.cluster.local"'
inside systemctl stop systemd-resolved
inside systemctl mask systemd-resolved
inside rm -r /etc/systemd/resolved.conf.d
inside sh -c 'namebridge net render --format networkmanager --server 172.16.0.5' >"$folder/networkmanager"
csplit -s -f "$folder/part" "$folder/networkmanager" '/^# .etc.NetworkManager.dnsmasq.d.namebridge.conf/'
inside mkdir -p /etc/NetworkManager/conf.d /etc/NetworkManager/dnsmasq.d
inside sh -c 'cat >/etc/NetworkManager/conf.d/namebridge.conf' <"$folder/part00"
inside sh -c 'cat >/etc/NetworkManager/dnsmasq.d/namebridge.conf' <"$folder/part01"
expect 'NetworkManager takes the rendered setting' inside sh -c 'NetworkManager --print-config | grep -qx dns=dnsmasq'
# As NetworkManager starts its dnsmasq: with the files of that folder.
inside setsid dnsmasq --keep-in-foreground --no-resolv --port=5354 --listen-address=127.0.0.1 --bind-interfaces \
    --conf-file=/dev/null --conf-dir=/etc/NetworkManager/dnsmasq.d </dev/null >"$folder/dnsmasq.log" 2>&1 &
expect 'and its dnsmasq asks by the file' await answers -p 5354 web.shop.svc.prod.cluster.local
inside pkill -x dnsmasq
inside rm /etc/NetworkManager/conf.d/namebridge.conf /etc/NetworkManager/dnsmasq.d/namebridge.conf

expect 'namebridge-net sets routes and translation' inside systemctl enable --now namebridge-net.service
expect 'all of it is there' inside namebridge net status
if [ -e "$root/lib/systemd/system/namebridge-agent.service" ]; then
    expect 'the agent starts' inside systemctl enable --now namebridge-agent.service
    inside nft flush ruleset
    expect 'the agent heals a flush' await inside sh -c 'namebridge net status'
    expect 'the agent is alive' inside systemctl --quiet is-active namebridge-agent.service
fi
network "$folder/network-set"

# The same again as a newer version, with everything running.
rm -rf "$folder/newer"
dpkg-deb --raw-extract "$package" "$folder/newer"
sed -i 's/^Version: .*/&+newer/' "$folder/newer/DEBIAN/control"
dpkg-deb --root-owner-group --build "$folder/newer" "$root/root/newer.deb" >/dev/null
held=$(inside systemctl show -P MainPID namebridge)
keeper=$(inside systemctl show -P MainPID namebridge-agent)
printf '\n# a line of the administrator\n' >>"$root/etc/namebridge/namebridge.yaml"
expect 'is upgraded while it runs' inside dpkg --force-confdef --force-confold --install /root/newer.deb
expect 'keeps the configuration' grep -q 'line of the administrator' "$root/etc/namebridge/namebridge.yaml"
expect 'answers after the upgrade' await answers web.shop.svc.prod.cluster.local
expect 'with the new program' inside sh -c "[ \"\$(systemctl show -P MainPID namebridge)\" -ne $held ]"
expect 'the agent is a new one, too' await inside sh -c "systemctl --quiet is-active namebridge-agent && [ \"\$(systemctl show -P MainPID namebridge-agent)\" -ne $keeper ]"
expect 'kept routes and translation' inside namebridge net status

expect 'is removed' inside dpkg --remove namebridge
cat "$folder/output"
expect 'is stopped by that' stopped namebridge.service
expect 'so is the agent' stopped namebridge-agent.service
network "$folder/network-after"
expect 'the network is as before' same "$folder/network-before" "$folder/network-after"
expect 'the configuration stays' test -e "$root/etc/namebridge/namebridge.yaml"
expect 'the logs stay' test -s "$queries"
expect 'is purged' inside dpkg --purge namebridge
expect 'the logs are gone' test ! -e "$root/var/log/namebridge"
files "$folder/after"
expect 'nothing is left' sh -c "diff '$folder/before' '$folder/after' | grep '^[<>]' | grep -vE ' (etc/(passwd|group|shadow|gshadow)-?|usr/.*\.(cache|db))\$' && exit 1 || true"

# The tutorials, typed on hosts that are such a root with what their readers have: kubectl, dig and curl.
if [ ! -e "$folder/roles.done" ]; then
    rm -rf "$folder/roles"
    cp -a "$base" "$folder/roles"
    # The resolver of this host as it is now: that of the root is from the day when it was made.
    cp -L --remove-destination /etc/resolv.conf "$folder/roles/etc/resolv.conf"
    chroot "$folder/roles" apt-get -q -y install kubernetes-client curl >>"$folder/debootstrap.log"
    touch "$folder/roles.done"
fi
cp "$package" "$folder/roles/root/package.deb"
chroot "$folder/roles" dpkg --install /root/package.deb >>"$folder/debootstrap.log"
typed=$(mktemp)
expect 'the tutorials of the three roles hold there' sh -c "python3 $setup/try-roles.py '$folder/roles/usr/bin/namebridge' '$folder/roles' >'$typed' 2>&1"
{ grep -E '^(FAIL|A |ok    the first)' "$typed" || tail -20 "$typed"; } | sed 's/^/      /'
rm "$typed"

say "$failures of these failed"
[ "$failures" -eq 0 ]
