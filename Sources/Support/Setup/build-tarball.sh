#!/bin/sh
# Packs the portable binary, what belongs to it and an install script: build-tarball.sh BINARY FOLDER.
set -eu

binary=$1
folder=$2
version=$(${RUNNER:-} "$binary" --version)
name=namebridge-$version-linux-$(sh Sources/Support/Setup/processor.sh "$binary")

rm -rf "$folder"
mkdir -p "$folder/$name"
make --no-print-directory install-files BINARY="$binary" DESTDIR="$folder/$name/files" PREFIX=/usr/local SYSCONFDIR=/etc \
    UNITDIR=/usr/local/lib/systemd/system ZSHDIR=/usr/local/share/zsh/site-functions >/dev/null
mv "$folder/$name/files/usr/local"/* "$folder/$name/"
rm -rf "$folder/$name/files"
cp Sources/Support/Setup/install.sh LICENSE "$folder/$name/"
chmod 755 "$folder/$name/install.sh"
date=$(git log -1 --format=%at 2>/dev/null) || date=$(date +%s)
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$date" -C "$folder" -cf - "$name" | gzip -9n \
    >"$folder/$name.tar.gz"
rm -rf "${folder:?}/$name"
(cd "$folder" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
printf 'Built %s; install it with: tar -xzf %s && sudo %s/install.sh\n' "$folder/$name.tar.gz" "$name.tar.gz" "$name"
