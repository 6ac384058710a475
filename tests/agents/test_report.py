"""The report of a small made-up study: what is in the results is on the page, and nothing comes from elsewhere."""

import re
from copy import deepcopy
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_module

from loci.agents import scenes
from loci.agents.caveats import caveats
from loci.agents.compare import _tests
from loci.agents.plots import reading
from loci.agents.report import headline, sweeps, write_report
from loci.agents.statistics import stratified_bootstrap
from loci.agents.train import Run

CELLS = {
    "few <objects>": {"split": "held_out", "objects": 3, "idle": 0},
    "many objects": {"split": "held_out", "objects": 8, "idle": 0},
    "few & later": {"split": "held_out", "objects": 3, "idle": 20},
    "objects of training": {"split": "train", "objects": 3, "idle": 0},
}
RATES = {"none": (0.3, 0.1, 0.3, 0.3), "gru": (0.5, 0.2, 0.4, 0.6), "dual_coding": (0.9, 0.7, 0.8, 0.9)}
BYTES = {"none": 0, "gru": 33792, "dual_coding": 33808}


class Page(HTMLParser):
    """What a browser would find: addresses, tags left open, the text of table cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.cells: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.addresses += [value for name, value in attrs if name in ("src", "href", "poster", "data")]
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open:
            self.cells[-1] += data + " "


def _cell(rate: float, seeds: list[int], objects: int, varied: bool) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    values = [(rng.random(20) < rate).astype(float).tolist() if varied else [1.0] * 20 for _ in seeds]
    own = {"per_seed": [float(np.mean(v)) for v in values], "chance": 1.0 / objects, "values": values}
    return stratified_bootstrap(values) | {"choice": 0.97, "introduced": 0.8} | own


def study(seeds: tuple[int, ...] = (0, 1, 2), reference: str = "dual_coding", varied: bool = True) -> dict[str, Any]:
    """Results as `collect` makes them, a copy that may be changed."""
    return deepcopy(_study(seeds, reference, varied))


@cache
def _study(seeds: tuple[int, ...], reference: str, varied: bool) -> dict[str, Any]:
    rows = {}
    for name, rates in RATES.items():
        own = zip(CELLS.items(), rates, strict=True)
        cells = {cell: _cell(rate, list(seeds), settings["objects"], varied) for (cell, settings), rate in own}
        curve = {key: np.linspace(0.2, 0.9, 30).tolist() for key in ("cpu_seconds", "share")}
        costs = {"memory": name, "bytes": BYTES[name], "attended": 8, "parameters": 123456, "memory_parameters": 1}
        spent = {"updates": 30, "cpu_seconds": 61.0, "episodes": 99.0, "ms_per_step": 0.25}
        curves = [curve | {"update": list(range(1, 31))} for _ in seeds]
        rows[name] = costs | spent | {"cells": cells, "curves": curves}
    results = {"command": "loci compare folder=here", "seeds": list(seeds), "reference": reference, "rows": rows}
    machine = {"loci": "0.1.0", "python": "3.11"}
    return results | {"grid": {"cells": CELLS}, "tests": _tests(rows, reference), "machine": machine}


def _page(results: dict[str, Any], folder: Path) -> tuple[str, Page]:
    text = write_report(results, folder).read_text()
    page = Page(text)
    assert page.open == []
    return text, page


def test_the_page_holds_every_row_and_cell_with_the_numbers_of_the_results(tmp_path: Path):
    results = study()
    text, page = _page(results, tmp_path)
    for row, content in results["rows"].items():
        line = next(n for n, cell in enumerate(page.cells) if cell.strip() == row)
        assert page.cells[line + 1].split()[0] == f"{content['cells']['few <objects>']['mean']:.3f}"
        assert f"{content['bytes']:,}" in text
        assert f"{content['parameters']:,}" in text
        for cell in content["cells"].values():
            interval = f"{cell['mean']:.3f} {cell['low']:.3f} – {cell['high']:.3f}"
            assert interval in {found.strip() for found in page.cells}
    for cell in ("few &lt;objects&gt;", "few &amp; later", "many objects"):
        assert f"<th>{cell}</th>" in text
    for test in results["tests"].values():
        assert f"{test['difference']:+.3f}".replace("-", "−") in text


def test_what_else_is_measured_is_tested_and_shown(tmp_path: Path):
    """A measure that is 0.25 below success in every episode: the same differences, its own means, and p for each."""
    results = study()
    for row in results["rows"].values():
        for cell in row["cells"].values():
            values = [[value - 0.25 for value in seed] for seed in cell["values"]]
            cell["ndtw"] = stratified_bootstrap(values) | {"values": values}
    results["tests"] = _tests(results["rows"], "dual_coding")
    assert len(results["tests"]) == 2 * 2 * len(CELLS)
    for pair, test in results["tests"].items():
        twin = results["tests"][" | ".join(pair.split(" | ")[:2])]
        assert test["difference"] == pytest.approx(twin["difference"])
        assert test["low"] <= test["difference"] <= test["high"]
    _, page = _page(results, tmp_path)
    gru = results["rows"]["gru"]["cells"]["many objects"]["ndtw"]
    assert f"{gru['mean']:.3f} {gru['low']:.3f} – {gru['high']:.3f}" in {found.strip() for found in page.cells}


def test_the_page_needs_nothing_but_itself(tmp_path: Path):
    text, page = _page(study(), tmp_path)
    assert all(address.startswith("data:") for address in page.addresses)
    assert not re.search(r"https?://|@import|url\(|<script|<link", text)
    assert len(text) < 5_000_000


def test_checkpoints_that_are_not_there_are_named(tmp_path: Path):
    text, _ = _page(study(), tmp_path)
    assert "No film of dual_coding, seed 0: no checkpoint" in text
    assert "nothing to show" in text


def test_runs_are_filmed_where_their_checkpoints_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scenes, "SEARCHED", 1)
    for row in ("dual_coding", "none"):
        with initialize_config_module("loci.conf", version_base="1.3"):
            memory = ["scale=debug", f"memory={row}", "name=report", f"folder={tmp_path / f'{row}-s0'}"]
            (tmp_path / f"{row}-s0").mkdir()
            Run(compose("train", overrides=memory)).save()
    results = study(seeds=(0,))
    results["grid"]["cells"] = {cell: {"objects": s["objects"]} for cell, s in CELLS.items()}
    text, page = _page(results, tmp_path)
    assert sum(address.startswith(("data:video/mp4", "data:image/webp")) for address in page.addresses) >= 2
    assert "what the memory read" in text
    assert "No film" not in text
    assert len(text) < 5_000_000


@pytest.mark.parametrize("changes", [{"seeds": (4,)}, {"varied": False}, {"seeds": (4,), "varied": False}])
def test_one_seed_and_no_variance_are_no_trouble(tmp_path: Path, changes: dict[str, Any]):
    text, _ = _page(study(**changes), tmp_path)
    assert "NaN" not in text
    assert "nan" not in re.sub(r"[a-z]nan|nan[a-z]", "", text)


def test_a_reference_that_did_not_finish_is_named(tmp_path: Path):
    text, _ = _page(study(reference="hcam"), tmp_path)
    assert "hcam is not among the rows" in text
    assert "dual_coding succeeds in" in text


def test_a_study_without_rows_still_gives_a_page(tmp_path: Path):
    results = study() | {"rows": {}, "tests": {}}
    assert "No row of this study finished" in _page(results, tmp_path)[0]


def test_results_without_settings_of_cells_are_drawn_in_one_panel(tmp_path: Path):
    results = study()
    del results["grid"]
    assert all(cell in _page(results, tmp_path)[0] for cell in ("many objects", "objects of training"))


def test_the_headline_is_computed():
    results = study()
    cell = results["rows"]["dual_coding"]["cells"]["few <objects>"]
    assert f"dual_coding succeeds in {cell['mean']:.0%}" in headline(results)
    assert "gru" in headline(results)
    assert "33%" in headline(results)
    cell["mean"] = 0.125
    assert "succeeds in 12%" in headline(results)


def test_cells_are_grouped_by_the_one_setting_in_which_they_differ():
    found = sweeps(CELLS)
    assert list(found) == ["objects", "idle", "split"]
    assert found["objects"] == {3: "few <objects>", 8: "many objects"}
    assert found["idle"] == {0: "few <objects>", 20: "few & later"}
    assert found["split"] == {"held_out": "few <objects>", "train": "objects of training"}
    assert sweeps({}) == {}


def test_a_setting_that_is_a_list_is_named_by_its_cell():
    cells = {"all kinds": {"kinds": ["late", "early"]}, "late": {"kinds": ["late"]}}
    assert sweeps(cells) == {"kinds": {"all kinds": "all kinds", "late": "late"}}


def test_caveats_come_from_the_numbers():
    results = study()
    text = " ".join(caveats(results))
    assert "Not at equal bytes with dual_coding (33,808): none (0)" in text
    assert "gru (33,792)" not in text
    assert "3 seeds" in text
    assert "did not hear every name" in text
    results["rows"]["gru"]["cells"]["few & later"]["mean"] = 1.0
    assert "In “few & later” dual_coding is not best: gru reaches 1.000" in " ".join(caveats(results))
    results["rows"]["none"]["cells"]["many objects"]["low"] = 0.5
    assert "none in “many objects” (0.500 > 0.125)" in " ".join(caveats(results))
    assert "One seed" in " ".join(caveats(study(seeds=(0,))))
    assert "Not finished, and therefore absent from this page: window" in " ".join(
        caveats(results | {"failed": ["window"]})
    )


def test_reads_are_drawn_where_they_were():
    weights = np.zeros((4, 4))
    weights[3, 1] = 0.5
    text = reading(weights, ["", "this is a dax", "", "pick up the dax"], ["one", "one", "two", "two"])
    assert text.count('class="read"') == 1
    assert "step 3 reads step 1: 50.0%" in text
    assert text.count("this is a dax") == 2
