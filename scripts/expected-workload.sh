#!/usr/bin/env bash
# Runs the guests' workload natively under the guests' own busybox and writes guests/build/expected.txt.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$here/guests/build
busybox=$build/busybox

if [[ ! -x $busybox ]]; then
  echo "expected-workload.sh: $busybox is missing; scripts/guests.sh makes it" >&2
  exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch" "$build/expected.txt.partial"' EXIT
mkdir "$scratch/bin" "$scratch/tmp"
cp "$busybox" "$scratch/bin/busybox"
"$busybox" --list | grep -vx busybox | while read -r applet; do ln -s busybox "$scratch/bin/$applet"; done
cd "$here/guests/debian" && env -i PATH="$scratch/bin" LC_ALL=C WORK="$scratch/tmp" \
  "$scratch/bin/busybox" sh workload.sh </dev/null >"$build/expected.txt.partial" 2>&1
mv "$build/expected.txt.partial" "$build/expected.txt"
