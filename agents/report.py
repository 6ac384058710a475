"""The self-contained report of a study: every number, claim and caveat on the page is computed from its results."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loci.agents import page, plots
from loci.agents.caveats import caveats, contenders
from loci.agents.page import figure, named, paragraph, section, table
from loci.agents.plots import Interval
from loci.agents.scenes import Scenes, clip, scenes

MEANINGS = {
    "success": "Share of episodes in which the agent did what it was told, acting by itself.",
    "95% interval": "Percentile bootstrap of the mean: seeds are drawn anew, then episodes within each drawn seed.",
    "no memory at most": "What the rules of the task leave to an agent without memory: a guess among what is there.",
    "state bytes": "All that one agent carries from one step to the next. Rows are compared fairly at equal bytes.",
    "attended": "How many stored items enter one read; 0 for a recurrent state, which has no items.",
    "p": "Two-sided sign-flip test on the episodes that both rows played, adjusted by Holm for all comparisons here.",
    "train CPU s": "CPU seconds of training, mean over seeds; ms per step is acting, with simulation and rendering.",
}


def write_report(results: dict[str, Any], folder: Path) -> Path:
    """Write folder/report.html from what `compare.collect` returns; runs are filmed where their checkpoints are."""
    path = folder / "report.html"
    folder.mkdir(parents=True, exist_ok=True)
    if not results["rows"]:
        path.write_text(page.page("Loci", [paragraph("No row of this study finished; there is nothing to compare.")]))
        return path
    taken = scenes(folder, _shown(results), results["seeds"][0], _settings(results).get(first_cell(results), {}))
    parts = [_head(results, folder), _main_table(results), _curves(results), _grid(results), _every_cell(results)]
    parts += [_differences(results), _watch(taken), _attention(taken)]
    parts.append(section("What to hold against these numbers", page.bullets(caveats(results))))
    parts += [section("What the words mean", page.terms(MEANINGS)), _again(results)]
    path.write_text(page.page(f"Loci: {folder.name}", parts))
    return path


def first_cell(results: dict[str, Any]) -> str:
    """The cell the study is about: the first of its grid."""
    return str(next(iter(next(iter(results["rows"].values()))["cells"])))


def leader(results: dict[str, Any]) -> str:
    """The reference, or the best row of the first cell where the reference is not among the rows."""
    rows, reference = results["rows"], str(results["reference"])
    return reference if reference in rows else _ranked(results)[0]


def headline(results: dict[str, Any]) -> str:
    """One sentence: the leading row, the best other row, and the ceiling without memory, in the first cell."""
    cell, row = first_cell(results), leader(results)
    mine = results["rows"][row]["cells"][cell]
    text = f"{row} succeeds in {mine['mean']:.0%} of episodes of “{cell}” ({mine['low']:.0%} to {mine['high']:.0%})"
    others = [name for name in _ranked(results) if name != row]
    if others:
        theirs = results["rows"][others[0]]["cells"][cell]["mean"]
        text += f"; the best of the others, {others[0]}, in {theirs:.0%}"
    return text + f"; without memory, at most {mine['chance']:.0%} is possible."


def _ranked(results: dict[str, Any]) -> list[str]:
    """The contenders by their success in the first cell, best first."""
    cell, rows = first_cell(results), contenders(results)
    return sorted(rows, key=lambda row: -rows[row]["cells"][cell]["mean"])


def _shown(results: dict[str, Any]) -> list[str]:
    """The rows that are filmed: the leading one, and the weakest of the others."""
    others = [row for row in _ranked(results) if row != leader(results)]
    return [leader(results), *others[-1:]]


def _settings(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Task settings of each cell, {} where the results carry none."""
    return dict(results.get("grid", {}).get("cells", {}))


def _head(results: dict[str, Any], folder: Path) -> str:
    seeds = len(results["seeds"])
    episodes = next(iter(results["rows"].values()))["cells"][first_cell(results)]["count"] // max(seeds, 1)
    plural = "seed" if seeds == 1 else "seeds"
    runs = f"{len(results['rows'])} rows, {seeds} {plural} each, {episodes} episodes a cell and seed"
    return paragraph(f"Loci · {folder.name} · {runs}", "kicker") + page.heading(headline(results))


