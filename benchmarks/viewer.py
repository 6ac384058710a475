"""Rates of the viewer's server: `python -m benchmarks.viewer` prints one JSON line.

A furnished house through which an agent walks, with ten bodies that move at every step and a memory of 60 moments,
played at 40 steps a second: what the page sends, without a browser and with a client that reads everything. What the
browser makes of it depends on the browser.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.machine import machine
from loci.agents.viewer.gate import free_port
from loci.agents.viewer.page import Page
from loci.agents.viewer.player import Shown
from loci.agents.viewer.snapshot import Snapshot
from loci.memories.layers import Drawing, Moments
from loci.sim.world import World
from loci.sim.worlds.house import House

STEPS, MOVING, SECONDS, KEPT = 400, 10, 5.0, 60
ACTIONS = ("forward", "back", "turn left", "turn right", "pick up")


def episode(world: World) -> list[Snapshot]:
    """A walk along which the last bodies of the world are carried."""
    start, rng = world.spawns[0].position, np.random.default_rng(0)
    poses = np.array([(*body.start.position, *body.start.wxyz) for body in world.bodies])
    seen = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    history = []
    for step in range(STEPS):
        poses = poses.copy()
        poses[-MOVING:, 2] += 0.001
        agent = (start[0] + 0.5 * np.cos(step / 20), start[1] + 0.5 * np.sin(step / 20), step / 20)
        time_ = np.arange(max(0, step - KEPT), step + 1)
        drawing = Drawing((Moments("moments", time_, rng.dirichlet(np.full(len(time_), 0.2))),))
        history.append(
            Snapshot(step, world, 0, poses, agent, seen, "", "", 0, "agent", (0.2,) * 5, 0.0, 0.0, {}, False, drawing,
                     True, 1000, 1.0, "")
        )  # fmt: skip
    return history


def per_second(deed: Callable[[int], Any], seconds: float = 2.0) -> float:
    """How often a deed can be done in a second, one after the other."""
    deed(0)
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        count += 1
        deed(count)
    return count / (time.perf_counter() - begun)


def playing(page: Page) -> dict[str, float]:
    """Updates a second that the page sends while it plays at its fastest, and the share of a core that it takes."""
    page.player.seek(0)
    page.player.speed = 40.0
    before = [pace.count for pace in page.paces]
    begun, spent = time.perf_counter(), time.process_time()
    page.player.toggle()
    time.sleep(SECONDS)
    page.player.toggle()
    lasted = time.perf_counter() - begun
    poses, images, widgets, plots = ((pace.count - n) / lasted for pace, n in zip(page.paces, before, strict=True))
    figures = {"poses": poses, "images": images, "widgets": widgets, "plots": plots}
    return figures | {"cores": (time.process_time() - spent) / lasted}


@contextmanager
def client(page: Page) -> Iterator[None]:
    """A visitor who reads all messages and draws nothing."""
    from viser import __version__
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol

    address = f"ws://127.0.0.1:{page.server.get_port()}"
    with connect(address, subprotocols=[Subprotocol(f"viser-v{__version__}")], max_size=None) as line:
        reader = threading.Thread(target=lambda: [None for _ in line], daemon=True)
        reader.start()
        time.sleep(1.0)
        yield


def main() -> None:
    world = House().world(np.random.default_rng(0))
    history = episode(world)
    session = SimpleNamespace(history=history, actions=ACTIONS)
    begun = time.perf_counter()
    with Page(session, port=free_port(), title="house") as page:
        figures: dict[str, Any] = {"start_s": time.perf_counter() - begun}
        figures["playing"] = playing(page)
        with client(page):
            figures["playing_one_client"] = playing(page)
    still = Page(session, port=free_port(), title="house")
    figures["poses_alone"] = per_second(lambda n: still.stage.show(history[n % STEPS]))
    figures["images_alone"] = per_second(lambda n: still.look(Shown(history, n % STEPS, history[n % STEPS], False)))
    still.close()
    rounded = json.loads(json.dumps(figures), parse_float=lambda text: round(float(text), 2))
    size = {"bodies": len(world.bodies), "parts": sum(len(body.parts) for body in world.bodies)}
    load = round(os.getloadavg()[0], 1)
    print(json.dumps({"benchmark": "viewer", "unit": "1/s", **rounded, **size, "load": load, **machine()}))


if __name__ == "__main__":
    main()
