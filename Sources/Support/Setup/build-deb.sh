#!/bin/sh
# Builds a Debian package from the static binary and what is in config/debian and systemd, with debhelper's parts:
# build-deb.sh BINARY FOLDER. The package is left in FOLDER. DEBFULLNAME and DEBEMAIL say who maintains it, as for dch(1).
set -eu

binary=$1
folder=$2
version=$(${RUNNER:-} "$binary" --version)
maintainer="${DEBFULLNAME:-The Namebridge project} <${DEBEMAIL:-namebridge@example.org}>"
source=$folder/source
package=$source/debian/namebridge

rm -rf "$folder"
mkdir -p "$source"
cp -R config/debian "$source/debian"
sed -i "s/^Maintainer: .*/Maintainer: $maintainer/" "$source/debian/control"
cp systemd/sysusers.conf "$source/debian/namebridge.sysusers"
date=$(git log -1 --format=%aD 2>/dev/null) || date=$(date -R)
printf 'namebridge (%s) stable; urgency=medium\n\n  * Version %s.\n\n -- %s  %s\n' \
    "$version" "$version" "$maintainer" "$date" >"$source/debian/changelog"

make --no-print-directory install-files BINARY="$binary" DESTDIR="$package" PREFIX=/usr SYSCONFDIR=/etc \
    UNITDIR=/lib/systemd/system >/dev/null
units=$(cd systemd && ls namebridge*.service | grep -v '^namebridge-net\.')

# Where the program was until 0.1.0: units that `net render` has written name it there.
mkdir -p "$package/usr/sbin"
ln -s ../bin/namebridge "$package/usr/sbin/namebridge"

cd "$source"
dh_testroot
dh_installsysusers
# Units' names hold no spaces. Those that run are started again by an upgrade, and none by being installed.
dh_installsystemd --no-enable --no-start --restart-after-upgrade $units
# Routes stay while the program is replaced (the new one only changes what differs), and questions wait in the sockets.
dh_installsystemd --no-enable --no-start --no-restart-after-upgrade --no-stop-on-upgrade namebridge-net.service
dh_installsystemd --no-enable --no-start --no-restart-after-upgrade --no-stop-on-upgrade namebridge.socket
dh_installdocs
dh_installchangelogs
dh_installlogrotate
# Guides are read as they are.
dh_compress -X.md
dh_fixperms
dh_strip --no-automatic-dbgsym
dh_installdeb
dh_shlibdeps
dh_gencontrol
dh_md5sums
dh_builddeb --destdir=..
cd - >/dev/null
rm -rf "$source"
printf 'Built %s; install it with: sudo apt install ./%s\n' "$folder"/*.deb "$folder"/*.deb
