#!/bin/sh
# Compiles the programs of these tests: ./compile.sh [name …]. Needs p4c-bm2-ss. Positions in the source are left out.
set -e
cd "$(dirname "$0")"
[ $# -gt 0 ] || set -- $(basename -s .p4 *.p4)
for name in "$@"; do
  p4c-bm2-ss --p4runtime-files "$name.p4info.txtpb" -o "$name.json" "$name.p4"
  node -e '
    const fs = require("node:fs")
    const json = JSON.parse(fs.readFileSync(process.argv[1], "utf8"))
    delete json.program
    fs.writeFileSync(process.argv[1], JSON.stringify(json, (key, value) => key === "source_info" ? undefined : value) + "\n")
  ' "$name.json"
done
