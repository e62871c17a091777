#!/bin/bash
# Looks at the RPM, the archive and the image from outside, and uses each in a root of its own: try-packages.sh RPM-FOLDER
# ARCHIVE-FOLDER IMAGE-FOLDER FOLDER. Needs root, rpm, skopeo, busybox-static and dig. Everything runs in a network
# namespace that nothing else is in.
set -euo pipefail

rpm=$(realpath "$1"/*.rpm)
archive=$(realpath "$2"/*.tar.gz)
image=$(realpath "$3")
folder=$4
user=65532
failures=0
rm -rf "$folder"
mkdir -p "$folder"
folder=$(realpath "$folder")

# Says whether a command held: expect TEXT COMMAND...
expect() {
    local text=$1
    shift
    if "$@" >"$folder/output" 2>&1; then
        printf 'ok    %s\n' "$text"
    else
        printf 'FAIL  %s\n' "$text"
        sed 's/^/      /' "$folder/output"
        failures=$((failures + 1))
    fi
}

# A root with a shell and the usual small programs, and nothing else.
make_root() {
    mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/var/lib/rpm" "$1/proc" "$1/dev" "$1/run" "$1/usr/bin"
    cp "$(command -v busybox)" "$1/bin/busybox"
    chroot "$1" /bin/busybox --install -s /bin
    printf 'root:x:0:0:root:/:/bin/sh\n' >"$1/etc/passwd"
    printf 'root:x:0:\n' >"$1/etc/group"
}
# Runs a command in a root, with a /proc of its own, as every container has it.
inside() {
    local root=$1
    shift
    unshare --mount --pid --fork --kill-child sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" "$@"
}
listed() { (cd "$1" && find . ! -type d ! -path './bin/*' ! -path './var/lib/rpm/*' | sort); }

# Starts a server of a root in a network namespace: start ROOT WORD...
start() {
    unshare --net --mount --fork --kill-child sh -c 'ip link set lo up && mount -t proc proc "$0/proc" &&
        if [ -d "$0/dev/shm" ]; then mount -t tmpfs -o mode=1777 shm "$0/dev/shm" && mount --bind "$0" "$0.ro" &&
            mount -o remount,bind,ro "$0.ro" && mount --rbind "$0/proc" "$0.ro/proc" && mount --bind "$0/dev/shm" "$0.ro/dev/shm" && exec chroot "$0.ro" "$@"; fi &&
        exec chroot "$0" "$@"' \
        "$@" >"$folder/server.log" 2>&1 &
    server=$!
    for _ in $(seq 100); do
        inner=$(pgrep -P "$server" | head -1)
        if [ -n "$inner" ] && ask kubernetes.default.svc.prod.cluster.local; then return 0; fi
        sleep 0.1
    done
    cat "$folder/server.log"
    return 1
}
ask() { nsenter --target "$inner" --net dig +short +time=1 +tries=1 -p "$port" @127.0.0.1 "$1" | grep -q '^10[.]'; }
# unshare(1) itself takes no SIGTERM; it ends with its child.
stop() {
    if [ -n "$inner" ]; then kill "$inner" 2>/dev/null || true; fi
    if [ -n "$server" ]; then wait "$server" 2>/dev/null || true; fi
    server= inner=
}
server=
inner=
port=5300
trap stop EXIT

# The RPM.
expect 'the RPM has the program, the units and the guides' sh -c "rpm -qlp '$rpm' >'$folder/files' &&
    for file in /usr/bin/namebridge /usr/lib/systemd/system/namebridge.service /usr/share/man/man8/namebridge.8 /usr/lib/sysusers.d/namebridge.conf \
        /usr/share/doc/namebridge/README.md /usr/share/doc/namebridge/docs/index.md; do grep -qxF \$file '$folder/files' || { echo \$file is missing; exit 1; }; done"
expect 'it needs nothing of a distribution' sh -c "! rpm -qp --requires '$rpm' | grep -vE '^(rpmlib|/bin/sh)'"
root=$folder/rpm
make_root "$root"
listed "$root" >"$folder/before"
expect 'it is installed in a root' rpm --root "$root" --dbpath /var/lib/rpm --nodeps --noplugins -i "$rpm"
cp "$folder/output" "$folder/said"
expect 'says what comes next' grep -q 'namebridge init' "$folder/said"
expect 'its files are as packed' rpm --root "$root" --dbpath /var/lib/rpm --nodeps -V namebridge
expect 'its program runs there' inside "$root" namebridge --version
expect 'init writes a file that passes the check' inside "$root" sh -c 'namebridge init --from none --cluster prod=10.96.0.10 && namebridge check'
expect 'its demo answers' start "$root" namebridge serve --demo --control /run/demo.sock
stop
expect 'it is removed' rpm --root "$root" --dbpath /var/lib/rpm --nodeps --noplugins -e namebridge
listed "$root" | grep -v namebridge.yaml >"$folder/after"
expect 'nothing but the configuration is left' diff "$folder/before" "$folder/after"

# The archive.
root=$folder/archive
make_root "$root"
listed "$root" >"$folder/before"
mkdir "$folder/unpacked"
expect 'the archive has the digest beside it' sh -c "cd '$(dirname "$archive")' && sha256sum -c ./*.sha256"
tar -xzf "$archive" -C "$folder/unpacked"
installer=$(echo "$folder"/unpacked/*/install.sh)
expect 'its script installs below a root' sh "$installer" --root "$root" --prefix /opt/namebridge
expect 'its program runs there' inside "$root" /opt/namebridge/bin/namebridge --version
expect 'its units name the program' grep -q '^ExecStart=/opt/namebridge/bin/namebridge serve' "$root/opt/namebridge/lib/systemd/system/namebridge.service"
expect 'its demo answers' start "$root" /opt/namebridge/bin/namebridge serve --demo --control /run/demo.sock
stop
# Without the user of the service glibc would ask the other sources of the host that this runs on.
expect 'it serves on a host whose accounts have more sources' sh -c "printf 'passwd: files systemd sss\n' >'$folder/nsswitch' &&
    printf 'dns: { listen: 127.0.0.1:5300 }\nclusters: { prod: { dns: 127.0.0.1:5301 } }\n' >'$folder/host.yaml' &&
    unshare --net --mount sh -c 'ip link set lo up && mount --bind \"\$1/nsswitch\" /etc/nsswitch.conf && grep -v ^namebridge: /etc/passwd >\"\$1/passwd\" &&
        mount --bind \"\$1/passwd\" /etc/passwd && exec timeout 2 \"\$2\" serve --config \"\$1/host.yaml\" --control \"\$1/host.sock\"' sh '$folder' '$root/opt/namebridge/bin/namebridge' 2>&1 |
    grep -q 'serving clusters=1'"
