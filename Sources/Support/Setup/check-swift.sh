#!/bin/sh
# Says clearly when the Swift toolchain is missing or older than the package needs.
set -eu

wanted_major=6
wanted_minor=2

command -v swift >/dev/null || {
    printf 'set-up: no "swift" on PATH; Swift %s.%s or newer is needed: https://www.swift.org/install/linux/\n' \
        "$wanted_major" "$wanted_minor" >&2
    exit 1
}
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
major=${version%%.*}
minor=${version#*.}
if [ -z "$version" ] || [ "$major" -lt "$wanted_major" ] ||
    { [ "$major" -eq "$wanted_major" ] && [ "$minor" -lt "$wanted_minor" ]; }; then
    printf 'set-up: %s is Swift %s; Swift %s.%s or newer is needed: https://www.swift.org/install/linux/\n' \
        "$(command -v swift)" "${version:-of an unknown version}" "$wanted_major" "$wanted_minor" >&2
    exit 1
fi
