"""`loci compare`: the rows of an experiment x seeds, trained as long and scored on the same episodes.

Writes results.json (per row, seed and cell, with costs), report.html (self-contained) and prints the table. A study
that was killed goes on where it stopped; a job that fails is listed and does not stop the others.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from loci.agents import jobs
from loci.agents.jobs import Job
from loci.agents.statistics import holm, paired_test, stratified_bootstrap

Values = list[list[float]]
"""Of every seed those of its episodes."""
OWN = ("workers=", "reference=", "folder=", "seeds=", "rows=", "rows.", "controls=", "hydra.", "hydra/")
"""Overrides that concern the study, not its jobs."""


def collect(planned: list[Job], config: DictConfig, command: str) -> dict[str, Any]:
    """Results of the finished jobs, {"rows": {row: {costs, cells: {cell: …}, curves}}, "tests": …}."""
    rows: dict[str, Any] = {}
    for name in dict.fromkeys(job.row for job in planned):
        found = [jobs.summary(job) for job in planned if job.row == name]
        rows[name] = _costs(found) | {"cells": _cells(found), "curves": [one["curve"] for one in found]}
    seeds = sorted({job.seed for job in planned})
    controls = [str(name) for name in config.controls]
    results = {"command": command, "seeds": seeds, "reference": config.reference, "controls": controls, "rows": rows}
    compared = {name: row for name, row in rows.items() if name not in controls}
    tests = _tests(compared, config.reference)
    return results | {"grid": _grid(planned), "tests": tests, "machine": _machine()}


def _grid(planned: list[Job]) -> dict[str, Any]:
    """The evaluation; settings of cells are completed by those of training, so that cells can be set side by side."""
    if not planned:
        return {"cells": {}}
    folder = Path(planned[0].folder)
    grid = json.loads((folder / "evaluation.json").read_text())["grid"]
    task = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml").task)
    assert isinstance(task, dict)
    named = dict.fromkeys(name for cell in grid["cells"].values() for name in cell or {})
    cells = {cell: {name: task[name] for name in named} | (own or {}) for cell, own in grid["cells"].items()}
    return dict(grid | {"cells": cells})


def _costs(found: list[dict[str, Any]]) -> dict[str, Any]:
    first, seconds = found[0]["summary"], [one["summary"]["cpu_seconds"] for one in found]
    cells = [cell for one in found for cell in one["evaluation"]["cells"].values()]
    same = ("memory", "bytes", "attended", "parameters", "memory_parameters", "updates")
    mean = {
        "cpu_seconds": float(np.mean(seconds)),
        "episodes": float(np.mean([one["summary"]["episodes"] for one in found])),
        "ms_per_step": float(np.median([cell["ms_per_step"] for cell in cells])),
    }
    return {name: first[name] for name in same} | mean


def _cells(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Success of each cell: mean over seeds, interval over seeds and episodes, and every seed's own mean."""
    cells = {}
    for name, first in found[0]["evaluation"]["cells"].items():
        values = [one["evaluation"]["cells"][name]["values"] for one in found]
        others = {
            k: float(np.mean([one["evaluation"]["cells"][name][k]["mean"] for one in found]))
            for k, content in first.items()
            if isinstance(content, dict) and k not in ("success", "measures")
        }
        measured = {
            k: [one["evaluation"]["cells"][name]["measures"][k] for one in found] for k in first.get("measures", {})
        }
        others |= {k: stratified_bootstrap(of_seeds) | {"values": of_seeds} for k, of_seeds in measured.items()}
        means = [float(np.mean(v)) for v in values]
        cells[name] = (
            stratified_bootstrap(values) | others | {"per_seed": means, "chance": first["chance"], "values": values}
        )
    return cells


