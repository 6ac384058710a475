"""The short stay: the published walk and its geometry, glimpses by the clock, and that only dances tell."""

from typing import Any

import numpy as np
import pytest

from loci.sim.sensors import LETTERS
from loci.sim.tasks.dances import PATHS
from loci.sim.tasks.short_stay import SENTENCES, ShortStay
from loci.sim.tasks.solos import ANSWERS, MIXTURES

WALKS, CHUNK, PERIOD = 300, 32, 32
GEOMETRY = {
    3: (142, 15.9, 45, 7.7, 0.29, 14.6, 15.9),
    4: (80, 14.8, 48, 10.4, 0.21, 12.6, 14.8),
    5: (51, 12.9, 53, 12.2, 0.17, 10.8, 12.9),
}
"""From a separate simulation of 200 to 300 walks of 1280 steps, means: visits per room; distinct dance frames seen of a
room, of 16; chunks of 32 visits of one room, in all; rooms in a time chunk of 32; share of the target in the 4 time
chunks that have most of it; distinct dance frames of the target in 4 time chunks, taken one after another for what they
add; and in its 4 place chunks."""


def plain(env: ShortStay) -> np.ndarray:
    return np.zeros(env.batch, int)


def geometry(room: np.ndarray, target: int, rooms: int) -> tuple[float, ...]:
    """The quantities of GEOMETRY of one walk, counted frame by frame."""
    phase = np.arange(len(room)) % PERIOD
    dancing = phase >= PERIOD - 16
    visits = np.bincount(room, minlength=rooms)
    seen = np.mean([len(set(phase[dancing & (room == r)])) for r in range(rooms)])
    chunks = room.reshape(-1, CHUNK)
    share = np.sort((chunks == target).mean(axis=1))[-4:].mean()
    danced, frames = (chunks == target) & dancing.reshape(-1, CHUNK), np.zeros(CHUNK, bool)
    for _ in range(4):
        frames |= danced[(danced & ~frames).sum(axis=1).argmax()]
    own = np.flatnonzero(room == target)
    places = [own[i : i + CHUNK] for i in range(0, len(own), CHUNK)]
    filed = np.concatenate(sorted(places, key=len)[::-1][:4])
    in_place = len(set(phase[filed][dancing[filed]]))
    mixed = np.mean([len(set(chunk)) for chunk in chunks])
    return visits.mean(), seen, np.ceil(visits / CHUNK).sum(), mixed, share, frames.sum(), in_place


@pytest.mark.parametrize("side", [3, 4, 5])
def test_the_walks_are_as_mixed_as_published(side: int) -> None:
    env = ShortStay(WALKS, side)
    env.reset(0)
    found = np.mean([geometry(env.room[n], env.target[n, 0], side**2) for n in range(WALKS)], axis=0)
    assert found == pytest.approx(GEOMETRY[side], rel=0.05)
    assert all(len(set(walk)) == side**2 for walk in env.room) or side == 5


@pytest.mark.parametrize("rest", [0, 5])
def test_the_beat_that_is_said_is_the_move_that_is_shown(rest: int) -> None:
    env = ShortStay(3, side=2, steps=40, rest=rest, counted=True)
    step = env.reset(0)
    heard = [step.obs["words"]]
    for _ in range(40):
        step = env.step(plain(env))
        heard.append(step.obs["words"])
    count = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
    loop = [""] * rest + count
    assert all([words[row] for words in heard[:-1]] == [loop[t % len(loop)] for t in range(40)] for row in range(3))
    assert set(heard[-1]) == {""}  # the question
    assert set(ShortStay(3, side=2, steps=40).reset(0).obs["words"]) == {""}


@pytest.mark.parametrize("side", [2, 5])
def test_every_step_leads_to_a_neighbour_or_a_wall(side: int) -> None:
    env = ShortStay(400, side, steps=100)
    env.reset(0)
    north, east = np.divmod(env.room, side)
    apart = abs(np.diff(north, axis=1)) + abs(np.diff(east, axis=1))
    assert apart.max() == 1
    corner = ((north % (side - 1) == 0) & (east % (side - 1) == 0))[:, :-1]
    edge = ((north % (side - 1) == 0) | (east % (side - 1) == 0))[:, :-1] & ~corner
    for where, stays in ((corner, 0.5), (edge, 0.25), (~corner & ~edge, 0.0)):
        error = np.sqrt(stays * (1 - stays) / max(where.sum(), 1))
        assert not where.any() or abs((apart[where] == 0).mean() - stays) <= 5 * error
    for first in (env.room[:, 0], env.target[:, 0]):
        counts = np.bincount(first, minlength=side**2)
        assert abs(counts - 400 / side**2).max() < 5 * np.sqrt(400 / side**2)


