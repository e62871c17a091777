#!/bin/sh
# Makes the documentation of every module with an essay (`MODULE.docc`) from a debug build, as one site of static files:
#
#     make-docs.sh OUTPUT
#
# The compiler's own tools do it, so that the package needs no plugin. It fails if a link in an essay is broken.
set -eu

output=$1
build=$(swift build --show-bin-path)
target=$(swift -print-target-info | sed -n 's/.*"triple" *: *"\([^"]*\)".*/\1/p' | head -n 1)
maps=$(find Sources "$build"/CLinux.build -name module.modulemap -exec printf '%s %s ' -Xcc '-fmodule-map-file={}' \;)
rm -rf "$output"
mkdir -p "$output/graphs" "$output/archives"
broken=no
for catalogue in $(find Sources -name '*.docc' | sort); do
    module=$(basename "$catalogue" .docc)
    mkdir "$output/graphs/$module"
    # shellcheck disable=SC2086 # two words for each map
    swift-symbolgraph-extract -module-name "$module" -I "$build" -I "$build/Modules" -target "$target" $maps \
        -minimum-access-level package -skip-synthesized-members -output-dir "$output/graphs/$module"
    docc convert "$catalogue" --additional-symbol-graph-dir "$output/graphs/$module" \
        --output-path "$output/archives/$module.doccarchive" --fallback-display-name "$module" \
        --fallback-bundle-identifier "namebridge.$module" > "$output/$module.log" 2>&1 \
        || { cat "$output/$module.log" >&2; exit 1; }
    # docc also reports every parameter without a description, which is no fault here.
    if grep -A 1 "doesn't exist at\|is ambiguous at\|Can't resolve" "$output/$module.log" >&2; then broken=yes; fi
done
[ $broken = no ] || { echo 'Broken links: see above.' >&2; exit 1; }
docc merge "$output"/archives/*.doccarchive --output-path "$output/site" --synthesized-landing-page-name Namebridge
rm -rf "$output/graphs" "$output/archives"
echo "Documentation: $output/site; to read it: python3 -m http.server --directory $output/site"
