#!/bin/sh
# Installs the Debian packages that are named as arguments and missing; does nothing where all are there.
#
# Name servers among them are for tests only: they are neither started (policy-rc.d answers 101 while apt works,
# and is put back exactly as it was) nor left to be started at the next boot.
set -eu

policy=/usr/sbin/policy-rc.d
saved=$policy.before-namebridge
mark='# Made by the set-up of namebridge; gone when it ends.'

die() {
    printf 'set-up: %s\n' "$*" >&2
    exit 1
}

# Undoes `hold_services`, also what a killed run left behind.
release_services() {
    if [ -f "$policy" ] && grep -qxF "$mark" "$policy"; then rm -f "$policy"; fi
    if [ -e "$saved" ] || [ -L "$saved" ]; then mv -f "$saved" "$policy"; fi
}

# Tells Debian's maintainer scripts to start nothing (101: action forbidden by policy, see invoke-rc.d(8)).
hold_services() {
    release_services
    trap release_services EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$saved"; fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
    chmod 755 "$policy"
}

# Keeps the services of the packages just installed from starting at the next boot.
disable_services() {
    command -v systemctl >/dev/null || return 0
    for package in "$@"; do
        dpkg -L "$package" | sed -n 's|^\(/usr\)\{0,1\}/lib/systemd/system/\([^/@]*\.service\)$|\2|p'
    done | while read -r unit; do
        systemctl disable "$unit" >/dev/null 2>&1 || true
    done
}

if [ "${1-}" = --as-root ]; then
    shift
    exec 9>/run/namebridge-set-up.lock
    flock 9
    hold_services
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update || printf 'set-up: the package lists could not be renewed, trying with those at hand\n' >&2
    apt-get -q -y --no-install-recommends install "$@" || die "apt-get could not install: $*"
    disable_services "$@"
    exit 0
fi

missing=
for package in "$@"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=absent
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || die "these Debian packages are missing, and there is no apt-get here:$missing"
printf 'set-up: installing%s\n' "$missing" >&2
# The names are split into words on purpose: package names hold no spaces.
if [ "$(id -u)" -eq 0 ]; then
    exec sh "$0" --as-root $missing
elif command -v sudo >/dev/null; then
    exec sudo sh "$0" --as-root $missing
fi
die "these Debian packages are missing; install them as root (there is no sudo here): apt-get install$missing"
