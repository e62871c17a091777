#!/bin/sh
# Installs Namebridge from its unpacked archive, or removes it again:
#
#     sudo ./install.sh [--prefix /usr/local] [--root FOLDER]
#     sudo ./install.sh --remove [--prefix /usr/local] [--root FOLDER]
#
# Nothing is started, and no configuration is written: `namebridge init` does that. With --root, the files go below that
# folder and nothing else is done, as for an image.
set -eu
# Other users read what is installed, whatever umask root has.
umask 022

here=$(cd "$(dirname "$0")" && pwd)
prefix=/usr/local
root=
action=install

while [ $# -gt 0 ]; do
    case $1 in
        --prefix | --root)
            [ $# -gt 1 ] || { echo "install.sh: $1 needs a folder" >&2; exit 2; }
            if [ "$1" = --prefix ]; then prefix=$2; else root=$2; fi
            shift 2
            ;;
        --remove) action=remove && shift ;;
        *)
            sed -n '2,8s/^# \{0,1\}//p' "$0"
            [ "$1" = --help ] && exit 0
            exit 2
            ;;
    esac
done
case $prefix in /*) ;; *) echo "install.sh: --prefix needs an absolute path" >&2; exit 2 ;; esac
target=$root$prefix

# Every file of the archive, but for this script and the licence beside it.
files() { (cd "$here" && find bin lib share -type f | sort); }

# Whether this host's own system is meant, and systemd runs it.
is_live() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

if [ "$action" = remove ]; then
    if is_live; then
        systemctl disable --now namebridge.socket namebridge.service namebridge-follow.service namebridge-agent.service \
            namebridge-net.service 2>/dev/null || true
    fi
    # Routes and translation that no unit has taken away go with the program that could.
    if [ -z "$root" ] && [ -e /run/namebridge-net ]; then "$target/bin/namebridge" net remove || true; fi
    files | while read -r file; do rm -f "$target/$file"; done
    if [ "$(readlink "$target/sbin/namebridge")" = ../bin/namebridge ]; then rm -f "$target/sbin/namebridge"; fi
    rmdir "$target/share/namebridge/demo" "$target/share/namebridge" "$target/share/doc/namebridge/docs" \
        "$target/share/doc/namebridge" 2>/dev/null || true
    if is_live; then systemctl daemon-reload; fi
    echo "Removed; $root/etc/namebridge stays."
    exit 0
fi

files | while read -r file; do
    mkdir -p "$target/$(dirname "$file")"
    mode=644
    case $file in bin/*) mode=755 ;; esac
    # A running program keeps its old file: the new one takes its place.
    case $file in
        lib/systemd/*) sed "s|/usr/local/bin/|$prefix/bin/|" "$here/$file" >"$target/$file.new" ;;
        *) cp "$here/$file" "$target/$file.new" ;;
    esac
    chmod $mode "$target/$file.new"
    mv -f "$target/$file.new" "$target/$file"
done
# An earlier version stood there, and comes first on the PATH of root. Where sbin is a link to bin, as in Fedora, it is
# the new one itself.
if [ -f "$target/sbin/namebridge" ] && [ ! -L "$target/sbin/namebridge" ] &&
    ! [ "$target/sbin/namebridge" -ef "$target/bin/namebridge" ]; then
    ln -sf ../bin/namebridge "$target/sbin/namebridge"
fi
mkdir -p "$root/etc/namebridge"
if is_live; then
    systemd-sysusers "$target/lib/sysusers.d/namebridge.conf" || echo 'Make a system user "namebridge": the unit needs it.' >&2
    systemctl daemon-reload
fi
echo "Installed below $target. Next: sudo namebridge init"
