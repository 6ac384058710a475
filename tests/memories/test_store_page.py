"""The page about stores: its example runs and prints what is stated, its files exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "memories" / "stores.md").read_text()


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "a dirty cup [Edge(head='cup_1', relation='on', tail='table_1')]"
    assert said[1] == "['a cup', 'a cup', 'a dirty cup', 'a dirty cup'] 1.0"


def test_what_it_names_exists() -> None:
    for path in re.findall(r"(?:memories|tests|benchmarks)/[\w/]+(?:\.py)?", PAGE):
        assert (ROOT / path).exists(), path
