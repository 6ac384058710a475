"""An episode as a log that opens in Foxglove (MCAP, https://mcap.dev, with Foxglove's message types).

Frames: world -> agent -> camera, the camera's as in OpenCV. Time begins at 0, a step takes `about["seconds"]`, else
1 s.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from loci.agents.viewer.replacing import replacing
from loci.agents.viewer.shots import Shots
from loci.agents.viewer.snapshot import Snapshot
from loci.memories.layers import Groups, Moments, Signals
from loci.sim.sensors import Camera

Message = tuple[str, Any]
"""Topic, and a Foxglove message or a dict that becomes JSON."""


def mcap(history: Sequence[Snapshot], path: Path, camera: Camera, about: dict[str, Any]) -> Path:
    """Write every step under /camera, /seen, /tf, /scene, /words, /instruction, /action, /reward and /memory/<title>.

    Raises ImportError with the install line when foxglove-sdk is missing.
    """
    try:
        import foxglove
    except ImportError as error:
        raise ImportError("mcap needs foxglove-sdk: pip install 'loci[viewer]'") from error
    shots, pace = Shots(history, camera), round(1e9 * float(about.get("seconds", 1.0)))
    actions, context = tuple(about.get("actions", ())), foxglove.Context()
    with (
        replacing(path) as aside,
        _failing_as_files_do(),
        foxglove.open_mcap(aside, allow_overwrite=True, context=context) as file,
    ):
        file.write_metadata("episode", {name: str(value) for name, value in about.items()})
        log = _Log(context)
        for step in range(len(history)):
            for topic, message in _messages(shots, step, pace, actions):
                log(topic, message, step * pace)
    return path


@contextmanager
def _failing_as_files_do() -> Iterator[None]:
    """Foxglove's writer says RuntimeError where a disk is full."""
    try:
        yield
    except RuntimeError as error:
        raise OSError(str(error)) from error


class _Log:
    """Opens a channel when a topic is first heard of."""

    def __init__(self, context: Any) -> None:
        self.context, self.channels = context, dict[str, Any]()

    def __call__(self, topic: str, message: Any, time: int) -> None:
        if topic not in self.channels:
            self.channels[topic] = self._open(topic, message)
        self.channels[topic].log(message, log_time=time)

    def _open(self, topic: str, message: Any) -> Any:
        import foxglove
        from foxglove import channels

        if isinstance(message, dict):
            schema = {"type": "object", "title": topic.strip("/"), "properties": {name: {} for name in message}}
            return foxglove.Channel(topic, schema=schema, message_encoding="json", context=self.context)
        return getattr(channels, f"{type(message).__name__}Channel")(topic, context=self.context)


def _messages(shots: Shots, step: int, pace: int, actions: tuple[str, ...]) -> Iterator[Message]:
    """All that is to be said of a step."""
    from loci.agents.viewer import foxglove_messages as messages

    snapshot, before = shots.history[step], shots.history[step - 1] if step else None
    stamp = messages.stamp(step * pace)
    images = shots.eye.look(snapshot, shots.camera, ("rgb", "depth"))
    yield "/tf", messages.frames(snapshot, shots.camera, stamp)
    yield "/camera", messages.picture(_encoded(images["rgb"], "jpeg"), "jpeg", stamp)
    yield "/camera/depth", messages.depth(images["depth"], stamp)
    yield "/camera/calibration", messages.calibration(shots.camera, stamp)
    yield "/seen", messages.picture(_encoded(snapshot.seen, "png"), "png", stamp)
    yield "/scene", messages.scene(snapshot, stamp)
    if snapshot.words:
        yield "/words", messages.log(snapshot.words, "words", stamp)
    if snapshot.instruction != (before.instruction if before else ""):
        yield "/instruction", messages.log(snapshot.instruction, "instruction", stamp)
    if snapshot.action is not None:
        yield "/action", _action(snapshot, actions)
    yield "/reward", {"reward": float(snapshot.reward), "total": float(snapshot.total)} | _floats(snapshot.metrics)
    for layer in snapshot.drawing.layers:
        if isinstance(layer, Moments | Groups | Signals):
            yield f"/memory/{layer.title}", _plain(layer, shots.history)
        else:
            yield f"/memory/{layer.title}", messages.memory(layer, stamp)


def _action(snapshot: Snapshot, actions: tuple[str, ...]) -> dict[str, Any]:
    names = actions or tuple(f"action {number}" for number in range(len(snapshot.chances)))
    assert snapshot.action is not None
    name = names[snapshot.action] if names else str(snapshot.action)
    chances = dict(zip(names, snapshot.chances, strict=False))
    return {"action": snapshot.action, "name": name, "driver": snapshot.driver, "chances": chances}


def _plain(layer: Moments | Groups | Signals, history: Sequence[Snapshot]) -> dict[str, Any]:
    """A layer without places as JSON; moments with the words that were heard then."""
    content = {n: v.tolist() if isinstance(v, np.ndarray) else v for n, v in vars(layer).items() if v is not None}
    if isinstance(layer, Moments):
        content["words"] = [history[time].words if 0 <= time < len(history) else "" for time in layer.time.tolist()]
    return content


def _floats(metrics: dict[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}


def _encoded(image: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, quality=90)
    return buffer.getvalue()