def _main_table(results: dict[str, Any]) -> str:
    cell, reference = first_cell(results), results["reference"]
    head = [f"row, in “{cell}”", "success", "0 — seeds — 1", f"{reference} − row", "state bytes", "attended",
            "parameters", "train CPU s", "ms per step"]  # fmt: skip
    rows = [_main_row(results, row, number, cell) for number, row in enumerate(results["rows"])]
    chance = next(iter(results["rows"].values()))["cells"][cell]["chance"]
    note = (
        f"Rings are seeds, the tick is their mean, the line its interval; the dashes mark {chance:.3f}, the most that "
        "can be reached without memory."
    )
    marked = list(results["rows"]).index(leader(results))
    return figure(table(head, rows, marked), note)


def _main_row(results: dict[str, Any], row: str, number: int, cell: str) -> list[str]:
    costs, own = results["rows"][row], results["rows"][row]["cells"][cell]
    strip = plots.strip(Interval(own["mean"], own["low"], own["high"]), own["per_seed"], own["chance"], number)
    test = results["tests"].get(f"{row} | {cell}")
    beside = _tested(test) if test else ""
    numbers = [f"{costs['bytes']:,}", f"{costs['attended']:,}", f"{costs['parameters']:,}"]
    spent = [f"{costs['cpu_seconds']:,.0f}", f"{costs['ms_per_step']:.2f}"]
    return [named(row, number), _success(own), strip, beside, *numbers, *spent]


def _success(cell: dict[str, Any]) -> str:
    return f"{cell['mean']:.3f}<br><small>{cell['low']:.3f} – {cell['high']:.3f}</small>"


def _tested(test: dict[str, Any]) -> str:
    p = "p &lt; 0.001" if test["p"] < 0.001 else f"p {test['p']:.3f}"
    interval = f"{test['low']:+.3f} – {test['high']:+.3f}".replace("-", "−")
    return f"{test['difference']:+.3f}".replace("-", "−") + f"<br><small>{interval}<br>{p}</small>"


SHOWN = {
    "right": "Share of the teacher's actions that the policy would have taken, weighted by the reward at stake, during "
    "training",
    "success": "Share of the episodes of training that succeeded",
}


def _curves(results: dict[str, Any]) -> str:
    curves = {row: content["curves"] for row, content in results["rows"].items()}
    if not any(seed["update"] for seeds in curves.values() for seed in seeds):
        return ""
    shown = {seed.get("of", "right") for seeds in curves.values() for seed in seeds}
    caption = f"{' and '.join(SHOWN[of] for of in sorted(shown))}. Lines are means over seeds, bands reach from the "
    caption += "lowest to the highest seed."
    return section("Learning", figure(plots.learning_curves(curves), caption))


def _grid(results: dict[str, Any]) -> str:
    """A panel for every setting in which cells differ from the first cell and from nothing else."""
    panels = [_panel(results, name, values) for name, values in sweeps(_settings(results)).items()]
    if not panels:
        panels = [_panel(results, "cell", dict.fromkeys(results["rows"][leader(results)]["cells"]))]
    legend = "".join(f"<span>{named(row, number)}</span>" for number, row in enumerate(results["rows"]))
    caption = "Success with 95% intervals; each panel changes one setting of the task. Dashes: the most without memory."
    return section(
        "Where it holds",
        f'<div class="legend">{legend}</div>',
        figure(f'<div class="panels">{"".join(panels)}</div>', caption),
    )


def sweeps(settings: dict[str, dict[str, Any]]) -> dict[str, dict[Any, str]]:
    """For each setting the cells that differ from the first one in it alone: {setting: {value: cell}}; a value that is
    a list is named by its cell."""
    if not settings:
        return {}
    base = next(iter(settings.values()))
    found: dict[str, dict[Any, str]] = {}
    for name in base:
        alike = {cell: s for cell, s in settings.items() if all(s.get(k) == v for k, v in base.items() if k != name)}
        values = {_label(s[name], cell): cell for cell, s in alike.items()}
        if len(values) > 1:
            found[name] = dict(sorted(values.items())) if counted(values) else values
    return dict(sorted(found.items(), key=lambda sweep: not counted(sweep[1])))


def _label(value: Any, cell: str) -> Any:
    return cell if isinstance(value, list) else value if isinstance(value, bool | int | float) else str(value)