expect 'a second time is an upgrade' sh "$installer" --root "$root" --prefix /opt/namebridge
expect 'its script removes it' sh "$installer" --remove --root "$root" --prefix /opt/namebridge
listed "$root" >"$folder/after"
expect 'nothing is left' diff "$folder/before" "$folder/after"
expect 'wrong words are told' sh -c "! sh '$installer' --nonsense"

# The image.
layout=$image/namebridge
expect 'the image can be inspected' skopeo inspect "oci:$layout"
cat "$folder/output"
expect 'its configuration has a user, an entry point and a health check' sh -c "skopeo inspect --config --raw 'oci:$layout' |
    python3 -c 'import json, sys; c = json.load(sys.stdin)[\"config\"]; assert c[\"User\"] == \"$user:$user\" and c[\"Entrypoint\"] and c[\"Healthcheck\"], c'"
expect 'it can be copied as others would' skopeo copy --insecure-policy "oci:$layout" "docker-archive:$folder/image.tar:localhost/namebridge:test"
expect 'its archive is an image, too' skopeo inspect "oci-archive:$(echo "$image"/*.oci.tar)"
root=$folder/image
mkdir "$root"
blob=$(skopeo inspect --raw "oci:$layout" | python3 -c 'import json, sys; print(json.load(sys.stdin)["layers"][0]["digest"].split(":")[1])')
tar -xzf "$layout/blobs/sha256/$blob" -C "$root" --xattrs --xattrs-include='*'
size=$(du -sb "$root" | cut -f1)
expect "it has less than 40 MB: $size octets, packed $(stat -c %s "$layout/blobs/sha256/$blob")" [ "$size" -lt 40000000 ]
expect 'its program may bind low ports, and no other file has a right' sh -c "getcap -r '$root' | grep -c . | grep -qx 1 && getcap '$root/usr/bin/namebridge' | grep -q 'cap_net_bind_service=p'"
cat >"$root/etc/namebridge/namebridge.yaml" <<'END'
dns: { listen: 127.0.0.1:53, bare-domain: prod }
admin: { listen: 127.0.0.1:9153 }
clusters: { prod: { dns: 127.0.0.1:5301 } }
END
# The cluster is a demo's, which runs in the same network namespace. Both see the image read-only and /dev/shm, as with
# "docker run --read-only".
mkdir "$root/dev/shm" "$root.ro"
expect 'a cluster for it runs, of an image that is read-only' start "$root" /usr/bin/namebridge serve --demo --control /dev/shm/demo.sock
demo=$server
space=$inner
# As a container engine does: another user, whose only way to a capability is the program's file, and the image's environment.
environment=$(skopeo inspect --config --raw "oci:$layout" | python3 -c 'import json, sys; print(*json.load(sys.stdin)["config"]["Env"])')
as_user() {
    # shellcheck disable=SC2086 # no value has a space
    env -i $environment "$(command -v nsenter)" --target "$space" --net --mount --root --wdns=/ --setuid $user --setgid $user -- /usr/bin/namebridge "$@"
}
serve() {
    as_user serve >"$folder/image.log" 2>&1 &
    forwarder=$!
}
status() { as_user status --live; }
ready() { nsenter --target "$space" --net python3 -c 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:9153/ready", timeout=2).read())'; }
await() { for _ in $(seq 50); do if "$@" >/dev/null 2>&1; then return 0; fi; sleep 0.1; done; "$@"; }
begin=$(date +%s%N)
serve
port=53
expect 'as its own user it answers at port 53' await ask kubernetes.default.svc.prod.cluster.local
printf '      %d ms after its start\n' $((($(date +%s%N) - begin) / 1000000))
expect 'is ready' await ready
expect 'is healthy, as its health check asks' await status
expect 'can write nothing in its image' sh -c "! nsenter --target $space --mount --root --wdns=/ -- /usr/bin/namebridge init --from none --cluster a=192.0.2.1 --config /etc/x.yaml"
expect 'holds CAP_NET_BIND_SERVICE at most' sh -c "grep -qE '^CapPrm:.0+(400)?\$' /proc/\$(pgrep -P $forwarder || echo $forwarder)/status"
# The server itself, where a shell waits for it: that alone would leave it running.
pkill -P $forwarder || kill $forwarder
wait $forwarder || true
server=$demo
inner=$space
stop

printf '%d of these failed\n' "$failures"
[ "$failures" -eq 0 ]
