"""What a reader should hold against a study's numbers, found in the results themselves."""

from typing import Any

ALIKE = 0.05
"""Rows whose bytes differ by less than this share count as equal."""
SPREAD = 0.15
"""Difference between the best and the worst seed that is worth a line."""
FEW = 5
"""Seeds below which an interval is called rough."""


def caveats(results: dict[str, Any]) -> list[str]:
    """Sentences; never empty, because the number of seeds is always named."""
    parts = (
        _seeds,
        _controls,
        _unfinished,
        _bytes,
        _attended,
        _not_best,
        _not_significant,
        _spread,
        _ceiling,
        _unheard,
    )
    return [line for part in parts for line in part(results)]


def contenders(results: dict[str, Any]) -> dict[str, Any]:
    """The rows that are compared: all but the controls, which play another version of the task."""
    return {row: content for row, content in results["rows"].items() if row not in results.get("controls", [])}


def _controls(results: dict[str, Any]) -> list[str]:
    names = [row for row in results.get("controls", []) if row in results["rows"]]
    return [f"Controls, not contenders, on another version of the task: {', '.join(names)}."] if names else []


def _seeds(results: dict[str, Any]) -> list[str]:
    count = len(results["seeds"])
    if count == 1:
        return ["One seed: the intervals know nothing of how training varies from seed to seed."]
    rough = ", which is few: intervals over so few seeds are rough" if count < FEW else ""
    return [f"Every row was trained from {count} seeds{rough}."]


def _unfinished(results: dict[str, Any]) -> list[str]:
    failed = results.get("failed", [])
    return [f"Not finished, and therefore absent from this page: {', '.join(failed)}."] if failed else []


def _reference(results: dict[str, Any]) -> dict[str, Any] | None:
    row: dict[str, Any] | None = results["rows"].get(results["reference"])
    return row


def _bytes(results: dict[str, Any]) -> list[str]:
    reference = _reference(results)
    if reference is None:
        return [f"The reference {results['reference']} is not among the rows: nothing is tested against it."]
    mine = reference["bytes"]
    unequal = [
        f"{row} ({content['bytes']:,})"
        for row, content in contenders(results).items()
        if abs(content["bytes"] - mine) > ALIKE * max(mine, 1)
    ]
    equal = "All rows carry as many bytes as the reference (within 5%)."
    return [f"Not at equal bytes with {results['reference']} ({mine:,}): {', '.join(unequal)}." if unequal else equal]


def _attended(results: dict[str, Any]) -> list[str]:
    reference = _reference(results)
    if reference is None:
        return []
    mine = reference["attended"]
    more = [f"{row} ({r['attended']})" for row, r in contenders(results).items() if r["attended"] > mine]
    return (
        [f"Reads of these rows take in more items than those of {results['reference']} ({mine}): {', '.join(more)}."]
        if more
        else []
    )


def _not_best(results: dict[str, Any]) -> list[str]:
    reference = _reference(results)
    if reference is None:
        return []
    lines = []
    for cell, mine in reference["cells"].items():
        best = max(contenders(results), key=lambda row: results["rows"][row]["cells"][cell]["mean"])
        theirs = results["rows"][best]["cells"][cell]["mean"]
        if theirs > mine["mean"]:
            lines.append(
                f"In “{cell}” {results['reference']} is not best: {best} reaches {theirs:.3f}, it {mine['mean']:.3f}."
            )
    return lines


def _not_significant(results: dict[str, Any]) -> list[str]:
    weak = [pair for pair, test in results["tests"].items() if test["p"] >= 0.05]
    text = "; ".join(f"{row} in “{', '.join(rest)}”" for row, *rest in (pair.split(" | ") for pair in weak))
    return [f"Not distinguishable from {results['reference']} at p < 0.05: {text}."] if weak else []


def _spread(results: dict[str, Any]) -> list[str]:
    lines = []
    for row, content in results["rows"].items():
        apart = {cell: max(c["per_seed"]) - min(c["per_seed"]) for cell, c in content["cells"].items()}
        wide = [f"“{cell}” ({value:.2f})" for cell, value in apart.items() if value > SPREAD]
        if wide:
            lines.append(f"The seeds of {row} lie far apart in {', '.join(wide)}.")
    return lines


def _ceiling(results: dict[str, Any]) -> list[str]:
    """A row without state above the ceiling would show that the task leaks its answer."""
    stateless = [row for row, content in contenders(results).items() if content["bytes"] == 0]
    leaks = [
        f"{row} in “{name}” ({cell['low']:.3f} > {cell['chance']:.3f})"
        for row in stateless
        for name, cell in results["rows"][row]["cells"].items()
        if cell["low"] > cell["chance"]
    ]
    if leaks:
        return [
            f"Without state, yet above what can be reached without memory, by luck or by a leak: {', '.join(leaks)}."
        ]
    names = ", ".join(stateless)
    return [f"{names} (no state) nowhere lies above the ceiling without memory, as it must."] if stateless else []


def _unheard(results: dict[str, Any]) -> list[str]:
    """Episodes that are lost before memory is asked for anything."""
    lines = []
    for row, content in contenders(results).items():
        lost = [
            f"“{name}” ({cell['introduced']:.0%})"
            for name, cell in content["cells"].items()
            if cell.get("introduced", 1.0) < 0.9
        ]
        idle = [
            f"“{name}” ({cell['choice']:.0%})"
            for name, cell in content["cells"].items()
            if cell.get("choice", 1.0) < 0.9
        ]
        if lost:
            lines.append(
                f"{row} did not hear every name before it was asked, in {', '.join(lost)}: the shares that it heard."
            )
        if idle:
            lines.append(
                f"{row} chose nothing in some episodes of {', '.join(idle)}: the shares in which it did choose."
            )
    return lines
