"""Keep a study's headline numbers: `python -m benchmarks.keep runs/demo` writes benchmarks/results/demo.json without
single episodes, and prints the table of the README. `--curves 10` keeps learning curves as means of ten equal spans."""

import argparse
import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.machine import machine

RESULTS = Path(__file__).parent / "results"


def slim(node: Any, spans: int = 0) -> Any:
    """The same tree without outcomes of single episodes, and with learning curves in so many spans: without, if 0."""
    if not isinstance(node, dict):
        return node
    kept = {key: slim(value, spans) for key, value in node.items() if key not in ("values", "curves")}
    if spans and "curves" in node:
        kept["curves"] = [thinned(curve, spans) for curve in node["curves"]]
    return kept


def thinned(curve: dict[str, list[Any]], spans: int) -> dict[str, list[Any]]:
    """The last update of each of `spans` equal spans, and its mean of `share` (None where no episode ended)."""
    points = len(curve["update"])
    if spans > points:
        raise SystemExit(f"--curves must be at most the {points} points of a curve, got {spans}")
    edges = [round(i * points / spans) for i in range(spans + 1)]
    found = [[s for s in curve["share"][first:end] if s is not None] for first, end in pairwise(edges)]
    share = [round(sum(part) / len(part), 3) if part else None for part in found]
    return {"update": [curve["update"][end - 1] for end in edges[1:]], "share": share}


def commit() -> str:
    """Hash of the checked-out commit, with a plus when files differ from it."""
    text = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
    changed = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    return text.strip() + ("+" if changed.strip() else "")


def markdown(results: dict[str, Any]) -> str:
    """Success of every row in every cell with its interval, the ceiling without memory, and the costs."""
    rows = results["rows"]
    cells = list(next(iter(rows.values()))["cells"])
    lines = ["| | " + " | ".join(rows) + " | without memory |", "|---" * (len(rows) + 2) + "|"]
    for cell in cells:
        found = [rows[row]["cells"][cell] for row in rows]
        marks = [f"{c['mean']:.2f} ({c['low']:.2f}–{c['high']:.2f})" for c in found]
        lines.append(f"| {cell} | " + " | ".join(marks) + f" | {found[0]['chance']:.2f} |")
    for name, label in (
        ("bytes", "bytes of state"),
        ("attended", "attended moments"),
        ("cpu_seconds", "training, CPU s"),
    ):
        lines.append(f"| {label} | " + " | ".join(f"{rows[row][name]:,.0f}" for row in rows) + " | |")
    return "\n".join(lines)


def main() -> None:
    """Read a study's results.json, keep it, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="folder of a study that `loci compare` made")
    parser.add_argument("--curves", type=int, default=0, metavar="N", help="keep learning curves in N spans")
    study, spans = vars(parser.parse_args()).values()
    results = json.loads((study / "results.json").read_text())
    kept = slim(results, spans) | {"commit": commit(), "machine": results["machine"] | machine()}
    path = RESULTS / f"{study.name}.json"
    path.write_text(json.dumps(kept, indent=1) + "\n")
    print(markdown(results))
    print(f"\n-> {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
