#!/bin/sh
# Builds an RPM from the portable binary, with rpmbuild of Debian's package `rpm`: build-rpm.sh BINARY FOLDER.
set -eu

binary=$1
folder=$2
version=$(${RUNNER:-} "$binary" --version)

rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
make --no-print-directory install-files BINARY="$binary" DESTDIR="$folder/staged" PREFIX=/usr SYSCONFDIR=/etc \
    UNITDIR=/usr/lib/systemd/system ZSHDIR=/usr/share/zsh/site-functions >/dev/null
rpmbuild -bb --quiet --target "$(sh Sources/Support/Setup/processor.sh "$binary")" --define "_topdir $folder/build" --define "staged $folder/staged" \
    --define "program_version $version" --define "_rpmdir $folder" --define '_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm' \
    --define 'use_source_date_epoch_as_buildtime 1' config/rpm/namebridge.spec
rm -rf "$folder/build" "$folder/staged"
printf 'Built %s; install it with: sudo dnf install ./%s\n' "$folder"/*.rpm "$(basename "$folder"/*.rpm)"
