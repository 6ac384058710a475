"""Keep a study's headline numbers: `python -m benchmarks.keep runs/demo` writes benchmarks/results/demo.json without
single episodes, and prints the table of the README."""

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.machine import machine

RESULTS = Path(__file__).parent / "results"
DROPPED = ("values", "curves")


def slim(node: Any) -> Any:
    """The same tree without outcomes of single episodes and without learning curves."""
    if isinstance(node, dict):
        return {key: slim(value) for key, value in node.items() if key not in DROPPED}
    return node


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
    study = parser.parse_args().study
    results = json.loads((study / "results.json").read_text())
    kept = slim(results) | {"commit": commit(), "machine": results["machine"] | machine()}
    path = RESULTS / f"{study.name}.json"
    path.write_text(json.dumps(kept, indent=1) + "\n")
    print(markdown(results))
    print(f"\n-> {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
