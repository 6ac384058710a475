"""The detector names what is in the picture and nothing else, and errs as often as it is told to."""

import math

import numpy as np
import pytest

from loci.sim.backend import Place
from loci.sim.detector import PLAIN, Detector, View, seen_boxes, true_boxes
from loci.sim.geometry import camera_to_world
from loci.sim.sensors import Camera
from loci.sim.world import Body, Pose, Shape, World
from tests.contracts.engines import engine

CAMERA = Camera(64, 64, fov=1.2, eye=0.5, pitch=0.0)
WORDS = ("cube", "ball", "cup", "wall")


def cube(name: str, x: float, y: float, category: str = "cube", yaw: float = 0.0) -> Body:
    return Body(name, category, (Shape("box", (0.1, 0.2, 0.1)),), Pose.at(x, y, 0.5, yaw))


def look(*bodies: Body) -> tuple[Place, View]:
    backend = engine("kinematic", 1)
    backend.load(0, World(bodies, spawns=(Pose(),)))
    images = backend.render(CAMERA, CAMERA.kinds)
    eye, axes = camera_to_world(np.zeros(3), np.asarray(0.0), CAMERA.eye, CAMERA.pitch)
    return Place(backend, 0), View(images["rgb"][0], images["depth"][0], images["instance"][0], eye, axes, CAMERA.fov)


def detect(detector: Detector, place: Place, view: View, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    return detector.detect(view, place, lambda body: [float(body.name == "a")], np.random.default_rng(seed))


def test_only_what_is_in_the_picture_is_named() -> None:
    place, view = look(
        cube("a", 2.0, 0.0), cube("hidden", 3.0, 0.0), cube("behind", -2.0, 0.0), cube("tree", 2.0, 0.8, "tree")
    )
    rows, names = detect(Detector(WORDS, ("lit",)), place, view)
    assert names == ["a"]
    assert rows[0].tolist() == pytest.approx([0, 2.0, 0.0, 0.5, 0.2, 0.4, 0.2, 1.0, 0, 1.0])
    assert (rows[1:, 0] == -1).all()
    assert (rows[1:, PLAIN] == -1).all()


def test_few_pixels_and_far_things_do_not_count() -> None:
    place, view = look(cube("a", 2.0, 0.0))
    pixels = int((view.instance == 0).sum())
    assert detect(Detector(WORDS, ("lit",), least=pixels), place, view)[1] == ["a"]
    assert detect(Detector(WORDS, ("lit",), least=pixels + 1), place, view)[1] == []
    assert detect(Detector(WORDS, ("lit",), far=1.5), place, view)[1] == []


def test_a_door_shows_the_furniture_it_belongs_to() -> None:
    place, view = look(cube("a", 2.0, 0.0), cube("hidden", 3.0, 0.0))
    detector = Detector(WORDS, ("lit",))
    names = detector.detect(view, place, lambda b: [0.0], np.random.default_rng(0), parts=((1, 0),))[1]
    assert sorted(names) == ["a", "hidden"]


def test_true_boxes_turn_with_the_body_and_seen_ones_lie_within_them() -> None:
    place, view = look(cube("a", 2.0, 0.0, yaw=math.pi / 2), cube("b", 2.0, 0.7, yaw=0.4))
    bodies = list(place.world.bodies)
    low, high = true_boxes(bodies, place)
    assert (high - low)[0].tolist() == pytest.approx([0.4, 0.2, 0.2])
    assert (high - low)[1, 0] == pytest.approx(2 * (0.1 * math.cos(0.4) + 0.2 * math.sin(0.4)))
    seen_low, seen_high = seen_boxes([0, 1], view)
    assert (seen_low >= low - 1e-4).all()
    assert (seen_high <= high + 1e-4).all()
    assert (seen_high - seen_low)[0, 1:] == pytest.approx([0.2, 0.2], abs=0.08), "the face towards the eye"


def test_it_errs_as_often_as_it_is_told_to() -> None:
    place, view = look(cube("a", 2.0, 0.0))
    detector = Detector(WORDS, ("lit",), misses=0.3, swaps=0.25, noise=0.1, ids=False)
    found = [detect(detector, place, view, seed)[0][0] for seed in range(1500)]
    seen = np.array([row for row in found if row[0] >= 0])
    assert len(seen) / 1500 == pytest.approx(0.7, abs=0.04)
    assert (seen[:, 0] != 0).mean() == pytest.approx(0.25, abs=0.04)
    assert seen[:, 1:4].std(axis=0) == pytest.approx([0.1] * 3, abs=0.01)
    assert (seen[:, 8] == -1).all()
    assert (seen[:, 7] < 1.0).all()


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        Detector(WORDS, (), misses=1.5)
    with pytest.raises(ValueError, match="true or seen, got 'guessed'"):
        Detector(WORDS, (), box="guessed")  # type: ignore[arg-type]