def test_a_glimpse_shows_what_the_clock_says_and_the_question_the_right_dancer() -> None:
    env = ShortStay(3, 3, steps=70, rest=4)
    step = env.reset(0)
    for moment in range(71):
        asked = moment == 70
        who = env.target[:, 0] if asked else env.room[:, moment]
        moves = 0 if asked else max(0, moment % 20 - 3)
        expected = np.zeros((3, 5, 5, 3), np.uint8)
        expected[:, [0, -1]] = expected[:, :, [0, -1]] = 40
        for row in range(3):
            cell = 2 + PATHS[env.dance[row, who[row]], moves]
            expected[(row, *cell)] = MIXTURES[env.look[row, who[row]]]
        assert np.array_equal(step.obs["rgb"], expected)
        north, east = np.divmod(env.room[:, min(moment, 69)], 3)
        assert np.array_equal(step.obs["position"], np.stack([east + 0.5, north + 0.5, 0 * east], axis=1))
        assert (step.obs["instruction"] == ("which dance" if asked else "watch")).all()
        actions, weight = env.expert(default=3)
        assert (weight == asked).all()
        assert asked or (actions == 3).all()
        step = env.step(actions)
        assert (step.terminated == asked).all()
        assert (step.reward == asked).all()
    assert step.metrics["success"].all()
    assert env.max_steps == 71
    assert not env.expert(0)[1].any()
    assert env.step(plain(env)).reset.all()


@pytest.mark.parametrize(("pixels", "looks"), [(1, 26), (9, 285)])
def test_no_two_dancers_look_alike(pixels: int, looks: int) -> None:
    env = ShortStay(50, 5, steps=1, pixels=pixels)
    rgb = env.reset(0).obs["rgb"]
    assert rgb.shape == (50, 5 * pixels, 5 * pixels, 3)
    assert (np.diff(np.sort(env.look, axis=1), axis=1) > 0).all()
    assert len({picture.tobytes() for picture in env._looks}) == len(env._looks) == looks


def test_the_answer_is_uniform_and_nothing_seen_tells_it() -> None:
    """Five standard errors of 2000 rows."""
    env = ShortStay(2000, 3, steps=2)
    env.reset(0)
    assert abs(np.bincount(env.answer) - 250).max() < 5 * np.sqrt(250)
    asked = env.look[np.arange(2000), env.target[:, 0]]
    table = np.corrcoef([env.answer, asked, env.target[:, 0], env.room[:, 0]])
    assert abs((table - np.eye(4))[0]).max() < 5 / np.sqrt(2000)
    assert env.ceiling == 1 / 8
    same = (env.dance[:, 0] == env.dance[:, 1]).mean()
    assert abs(same - 1 / 8) < 5 * np.sqrt(7 / 64 / 2000)


def test_the_teacher_may_name_the_dance_in_view_at_each_move() -> None:
    env = ShortStay(4, 3, steps=50, rest=4, naming=0.25)
    env.reset(0)
    for moment in range(50):
        actions, weight = env.expert(default=9)
        moving = moment % 20 >= 4
        assert (weight == 0.25 * moving).all()
        assert (actions == (env.dance[np.arange(4), env.room[:, moment]] if moving else 9)).all()
        env.step(plain(env))
    assert (env.expert(0)[1] == 1.0).all()


def test_several_questions_are_about_different_dancers_and_each_right_answer_counts() -> None:
    env = ShortStay(40, 2, steps=5, questions=3)
    step = env.reset(0)
    assert all(len(set(row)) == 3 for row in env.target)
    for _ in range(5):
        step = env.step(plain(env))
    asked, earned = [], np.zeros(40)
    for number in range(3):
        asked.append(step.obs["rgb"])
        actions, weight = env.expert(0)
        assert (weight == 1.0).all()
        assert (actions == env.dance[np.arange(40), env.target[:, number]]).all()
        wrong = np.arange(40) % 2 if number == 1 else np.zeros(40, int)
        step = env.step((actions + wrong) % len(ANSWERS))
        earned += step.reward
        assert (step.terminated == (number == 2)).all()
    assert earned == pytest.approx(1.0 - np.arange(40) % 2 / 3)
    assert step.metrics["success"] == pytest.approx(earned)
    assert all(len({picture[row].tobytes() for picture in asked}) == 3 for row in range(40))
    assert env.step(plain(env)).reset.all()
    assert not env.step(plain(env)).metrics


def test_the_twin_is_told_the_answer() -> None:
    env = ShortStay(50, 3, steps=3, twin=True)
    env.reset(0)
    for _ in range(3):
        step = env.step(plain(env))
    assert step.obs["instruction"].tolist() == [f"which dance {ANSWERS[d]}" for d in env.expert(0)[0]]
    assert all(set(text) <= set(LETTERS) for text in SENTENCES)


def test_what_cannot_be_walked_is_refused() -> None:
    for settings, message in (
        ({"side": 6}, "side must lie in 2..5, got 6"),
        ({"steps": 0}, "steps must be 1 or more"),
        ({"side": 2, "questions": 5}, r"questions must lie in 1..4, the number of rooms, got 5"),
        ({"rest": -1}, "rest must be 0 frames or more"),
        ({"pixels": 2}, "pixels must be 1 or 9"),
        ({"naming": -1.0}, "naming must lie in"),
    ):
        arguments: dict[str, Any] = settings
        with pytest.raises(ValueError, match=message):
            ShortStay(2, **arguments)