def counted(values: Iterable[Any]) -> bool:
    """Whether these are numbers, so that a line may join them."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _panel(results: dict[str, Any], name: str, values: dict[Any, Any]) -> str:
    cells = [cell or value for value, cell in values.items()]
    rows = {
        row: [Interval(*(content["cells"][cell][key] for key in ("mean", "low", "high"))) for cell in cells]
        for row, content in results["rows"].items()
    }
    chance = [next(iter(results["rows"].values()))["cells"][cell]["chance"] for cell in cells]
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    return plots.conditions(name, texts, rows, chance, counted(values))


def _every_cell(results: dict[str, Any]) -> str:
    return section("Every cell", *(_cells_of(results, measure) for measure in ("success", *_measures(results))))


def _measures(results: dict[str, Any]) -> list[str]:
    """What is measured beside success."""
    first = next(iter(next(iter(results["rows"].values()))["cells"].values()))
    return [name for name, content in first.items() if isinstance(content, dict)]


def _cells_of(results: dict[str, Any], measure: str) -> str:
    every = {row: content["cells"] for row, content in results["rows"].items()}
    cells = list(next(iter(every.values())))
    rows = [
        [named(row, number), *(_success(own[cell] if measure == "success" else own[cell][measure]) for cell in cells)]
        for number, (row, own) in enumerate(every.items())
    ]
    if measure == "success":
        chances = (next(iter(every.values()))[cell]["chance"] for cell in cells)
        rows.append(["<small>without memory at most</small>", *(f"<small>{chance:.3f}</small>" for chance in chances)])
    return table([measure, *cells], rows, list(every).index(leader(results)))


def _differences(results: dict[str, Any]) -> str:
    if not results["tests"]:
        text = (
            f"The reference {results['reference']} is not among the rows that finished, or is alone: nothing is tested."
        )
        return section("Differences", paragraph(text, "missing"))
    note = f"{results['reference']} minus the row, in the same episodes, with the interval; p adjusted by Holm."
    tables = (_tests_of(results, measure) for measure in ("success", *_measures(results)))
    return section("Differences", *(figure(table, note) for table in tables))


def _tests_of(results: dict[str, Any], measure: str) -> str:
    cells, rows = list(next(iter(results["rows"].values()))["cells"]), []
    behind = "" if measure == "success" else f" | {measure}"
    for number, row in enumerate(results["rows"]):
        tests = [results["tests"].get(f"{row} | {cell}{behind}") for cell in cells]
        if any(tests):
            rows.append([named(row, number), *(_tested(test) if test else "" for test in tests)])
    return table([f"{measure}: {results['reference']} −", *cells], rows)


def _watch(taken: Scenes) -> str:
    lines = [paragraph(f"No film of {text}", "missing") for text in taken.missing]
    if taken.differ:
        rows = list(taken.films)
        chosen = f"Episode {taken.episode} is the first in which {rows[0]} succeeds and {rows[1]} does not"
        lines.append(paragraph(f"{chosen}; it was chosen for that, and says nothing about how often it happens."))
    for row, one in taken.films.items():
        end = "succeeds" if one.success else "does not succeed"
        lines.append(figure(clip(one), f"{row} in episode {taken.episode}: {end} after {len(one.moments) - 1} steps."))
    return section("One episode, watched", *lines)


def _attention(taken: Scenes) -> str:
    row, one = next(iter(taken.films.items()), ("", None))
    if one is None or not one.keeps_moments:
        text = (
            f"{row} keeps no moments that could be shown."
            if one
            else "No checkpoint could be played, so there is nothing to show."
        )
        return section("What was read, and when", paragraph(text, "missing"))
    heard, phases = [m.words for m in one.moments[:-1]], [m.phase for m in one.moments[:-1]]
    reads = one.reads()
    caption = (
        f"{row}, the episode above: each line is a step, each column a stored moment; the stronger the colour, the "
        f"heavier the read (strongest {reads.max():.0%})."
    )
    return section("What was read, and when", figure(plots.reading(reads, heard, phases), caption))


def _again(results: dict[str, Any]) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    updates = sorted({row["updates"] for row in results["rows"].values()})
    lines = [
        f"seeds {', '.join(map(str, results['seeds']))}; {' or '.join(map(str, updates))} updates a run",
        f"made with {machine}",
        "the same command continues a study that was stopped; results.json beside this page holds every outcome",
    ]
    return section("How to get these numbers", page.code(results["command"]), page.bullets(lines))