def _tests(rows: dict[str, Any], reference: str) -> dict[str, Any]:
    """Reference against every other row in every cell, "row | cell": difference of success with its interval, and the
    Holm-adjusted p of the paired test; "row | cell | measure" for what else is measured."""
    if reference not in rows:
        return {}
    pairs: dict[tuple[str, ...], tuple[Values, Values]] = {}
    for row in (name for name in rows if name != reference):
        for cell, theirs in rows[row]["cells"].items():
            own = rows[reference]["cells"][cell]
            pairs[row, cell] = own["values"], theirs["values"]
            for name, part in theirs.items():
                if isinstance(part, dict):
                    pairs[row, cell, name] = own[name]["values"], part["values"]
    adjusted = holm([paired_test(*values) for values in pairs.values()]) if pairs else []
    return {
        " | ".join(pair): _difference(*values) | {"p": p}
        for (pair, values), p in zip(pairs.items(), adjusted, strict=True)
    }


def _difference(own: Values, theirs: Values) -> dict[str, float]:
    """Of the means, with the bootstrap interval over seeds and the episodes that both played."""
    found = stratified_bootstrap((np.asarray(own) - np.asarray(theirs)).tolist())
    return {"difference": found["mean"], "low": found["low"], "high": found["high"]}


def _machine() -> dict[str, Any]:
    from loci.agents.train import versions

    return versions() | {"cores": os.cpu_count()}


def table(results: dict[str, Any]) -> str:
    """Success per row and cell with its interval, and what each memory costs."""
    rows = results["rows"]
    if not rows:
        return "no row finished"
    width = max(len(name) for name in rows) + 1
    lines = []
    for cell in next(iter(rows.values()))["cells"]:
        chance = next(iter(rows.values()))["cells"][cell]["chance"]
        lines.append(f"\n{cell} (without memory at most {chance:.3f})")
        for name, row in rows.items():
            c = row["cells"][cell]
            per_seed = " ".join(f"{v:.2f}" for v in c["per_seed"])
            lines.append(f"  {name:{width}} {c['mean']:.3f}  [{c['low']:.3f}, {c['high']:.3f}]  seeds {per_seed}")
            for measure, m in c.items():
                if isinstance(m, dict):
                    lines.append(f"  {measure:>{width}} {m['mean']:.3f}  [{m['low']:.3f}, {m['high']:.3f}]")
    columns = {"bytes": "", "attended": "", "parameters": "", "cpu_seconds": ".0f", "ms_per_step": ".3f"}
    lines.append(f"\n{'':{width}} " + " ".join(f"{name:>12}" for name in columns))
    for name, row in rows.items():
        lines.append(f"{name:{width}} " + " ".join(f"{row[column]:12{form}}" for column, form in columns.items()))
    return "\n".join(lines)


def compare(config: DictConfig, overrides: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Run what is missing, then write results.json and report.html; the results and the failures."""
    from loci.agents.report import write_report

    folder = Path(config.folder)
    rows = {str(name): [str(o) for o in own] for name, own in config.rows.items()}
    shared = [o for o in overrides if not o.lstrip("+~").startswith(OWN)]
    planned = jobs.plan(rows, list(config.seeds), folder, [*shared, f"name={config.name}"])
    workers = min(os.cpu_count() or 1, len(planned)) if config.workers == "auto" else int(config.workers)
    failed = jobs.run(planned, workers)
    broken = {job.row for job in planned for text in failed if text.startswith(f"{job.folder}:")}
    sound = [job for job in planned if job.row not in broken]
    results = collect(sound, config, " ".join(["loci compare", *overrides])) | {"failed": sorted(broken)}
    (folder / "results.json").write_text(json.dumps(results))
    write_report(results, folder)
    return results, failed


@hydra.main(version_base="1.3", config_path="pkg://loci.conf", config_name="compare")
def main(config: DictConfig) -> None:
    """Entry point of `loci compare`."""
    results, failed = compare(config, list(HydraConfig.get().overrides.task))
    print(table(results))
    print(f"\n-> {config.folder}/report.html, {config.folder}/results.json")
    for text in failed:
        print(f"FAILED {text}", file=sys.stderr)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
