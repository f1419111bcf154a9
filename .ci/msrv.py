"""Fails if a normal dependency of the library asks for a newer Rust than argv[1]."""

import json
import subprocess
import sys

wanted = tuple(map(int, sys.argv[1].split(".")))
metadata = json.loads(
    subprocess.check_output(
        ["cargo", "metadata", "--locked", "--format-version", "1", "--all-features"]
    )
)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}

seen, queue = set(), [metadata["resolve"]["root"]]
while queue:
    package = queue.pop()
    if package in seen:
        continue
    seen.add(package)
    for dependency in nodes[package]["deps"]:
        if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
            queue.append(dependency["pkg"])

newer = []
for package in map(packages.get, seen):
    version = package.get("rust_version")
    if version and tuple(map(int, version.split(".")[:2])) > wanted:
        newer.append(f"{package['name']} {package['version']} asks for Rust {version}")
print(f"{len(seen)} packages looked at")
if newer:
    sys.exit("\n".join(sorted(newer)))
