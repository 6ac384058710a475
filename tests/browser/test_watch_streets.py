"""`loci watch` in a town, in a real browser: the city is drawn, keys go by the names of the moves, and the memory tells
where its answers came from."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("viser")

from loci.agents.viewer.gate import free_port
from tests.browser.chrome import Chrome
from tests.browser.test_watch import SECONDS, Watch, colours, has, picture, press

pytestmark = pytest.mark.browser
CITY = ("task.cities=1", "task.tours=8", "task.tour=2", "task.first_pass=true")
AGENT = ("encoder=streets", "policy=orar", "memory=mem4nav", "driver=teacher")


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    shown = Watch(free_port(), "task=street_views", *CITY, *AGENT)
    yield shown
    shown.stop()


def test_a_town_is_drawn(chrome: Chrome, watch: Watch, tmp_path: Path) -> None:
    chrome.open(watch.url)
    has(chrome, "Mem4Nav · StreetViews")
    has(chrome, "step 0")
    deadline = time.monotonic() + SECONDS
    while colours(picture(chrome, "streets_page.png", tmp_path)) < 200:
        assert time.monotonic() < deadline, "the town stays blank"
        time.sleep(0.5)


def test_the_five_moves_have_keys_by_their_names(chrome: Chrome, watch: Watch) -> None:
    for key, name in (("arrowup", "forward"), ("arrowdown", "turn around"), ("arrowleft", "left")):
        press(chrome, key)
        press(chrome, "B")
        has(chrome, f"{name} by you")
        press(chrome, "N")
    has(chrome, "⏎ stop")
    assert "Teach" not in chrome.body_text()


def test_the_memory_says_where_answers_came_from(chrome: Chrome, watch: Watch, tmp_path: Path) -> None:
    press(chrome, "space")
    has(chrome, "m away")
    has(chrome, "leaves")
    chrome.wait("/(short|long), cosine/.test(document.body.innerText)", SECONDS)
    has(chrome, "routes")
    time.sleep(6.0)
    press(chrome, "space")
    picture(chrome, "streets.png", tmp_path)


def test_nothing_went_wrong_in_the_page(chrome: Chrome, watch: Watch) -> None:
    assert [error for error in chrome.console_errors() if "blob:" not in error] == []
