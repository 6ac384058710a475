"""`loci watch` in a real browser: a stranger opens the page, drives, teaches a word, asks for it, and it is fetched.

With LOCI_PICTURES=folder the screenshots of README and docs are written there; with LOCI_RUN=folder of a trained run
the agent itself obeys, else the teacher does.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_module

pytest.importorskip("viser")

from loci.agents.viewer.gate import free_port
from loci.agents.watch import session
from loci.sim.tasks.fast_mapping import FORWARD
from tests.browser.chrome import Chrome

pytestmark = pytest.mark.browser
SECONDS = 60.0
"""Time for something to show; software drawing on a busy machine is slow."""
RUN = os.environ.get("LOCI_RUN", "")
SETTINGS = ["task=playground", *([f"checkpoint={RUN}"] if RUN else [])]


class Watch:
    """`loci watch` as a process of its own."""

    def __init__(self, port: int, *settings: str) -> None:
        command = [sys.executable, "-m", "loci.agents.cli", "watch", f"port={port}", *SETTINGS, *settings]
        self.begun = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.line = next(line for line in self.process.stdout if "->" in line)
        self.url = re.search(r"http://\S+", self.line)[0]  # type: ignore[index]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=20)


def facing_seed() -> int:
    """An episode in which the agent faces a thing after one step forward."""
    with initialize_config_module("loci.conf", version_base="1.3"):
        trial = session(compose("watch", ["task=playground"]), set())
    for seed in range(50):
        trial.reset(seed)
        trial.act(FORWARD)
        if trial.task.faced(trial.place):  # type: ignore[attr-defined]
            return seed
    raise AssertionError("no such episode")


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def watch(port: int) -> Iterator[Watch]:
    shown = Watch(port, f"seed={facing_seed()}", f"driver={'agent' if RUN else 'teacher'}")
    yield shown
    shown.stop()


def has(chrome: Chrome, text: str) -> None:
    chrome.wait(f"document.body.innerText.includes({text!r})", SECONDS)


def picture(chrome: Chrome, name: str, folder: Path) -> np.ndarray:
    """A screenshot, kept where the docs want it."""
    kept = Path(os.environ.get("LOCI_PICTURES", folder))
    return chrome.screenshot(kept / name)


def press(chrome: Chrome, key: str) -> None:
    chrome.leave_field()
    time.sleep(0.15)
    chrome.press(key)
    time.sleep(0.15)


def click(chrome: Chrome, text: str) -> None:
    time.sleep(0.15)
    chrome.click_text(text)
    time.sleep(0.15)


def button(chrome: Chrome, text: str) -> None:
    """Press the button with this text; a field may have the same label."""
    time.sleep(0.15)
    buttons = "[...document.querySelectorAll('button')]"
    chrome.evaluate(f"{buttons}.find(button => button.innerText.trim() === {text!r}).click()")
    time.sleep(0.15)


def colours(shot: np.ndarray) -> int:
    """How many there are in the middle, where the scene is."""
    return len(np.unique(shot[100:700, 400:870].reshape(-1, 3), axis=0))


def test_the_page_opens_and_draws_the_world(chrome: Chrome, watch: Watch, tmp_path: Path) -> None:
    assert "127.0.0.1" in watch.url
    chrome.open(watch.url)
    has(chrome, "DualCoding")
    opened = time.monotonic() - watch.begun
    print(f"process start to page: {opened:.1f} s")
    has(chrome, "step 0")
    deadline = time.monotonic() + SECONDS
    while colours(picture(chrome, "page.png", tmp_path)) < 50:
        assert time.monotonic() < deadline, "the scene stays blank"
        time.sleep(0.5)
    assert opened < 30.0


def test_a_key_moves_the_agent(chrome: Chrome, watch: Watch) -> None:
    press(chrome, "arrowup")
    has(chrome, "step 1")
    assert "forward" in chrome.body_text()


def test_a_word_is_taught_asked_for_and_obeyed(chrome: Chrome, watch: Watch, tmp_path: Path) -> None:
    click(chrome, "Teach")
    button(chrome, "say")
    has(chrome, "this is a dax")
    press(chrome, "arrowdown")
    button(chrome, "instruct")
    has(chrome, "pick up the dax")
    click(chrome, "World")
    click(chrome, "rearrange all")
    press(chrome, "arrowleft")
    time.sleep(3.0)
    picture(chrome, "watch.png", tmp_path)
    press(chrome, "space")
    has(chrome, "success 1")
    press(chrome, "space")
    picture(chrome, "obeyed.png", tmp_path)


def test_one_can_look_back(chrome: Chrome, watch: Watch) -> None:
    before = re.search(r"step (\d+) of (\d+)", chrome.body_text())
    assert before is not None
    press(chrome, "B")
    has(chrome, f"step {int(before[2]) - 1} of")


def test_nothing_went_wrong_in_the_page(chrome: Chrome, watch: Watch) -> None:
    """But that viser may take back a picture before the browser has shown it, as the next one came."""
    assert [error for error in chrome.console_errors() if "blob:" not in error] == []


def test_the_page_comes_back_when_the_server_does(chrome: Chrome, watch: Watch, port: int) -> None:
    watch.stop()
    again = Watch(port, "seed=1")
    try:
        assert str(port) in again.url
        has(chrome, "step 0 of 0")
        press(chrome, "arrowleft")
        has(chrome, "step 1")
    finally:
        again.stop()
