"""A conversation with the habitat process, played back from a file: what Loci asks, and the bytes, stay what they were.

The record tests/golden/habitat_conversation.txt is one message a line in base64, question and answer in turns. It is
made from the stand-in by `LOCI_RECORD=1 pytest tests/sim/test_habitat_record.py`.
"""

import base64
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loci.sim.backends.habitat import HabitatBackend, protocol
from loci.sim.backends.habitat.process import SERVER, HabitatProcess
from loci.sim.backends.habitat.protocol import Message, pack, unpack
from loci.sim.joints import Joint
from loci.sim.sensors import Camera
from loci.sim.world import Body, Pose, Shape, World

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "habitat_conversation.txt"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `habitat_sim` is the stand-in."""
    shutil.copy(HERE / "fake_habitat.py", tmp_path / "habitat_sim.py")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def go(backend: HabitatBackend, forward: float, left: float = 0.0, turn: float = 0.0) -> np.ndarray:
    return backend.step({"velocity": np.array([[forward, left]]), "turn": np.array([turn])}, 1.0)["velocity"]


class Recorder(HabitatProcess):
    """Writes down what is said; the key and the temporary folder are left out."""

    def __init__(self, command: list[str]) -> None:
        super().__init__(command)
        self.lines: list[str] = []

    def send(self, kind: str, fields: Any = None, arrays: Any = None) -> None:
        super().send(kind, fields, arrays)
        plain = {**(fields or {}), **({"dataset": ""} if "dataset" in (fields or {}) else {})}
        self.note(Message(self._number, kind, plain, dict(arrays or {})))

    def receive(self, timeout: float | None = None) -> Message:
        message = super().receive(timeout)
        self.note(Message(message.number, message.kind, message.fields | {"key": ""}, message.arrays))
        return message

    def note(self, message: Message) -> None:
        self.lines.append(base64.b64encode(pack(message)).decode())


def converse(backend: HabitatBackend) -> list[Any]:
    """A short visit in which every call of the protocol is made."""
    joint = Joint("hinge", (0.0, 0.0, 1.0), 1.0)
    door = Body("door", "door", (Shape("box", (0.3, 0.02, 0.5)),), Pose.at(-1.5, 0.5, 0.5), joint=joint)
    cube = Body("b", "block", (Shape("box", (0.1, 0.1, 0.1)),), Pose.at(1.2, 0.3, 0.4, 0.7), 1.0)
    backend.load(0, World((cube, door), spawns=(Pose.at(0.0, 0.0, 0.0, 0.3),)))
    camera = Camera(6, 8, pitch=-0.2)
    images = [backend.render(camera, ("rgb", "depth", "instance"))]
    achieved = [go(backend, 0.4, 0.1, 0.2)]
    backend.hold(0, "b")
    achieved.append(go(backend, 0.3))
    backend.place(0, "b", Pose.at(1.5, -0.5, 0.4))
    backend.drive(0, "door", 1.0)
    images.append(backend.render(camera, ("depth", "instance")))
    return [*achieved, *(image for shot in images for image in shot.values()), np.array(backend.agent(0))]


def test_the_backend_asks_as_it_was_recorded_and_understands_the_answers(
    fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loci.sim.backends.habitat.backend.CARRY", (0.55, 0.0, 0.25))
    live, recorder = HabitatBackend(1, python=sys.executable), Recorder([sys.executable])
    live.processes = [recorder]
    expected = converse(live)
    live.close()
    if os.environ.get("LOCI_RECORD"):
        GOLDEN.write_text("\n".join(recorder.lines) + "\n")
    monkeypatch.setenv("PYTHONPATH", str(SERVER.parent))
    monkeypatch.setenv("LOCI_REPLAY", str(GOLDEN))
    replayed = HabitatBackend(1, python=sys.executable)
    replayed.processes = [HabitatProcess([sys.executable], server=HERE / "fake_habitat.py")]
    for found, wanted in zip(converse(replayed), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    replayed.close()


def test_the_recorded_bytes_are_those_of_today_and_cover_every_call() -> None:
    spoken = [base64.b64decode(line) for line in GOLDEN.read_text().split()]
    assert all(pack(unpack(data)) == data for data in spoken)
    asked = {unpack(data).kind for data in spoken[::2]}
    assert asked | {"close"} == set(protocol.KINDS)
