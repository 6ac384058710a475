"""Ballet on the grid: the published rules frame for frame, and that nothing but the dances tells."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from loci.agents.agent import Agent
from loci.agents.encoder import Encoder
from loci.agents.language import Tokenizer
from loci.agents.rollout import Demonstrations, play
from loci.sim.sensors import LETTERS
from loci.sim.tasks.ballet import AGENT, BODY, FOLLOW, TILES, WALL, Ballet
from loci.sim.tasks.dances import (
    COLOURS,
    DANCES,
    DIRECTION_WORDS,
    DIRECTIONS,
    HOMES,
    RAYS,
    SHAPES,
)
from loci.sim.vector import Step, VectorEnv

SHIFTS = dict(N=(-1, 0), NE=(-1, 1), E=(0, 1), SE=(1, 1), S=(1, 0), SW=(1, -1), W=(0, -1), NW=(-1, -1))
LEVELS = [(2, 16, 62, 320), (4, 16, 124, 320), (8, 16, 248, 320), (2, 48, 126, 1024), (4, 48, 252, 1024)]
LEVELS += [(8, 48, 504, 1024), (4, 4, 76, 1024), (1, 1, 16, 1024)]


def plain(env: Ballet) -> np.ndarray:
    """An action that changes nothing that matters."""
    return np.zeros(env.batch, int)


def to_the_instruction(env: Ballet, seed: int) -> Step:
    """The step at which every row of an environment with one level hears the name of a dance."""
    step = env.reset(seed)
    for _ in range(int(env.instruction[0])):
        step = env.step(plain(env))
    return step


def test_homes_lie_on_the_compass_rays_three_cells_away() -> None:
    for home, ray in zip(HOMES, RAYS, strict=True):
        assert tuple(home - 5) == tuple(3 * np.array(SHIFTS[DIRECTIONS[ray]]))


@pytest.mark.parametrize(("dancers", "delay", "instruction", "limit"), LEVELS)
def test_the_instruction_comes_on_time_and_the_teacher_needs_three_steps(
    dancers: int, delay: int, instruction: int, limit: int
) -> None:
    env = Ballet(3, dancers, delay, pixels=0)
    step = env.reset(0)
    for frame in range(instruction + 4):
        heard = step.obs["instruction"].tolist()
        names = [list(DANCES)[d] for d in env.dance[np.arange(3), env.target]]
        assert heard == (["watch"] * 3 if frame < instruction else names)
        assert not step.obs["words"].any()
        assert (step.terminated == (frame == instruction + 3)).all()
        assert (step.reward == (frame == instruction + 3)).all()
        actions, weight = env.expert(default=5)
        stake = 1.0 if frame == instruction else FOLLOW * (instruction < frame < instruction + 3)
        assert weight == pytest.approx(np.full(3, stake))
        assert frame >= instruction or (actions == 5).all()
        if frame < instruction + 3:
            step = env.step(actions)
    assert env.max_steps == limit
    again = env.step(plain(env))
    assert again.reset.all()
    assert not again.reward.any()
    assert (again.obs["instruction"] == "watch").all()
    assert (env.frame == 0).all()


@pytest.mark.parametrize(("delay", "limit"), [(16, 320), (4, 1024)])
def test_time_is_up(delay: int, limit: int) -> None:
    """North and south in turn reaches nobody."""
    env = Ballet(2, 8, delay, pixels=0)
    env.reset(0)
    for frame in range(1, limit + 1):
        step = env.step(np.full(2, 4 * (frame % 2)))
        assert (step.truncated == (frame == limit)).all()
        assert not step.terminated.any()
    assert step.metrics["success"].tolist() == step.metrics["choice"].tolist() == [0.0, 0.0]


class Slow:
    """One episode as a machine that counts down pauses and pops moves: the rules told in another way."""

    def __init__(self, env: Ballet, row: int) -> None:
        count = int(env.dancers[row])
        self.names = [list(DANCES)[d] for d in env.dance[row, :count]]
        self.at = [list(map(int, HOMES[h])) for h in env.home[row, :count]]
        self.codes = (BODY + 15 * env.colour[row, :count] + env.shape[row, :count]).tolist()
        self.delay, self.target = int(env.delay[row]), int(env.target[row])
        self.queue, self.pause, self.choosing = list(range(count)), 1, False
        self.moves: list[str] = []
        self.agent, self.chosen = [5, 5], -1
        self.update(0)

    def update(self, action: int) -> None:
        if self.choosing:
            row, column = (a + b for a, b in zip(self.agent, SHIFTS[DIRECTIONS[action]], strict=True))
            if 0 < row < 10 and 0 < column < 10:
                self.agent = [row, column]
            self.chosen = self.at.index(self.agent) if self.agent in self.at else -1
        elif self.pause:
            self.pause -= 1
            if not self.pause and self.queue:
                self.dancing = self.queue.pop(0)
                self.moves = [DIRECTIONS[move] for move in DANCES[self.names[self.dancing]]]
            elif not self.pause:
                self.choosing = True
        if self.moves:
            move = SHIFTS[self.moves.pop(0)]
            self.at[self.dancing] = [a + b for a, b in zip(self.at[self.dancing], move, strict=True)]
            self.pause = 0 if self.moves else self.delay

    def cells(self) -> np.ndarray:
        board = np.zeros((31, 31), int)
        board[10:21, 10:21] = WALL
        board[11:20, 11:20] = 0
        row, column = self.agent
        board[10 + row, 10 + column] = AGENT
        for (r, c), code in zip(self.at, self.codes, strict=True):
            board[10 + r, 10 + c] = code
        return board[5 + row : 16 + row, 5 + column : 16 + column]


def test_every_frame_is_that_of_a_slow_machine() -> None:
    """6 rows of mixed levels, random actions, several episodes each."""
    env = Ballet(6, (2, 4, 8), (1, 4, 16), pixels=0)
    step, rng, ended = env.reset(7), np.random.default_rng(0), 0
    slow = [Slow(env, row) for row in range(6)]
    for _ in range(600):
        actions = rng.integers(8, size=6)
        step = env.step(actions)
        for row in range(6):
            if step.reset[row]:
                slow[row] = Slow(env, row)
            else:
                slow[row].update(int(actions[row]))
            assert np.array_equal(step.obs["cells"][row], slow[row].cells())
            assert step.terminated[row] == (slow[row].chosen >= 0)
            assert step.reward[row] == (slow[row].chosen == slow[row].target)
            column, north = slow[row].agent[1] - 5, 5 - slow[row].agent[0]
            assert step.obs["position"][row].tolist() == [column, north, 0.0]
        ended += int(step.terminated.sum())
    assert ended > 10


@pytest.mark.parametrize("dancers", [2, 4, 8])
def test_no_two_dancers_share_anything_and_all_is_drawn(dancers: int) -> None:
    env = Ballet(500, dancers, 1, pixels=0)
    env.reset(0)
    for drawn, count in ((env.home, 8), (env.dance, 13), (env.colour, 19), (env.shape, 15)):
        assert drawn.shape == (500, dancers)
        assert (np.diff(np.sort(drawn, axis=1), axis=1) > 0).all()
        first = np.bincount(drawn[:, 0], minlength=count)
        assert abs(first - 500 / count).max() < 5 * np.sqrt(500 / count)
    assert abs(np.bincount(env.target) - 500 / dancers).max() < 5 * np.sqrt(500 / dancers)


def test_what_is_drawn_says_nothing_about_the_rest() -> None:
    """Correlations of 2000 rows: five standard errors of 1 / sqrt(2000)."""
    env = Ballet(2000, (3, 8), (1, 2), pixels=0)
    env.reset(0)
    firsts = [drawn[:, 0] for drawn in (env.home, env.dance, env.colour, env.shape)]
    table = np.corrcoef([*firsts, env.target / env.dancers, env.dancers, env.delay])
    assert abs(table[:5, :5] - np.eye(5)).max() < 5 / np.sqrt(2000)
    assert abs(table[:4, 5:]).max() < 5 / np.sqrt(2000)


def test_fewer_dances_are_the_first_ones() -> None:
    env = Ballet(200, 4, 1, dances=4, pixels=0)
    env.reset(0)
    assert (np.sort(env.dance, axis=1) == np.arange(4)).all()


def trace(batch: int, seed: int, rows: int) -> list[np.ndarray]:
    env = Ballet(batch, (1, 2), (1, 2), pixels=1)
    step, taken = env.reset(seed), []
    for _ in range(150):
        taken += [step.obs[name][:rows].copy() for name in ("cells", "rgb", "instruction")] + [step.reward[:rows]]
        step = env.step(env.expert(0)[0])
    return taken


def test_rows_are_the_same_whatever_the_batch_and_differ_from_seed_to_seed() -> None:
    first, same, wide, other = trace(2, 5, 2), trace(2, 5, 2), trace(9, 5, 2), trace(2, 6, 2)
    assert all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in zip(first, same, wide, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert not np.array_equal(first[0][0], first[0][1])


@pytest.mark.parametrize("dancers", [2, 4, 8])
def test_the_teacher_always_succeeds_and_a_guess_among_the_dancers_once_in_n(dancers: int) -> None:
    """2000 episodes each; five standard errors of the guess."""
    rng = np.random.default_rng(0)
    for guess in (False, True):
        env = Ballet(2000, dancers, 1, pixels=0)
        to_the_instruction(env, 3)
        chosen = env.home[np.arange(2000), rng.integers(dancers, size=2000)]
        for _ in range(3):
            step = env.step(RAYS[chosen] if guess else env.expert(0)[0])
        assert step.terminated.all()
        assert np.array_equal(step.metrics["success"], step.reward)
        error = np.sqrt(env.ceiling * (1 - env.ceiling) / 2000)
        assert abs(step.reward.mean() - env.ceiling) < 5 * error if guess else step.reward.all()
        assert env.ceiling == 1 / dancers


def test_the_teacher_finds_the_way_from_anywhere_past_the_others() -> None:
    env = Ballet(2000, 6, 1, pixels=0)
    to_the_instruction(env, 0)
    rng, lost = np.random.default_rng(1), np.zeros(2000, bool)
    for _ in range(5):
        lost |= env.step(rng.integers(8, size=2000)).terminated
    astray, success = (~lost).sum(), np.zeros(2000)
    for _ in range(10):
        step = env.step(env.expert(0)[0])
        success += step.reward * ~lost
        lost |= step.terminated
    assert lost.all()
    assert success.sum() == astray > 500


def test_pictures_hold_nine_pixels_a_cell_around_the_agent() -> None:
    env = Ballet(5, 8, 1)
    step = to_the_instruction(env, 0)
    rgb = step.obs["rgb"]
    assert rgb.shape == (5, 99, 99, 3)
    assert rgb.dtype == np.uint8
    assert (rgb[:, 45:54, 45:54] == 255).all()
    ring = np.ones((99, 99), bool)
    ring[9:90, 9:90] = False
    assert (rgb[:, ring] == 40).all()
    for row, i in itertools.product(range(5), range(8)):
        top, left = 9 * HOMES[env.home[row, i]]
        mask, colour = list(SHAPES.values())[env.shape[row, i]], list(COLOURS.values())[env.colour[row, i]]
        assert np.array_equal(rgb[row, top : top + 9, left : left + 9], mask[..., None] * np.array(colour))
    moved = env.step(np.full(5, 1)).obs["rgb"]
    assert (moved[:, 45:54, 45:54] == 255).all()
    assert not moved[:, :9].any()
    assert not moved[:, :, 90:].any()
    assert (moved[:, 9:18, :90] == 40).all()


def test_small_pictures_have_the_colour_of_each_cell() -> None:
    small, large = (to_the_instruction(Ballet(4, 8, 1, pixels=p), 0).obs["rgb"] for p in (1, 9))
    assert small.shape == (4, 11, 11, 3)
    assert np.array_equal(small, large.reshape(4, 11, 9, 11, 9, 3).max(axis=(2, 4)))


def test_shapes_and_colours_are_all_different() -> None:
    assert len(TILES) == 3 + 19 * 15 == 3 + len({tile.tobytes() for tile in TILES[3:]})
    assert [int(mask.sum()) for mask in SHAPES.values()] == PIXELS_OF_SHAPES


PIXELS_OF_SHAPES = [
    *(1 + 1 + 3 + 3 + 5 + 5 + 7 + 7 + 9, 81 - 25, 27 + 27 - 9, 36, 2 * (9 + 8 + 8) - 5, 36),
    *(49, 69 - 37, 27 + 27 - 9, 45, 54 + 9, 54 + 9, 63, 5 * 9, 45),
]
"""Lattice points within a circle: 37 for r² <= 10, 49 for 16, 69 for 20."""


def test_words_can_be_spelled() -> None:
    assert all(set(name) <= set(LETTERS) for name in DANCES)
    assert Tokenizer().encode([*DANCES, "watch"]).shape[0] == 14


def test_still_dancers_never_move_and_the_twin_hears_where_to_go() -> None:
    env = Ballet(3, 4, 2, pixels=0, still=True, twin=True)
    first = env.reset(0).obs["cells"]
    while (step := env.step(plain(env))).obs["instruction"][0] == "watch":
        assert np.array_equal(step.obs["cells"], first)
    for heard, ray in zip(step.obs["instruction"], env.expert(0)[0], strict=True):
        name, word = heard.split(" at ")
        assert name in DANCES
        assert word == DIRECTION_WORDS[ray]


def test_what_cannot_be_danced_is_refused() -> None:
    for settings, message in (
        ({"dancers": 9}, "dancers must lie in 1..8, got"),
        ({"delay": 0}, "delay must be 1 frame or more"),
        ({"dancers": 4, "dances": 3}, "dances must lie in 4..13"),
        ({"pixels": 8}, "pixels must be 0, 1 or 9"),
    ):
        with pytest.raises(ValueError, match=message):
            Ballet(2, **settings)  # type: ignore[arg-type]
    env = Ballet(2)
    with pytest.raises(RuntimeError, match="reset"):
        env.step([0, 0])
    env.reset(0)
    with pytest.raises(ValueError, match="2 numbers in 0..7"):
        env.step([0, 8])


class Teacher(Agent):
    """Does what the environment's teacher says."""

    def __init__(self, env: VectorEnv) -> None:
        torch.nn.Module.__init__(self)
        self.encoder, self.env = Encoder(16, 16, 8, channels=2), env

    def initial(self, batch: int) -> torch.Tensor:
        return torch.zeros(batch)

    def act(self, state: torch.Tensor, *_: Any) -> tuple[torch.Tensor, torch.Tensor, None]:  # type: ignore[override]
        return state, torch.from_numpy(self.env.expert(0)[0]), None


def test_demonstrations_and_play_take_it_as_it_is() -> None:
    env = Ballet(4, 1, 1, pixels=1)
    window = Demonstrations(env, Teacher(env).encoder, 0.0, 0).window(40)
    assert window.obs.rgb.shape == (4, 40, 11, 11, 3)
    assert window.finished == 8
    assert window.weight.sum().item() == pytest.approx(4 * (1 + 2 * FOLLOW) * 2)

    metrics = play(Teacher(env), env, 8, 0)
    assert metrics["success"].tolist() == metrics["choice"].tolist() == [1.0] * 8
