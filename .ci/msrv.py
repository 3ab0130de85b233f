"""Fails if a locked dependency of the normal or build graph declares a newer Rust than Cargo.toml does."""
import json, subprocess, sys

meta = json.loads(subprocess.check_output(
    ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"]))
version = lambda text: tuple(int(part) for part in (text.split(".") + ["0", "0"])[:3])
packages = {p["id"]: p for p in meta["packages"]}
root = meta["resolve"]["root"]
ours = packages[root]["rust_version"]
nodes = {n["id"]: n for n in meta["resolve"]["nodes"]}
seen, todo = set(), [root]
while todo:
    node = todo.pop()
    if node in seen:
        continue
    seen.add(node)
    for dep in nodes[node]["deps"]:
        if any(kind["kind"] in (None, "build") for kind in dep["dep_kinds"]):
            todo.append(dep["pkg"])
newer = sorted((p["name"], p["version"], p["rust_version"]) for p in (packages[i] for i in seen)
               if p["rust_version"] and version(p["rust_version"]) > version(ours))
for name, own, wants in newer:
    print(f"{name} {own} wants Rust {wants}, Cargo.toml declares {ours}")
print(f"{len(seen)} packages, declared minimum Rust {ours}")
sys.exit(1 if newer else 0)
