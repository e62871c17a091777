#!/bin/sh
# Says for which processor a program is, as `uname -m` does there: processor.sh PROGRAM. From e_machine of elf(5).
set -eu

case $(od -An -tu2 -j18 -N2 "$1" | tr -d ' ') in
62) echo x86_64 ;;
183) echo aarch64 ;;
*) uname -m ;;
esac
