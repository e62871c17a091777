#!/bin/sh
# Links the objects of the static build once more, into a program that needs nothing of its host but the kernel: glibc,
# libldns, libcrypto and libyaml inside. For the tarball, the RPM and the image: link-portable.sh STATIC OUTPUT.
#
# Debian's package uses the other binary, whose C libraries are shared, and so are mended with Debian's updates.
set -eu

static=$1
output=$2
objects=$static/release/namebridge.product/Objects.LinkFileList
[ -e "$objects" ] || { echo "There is no $objects: make static" >&2; exit 1; }

mkdir -p "$(dirname "$output")"
# Nothing may look up users or hosts by glibc: it would load modules of the host's, and crash.
swiftc -static-executable -use-ld=lld -Xlinker --gc-sections -Xlinker --icf=safe -Xlinker -z -Xlinker now \
    -Xlinker --defsym=main=namebridge_main -Xlinker -s "@$objects" -o "$output" -lldns -lssl -lcrypto -lyaml 2>"$output.log" || { cat "$output.log" >&2; exit 1; }
rm -f "$output.log"
if readelf -l "$output" | grep -q INTERP; then echo "$output still needs shared libraries." >&2; exit 1; fi
