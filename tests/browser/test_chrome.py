"""The browser driver against a plain viser server: what is shown arrives in the page, what is done there in Python."""

import time
from collections.abc import Iterator
from queue import Queue

import numpy as np
import pytest

viser = pytest.importorskip("viser")

from loci.agents.viewer.gate import Gate  # noqa: E402
from tests.browser.chrome import Chrome, PageError  # noqa: E402

pytestmark = pytest.mark.browser
SECONDS = 30.0
"""Time for a page to paint; on an idle machine it is about 1."""
THROTTLE = 0.1
"""viser's page sends one change of its panel every 50 ms and forgets the one before it if two come within."""


class Shown:
    """A server with one of each thing that is tried, and what arrived from the page."""

    def __init__(self, port: int = 0, greeting: str = "hello from Python") -> None:
        self.arrived: Queue[str] = Queue()
        self.server = viser.ViserServer(host="127.0.0.1", port=port, verbose=False)
        self.server.scene.add_box("/box", color=(200, 60, 30), dimensions=(2.0, 2.0, 2.0))
        self.server.gui.add_markdown(greeting)
        self._fill()

    @property
    def port(self) -> int:
        return int(self.server.get_port())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def _fill(self) -> None:
        gui, arrived = self.server.gui, self.arrived
        gui.add_button("Push me").on_click(lambda _: arrived.put("pushed"))
        for key in ("I", "space", "arrowleft"):
            gui.add_command(f"command {key}", hotkey=key).on_trigger(lambda _, key=key: arrived.put(key))
        with (form := gui.add_form(None)):
            field = gui.add_text("Say", "")
        form.on_submit(lambda _: arrived.put(f"said {field.value}"))
        tick = gui.add_checkbox("Tick", False)
        tick.on_update(lambda _: arrived.put(f"tick {tick.value}"))

    def next(self) -> str:
        """What arrived next; raises queue.Empty after 5 s."""
        return self.arrived.get(timeout=5.0)

    def rest(self, seconds: float = 0.5) -> list[str]:
        """All that has arrived some time later."""
        time.sleep(seconds)
        return [self.arrived.get_nowait() for _ in range(self.arrived.qsize())]


@pytest.fixture(scope="module")
def shown(chrome: Chrome) -> Iterator[Shown]:
    shown = Shown()
    chrome.open(shown.url)
    chrome.wait("document.body.innerText.includes('hello from Python')", SECONDS)
    yield shown
    shown.server.stop()


@pytest.fixture
def page(chrome: Chrome, shown: Shown) -> Chrome:
    """The page with the cursor in no field and nothing left to send."""
    chrome.leave_field()
    time.sleep(THROTTLE)
    return chrome


def coloured(picture: np.ndarray) -> float:
    """Share of pixels of the left two thirds that are clearly red: the box."""
    scene = picture[:, : picture.shape[1] * 2 // 3].astype(int)
    return float((scene[..., 0] - scene[..., 2] > 60).mean())


def test_the_page_paints(page: Chrome, tmp_path):
    until = time.monotonic() + SECONDS
    while coloured(picture := page.screenshot(tmp_path / "page.png")) < 0.01:
        assert time.monotonic() < until, "the box was not drawn"
    assert picture.shape == (800, 1280, 3)
    assert picture.dtype == np.uint8
    assert (tmp_path / "page.png").stat().st_size > 1000
    assert coloured(picture) < 0.6


def test_texts_are_found(page: Chrome):
    said = page.body_text()
    assert all(text in said for text in ("hello from Python", "Push me", "Say", "Tick"))
    assert "never written" not in said


def test_a_button_is_clicked(page: Chrome, shown: Shown):
    page.click_text("Push me")
    assert shown.next() == "pushed"


def test_a_label_leads_to_its_field(page: Chrome, shown: Shown):
    page.click_text("Tick")
    assert shown.next() == "tick True"
    page.click_text("Tick")
    assert shown.next() == "tick False"


@pytest.mark.parametrize("key", ["I", "space", "arrowleft"])
def test_hotkeys_arrive(page: Chrome, shown: Shown, key: str):
    page.press(key)
    assert shown.next() == key


def test_a_held_key_repeats(page: Chrome, shown: Shown):
    page.press("I", hold=0.5)
    assert shown.rest() == ["I"] * 6


def test_keys_without_a_command_do_nothing(page: Chrome, shown: Shown):
    page.press("J")
    assert shown.rest() == []


def test_enter_sends_a_line(page: Chrome, shown: Shown):
    page.click_text("Say")
    page.type("the red mug")
    time.sleep(THROTTLE)
    page.press("enter")
    assert shown.next() == "said the red mug"


def test_keys_in_a_field_are_letters(page: Chrome, shown: Shown):
    before = page.evaluate("document.querySelector('form input').value")
    page.click_text("Say")
    for key in "i", "space", "i":
        page.press(key)
    time.sleep(THROTTLE)
    page.press("enter")
    assert shown.rest() == [f"said {before}i i"]


def test_what_is_not_there_cannot_be_clicked(page: Chrome):
    with pytest.raises(PageError, match="(?s)'Pull me'.*Push me"):
        page.click_text("Pull me")


def test_unknown_keys_and_wrong_javascript_are_named(page: Chrome):
    with pytest.raises(ValueError, match="key must be"):
        page.press("hyper")
    with pytest.raises(PageError, match="no_such_name"):
        page.evaluate("no_such_name")
    with pytest.raises(TimeoutError, match="Push me"):
        page.wait("false", 0.1)


def test_a_page_without_errors_has_none_and_a_wrong_one_has(page: Chrome):
    assert page.console_errors() == []
    page.evaluate("console.error('told', 3); setTimeout(() => { throw new Error('thrown') }, 0)")
    page.wait("true", 1)
    time.sleep(0.1)
    errors = page.console_errors()
    assert errors[0] == "told 3"
    assert "thrown" in errors[1]
    assert len(errors) == 2


def test_a_page_opens_through_the_gate(chrome: Chrome, shown: Shown):
    with Gate("127.0.0.1", 0, ("127.0.0.1", shown.port)) as gate:
        chrome.open(f"http://127.0.0.1:{gate.port}/")
        assert "needs its token" in chrome.body_text()
        chrome.open(gate.address)
        chrome.wait("document.body.innerText.includes('hello from Python')", SECONDS)
        assert chrome.evaluate("location.href") == f"http://127.0.0.1:{gate.port}/"
        chrome.leave_field()
        chrome.press("I")
        assert shown.next() == "I"
        assert chrome.console_errors() == []


def test_the_page_connects_again(chrome: Chrome):
    first = Shown()
    chrome.open(first.url)
    chrome.wait("document.body.innerText.includes('hello from Python')", SECONDS)
    first.server.stop()
    second = Shown(first.port, "second life")
    try:
        assert second.port == first.port
        chrome.wait("document.body.innerText.includes('second life')", SECONDS)
        assert "hello from Python" not in chrome.body_text()
        chrome.leave_field()
        chrome.press("I")
        assert second.next() == "I"
        assert first.arrived.empty()
    finally:
        second.server.stop()
