"""The names in Gymnasium: what they make, what they refuse, and that many rows at once are the same episodes."""

import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError

import loci  # noqa: F401  registers the names
from loci.agents.build import build_env
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.env import Env
from loci.sim.gymnasium_vector import GymnasiumVectorEnv
from loci.sim.register import name_of
from loci.sim.sensors import LETTERS, Camera
from loci.sim.vector import VectorEnv
from loci.sim.wrappers import TokenWords
from tests.fakes import Counting

ROOT = Path(__file__).parents[2]
TASKS = sorted(path.stem for path in (ROOT / "conf" / "task").glob("*.yaml"))
NAME = "loci/FastMapping-v0"
SMALL: dict[str, Any] = {"camera": {"height": 16, "width": 16, "supersample": 1}}


def make(**settings: Any) -> gymnasium.Env:
    return gymnasium.make(NAME, **SMALL, **settings)


def counting(batch: int) -> GymnasiumVectorEnv:
    return GymnasiumVectorEnv(VectorEnv(KinematicBackend(batch), Counting))


def equal(a: Any, b: Any) -> bool:
    return set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_name_and_gymnasium_accepts_what_it_makes(task: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*infinity.*")
        warnings.filterwarnings("ignore", message=".*symmetric and normalized.*")  # actions are metres
        check_env(gymnasium.make(name_of(task)).unwrapped)


def test_a_name_is_the_yaml_in_camel_case() -> None:
    assert name_of("fast_mapping") == NAME
    assert set(map(name_of, TASKS)) == {name for name in gymnasium.registry if name.startswith("loci/")}


def answer(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_registering_imports_nothing_heavy() -> None:
    heavy = ("torch", "numba", "hydra", "trimesh")
    assert answer(f"import sys, loci; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_the_name_alone_is_enough() -> None:
    code = f"import gymnasium; print(gymnasium.make('loci:{NAME}').reset(seed=0)[0]['rgb'].shape)"
    assert answer(code) == "(32, 32, 3)"


def test_settings_reach_the_task_the_camera_and_the_world() -> None:
    env = make(objects=[2, 5], split="held_out", twin=True).unwrapped
    assert isinstance(env, Env)
    task = env.task
    assert (task.numbers, task.split, task.twin) == ((2, 5), "held_out", True)  # type: ignore[attr-defined]
    (camera,) = (sensor for sensor in task.sensors if isinstance(sensor, Camera))
    yaml = OmegaConf.load(ROOT / "conf" / "task" / "fast_mapping.yaml").camera
    assert (camera.height, camera.width, camera.fov) == (16, 16, yaml.fov)
    assert env.reset(seed=0)[0]["rgb"].shape == (16, 16, 3)


def test_another_world_is_one_word_away() -> None:
    pytest.importorskip("pybullet_data")
    bodies = [make(world=world).unwrapped for world in ("compounds", "meshes")]
    assert [type(env.task.family).__name__ for env in bodies] == ["Compounds", "PybulletObjects"]  # type: ignore[attr-defined]


def test_rows_are_those_that_training_makes_from_the_same_yaml() -> None:
    with initialize_config_module("loci.conf", version_base="1.3"):
        config = compose("train", overrides=["folder=x", "name=x", "task.camera.height=16", "task.camera.width=16"])
    delays = OmegaConf.to_container(config.task.distractors)
    theirs = gymnasium.make_vec(NAME, num_envs=3, distractors=delays, camera={"height": 16, "width": 16})
    ours = build_env(config, 3)
    step, (obs, _) = ours.reset(5), theirs.reset(seed=5)
    rng = np.random.default_rng(0)
    for _ in range(80):
        assert equal(step.obs, obs)
        actions = rng.integers(5, size=3)
        step = ours.step(actions)
        obs, reward, terminated, truncated, _ = theirs.step(actions)
        assert np.array_equal([step.reward, step.terminated, step.truncated], [reward, terminated, truncated])


def test_a_row_is_the_single_environment_with_that_rows_generator() -> None:
    envs = gymnasium.make_vec(NAME, num_envs=3, **SMALL)
    obs, _ = envs.reset(seed=9)
    singles = [make().unwrapped for _ in range(3)]
    for env, seed in zip(singles, np.random.SeedSequence(9).spawn(3), strict=True):
        env.np_random = np.random.default_rng(seed)
    seen = [env.reset()[0] for env in singles]
    done, resets, rng = np.zeros(3, bool), 0, np.random.default_rng(1)
    expected: list[Any]
    for _ in range(150):
        for row in range(3):
            assert equal({name: value[row] for name, value in obs.items()}, seen[row])
        actions = rng.integers(5, size=3)
        obs, reward, terminated, truncated, _ = envs.step(actions)
        for row, env in enumerate(singles):
            if done[row]:
                seen[row], expected, resets = env.reset()[0], [0.0, False, False], resets + 1
            else:
                seen[row], *expected, _ = env.step(int(actions[row]))
            assert [reward[row], terminated[row], truncated[row]] == expected
        done = terminated | truncated
    assert resets > 3


def test_the_vector_keeps_gymnasiums_interface() -> None:
    envs = gymnasium.make_vec(NAME, num_envs=4, **SMALL)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert envs.single_observation_space == make().observation_space
    assert envs.single_action_space == make().action_space
    obs, _ = envs.reset(seed=0)
    assert envs.observation_space.contains(obs)
    assert obs["words"] == ("",) * 4
    assert envs.observation_space.contains(envs.step(envs.action_space.sample())[0])
    assert np.asarray(envs.render()).shape == (4, 16, 16, 3)


def test_the_vector_keeps_gymnasiums_autoreset() -> None:
    """Gymnasium's own counter of episodes sees the lengths and sums that the counting task says."""
    envs = RecordEpisodeStatistics(counting(4))
    envs.reset(seed=2)
    ended = 0
    for _ in range(60):
        *_, terminated, truncated, info = envs.step(np.zeros(4, int))
        for row in np.flatnonzero(terminated | truncated):
            length = min(info["length"][row], Counting.max_steps)
            assert info["_length"][row]
            assert info["episode"]["l"][row] == length
            assert info["episode"]["r"][row] == length * (length + 1) / 2
            ended += 1
    assert ended > 20


def test_metrics_appear_exactly_where_an_episode_ends() -> None:
    envs = counting(8)
    envs.reset(seed=1)
    for _ in range(30):
        *_, terminated, truncated, info = envs.step(np.zeros(8, int))
        ended = terminated | truncated
        assert ("length" in info) == ended.any()
        assert np.array_equal(info.get("_length", np.zeros(8, bool)), ended)


def test_a_vectors_seed_fixes_its_episodes_and_none_goes_on() -> None:
    envs = gymnasium.make_vec(NAME, num_envs=2, **SMALL)
    begins = [envs.reset(seed=seed)[0]["rgb"].tobytes() for seed in (3, None, None, 3, None, None)]
    assert begins[:3] == begins[3:]
    assert len(set(begins)) == 3


def test_gymnasiums_own_vectors_hold_it_too() -> None:
    wrappers = [lambda env: TokenWords(env, 40)]
    envs = gymnasium.make_vec(NAME, num_envs=2, vectorization_mode="sync", wrappers=wrappers, **SMALL)
    obs, _ = envs.reset(seed=0)
    assert obs["words"].shape == (2, 40, len(LETTERS))
    assert envs.observation_space.contains(obs)


def test_it_can_be_made_inside_a_program_that_hydra_runs() -> None:
    with initialize_config_module("loci.conf", version_base="1.3"):
        make()
        assert compose("train", overrides=["folder=x", "name=x", "memory=gru"]).memory._target_.endswith("GRU")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"backend": "kinmatic"}, ValueError, "backend must be one of .*kinematic.*, got 'kinmatic'"),
        ({"world": "compound"}, ValueError, "world must be one of compounds, .*meshes.*, got 'compound'"),
        ({"objets": 3}, KeyError, "fast_mapping has no setting objets. Settings: backend, world, .*objects"),
        ({"family": {"cuont": 3}}, ConfigKeyError, "cuont"),
        ({"render_mode": "human"}, ValueError, r"render_mode must be None or one of \['rgb_array'\], got 'human'"),
        ({"instruction": "fetch"}, Exception, "instruction must be one of pick, put, both, got 'fetch'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_is_mistyped_is_answered_with_the_choices(settings: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        gymnasium.make(NAME, **settings)
    with pytest.raises(error, match=message):
        gymnasium.make_vec(NAME, num_envs=2, **settings)


def test_a_mistyped_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(gymnasium.error.NameNotFound, match="Did you mean: `FastMapping`"):
        gymnasium.make("loci/FastMaping-v0")


def test_the_vector_refuses_what_it_cannot_do() -> None:
    envs = counting(2)
    with pytest.raises(ValueError, match=r"seed must be one whole number.*got \[1, 2\]"):
        envs.reset(seed=[1, 2])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="options must be empty"):
        envs.reset(seed=0, options={"reset_mask": np.ones(2, bool)})
    with pytest.raises(RuntimeError, match="no picture yet"):
        envs.render()
    with pytest.raises(ValueError, match=r"actions must lie in MultiDiscrete\(\[3 3\]\), got array\(\[0, 3\]\)"):
        envs.step(np.array([0, 3]))


def test_a_table_of_letters_reads_as_the_sentence() -> None:
    plain, env = make(objects=2), TokenWords(make(objects=2), 40)
    obs, _ = plain.reset(seed=4)
    coded, _ = env.reset(seed=4)
    heard = set()
    for step in range(60):
        for name in ("words", "instruction"):
            letters = [LETTERS[column] for column in coded[name].argmax(1)[coded[name].any(1)]]
            assert "".join(letters) == obs[name]
            assert coded[name].sum() == len(obs[name])
            heard.add(obs[name])
        assert env.observation_space.contains(coded)
        assert equal({k: obs[k] for k in ("rgb", "position")}, {k: coded[k] for k in ("rgb", "position")})
        action = (2, 0, 1)[step % 3]
        obs, _, terminated, truncated, _ = plain.step(action)
        coded, *_ = env.step(action)
        if terminated or truncated:
            break
    assert len(heard) > 2


def test_gymnasium_accepts_the_wrapped_environment_and_can_make_it_again() -> None:
    env = TokenWords(make(), 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*(infinity|different from the unwrapped).*")
        check_env(env)
    assert env.spec is not None
    again = gymnasium.make(env.spec)
    assert again.observation_space == env.observation_space


def test_a_text_that_does_not_fit_is_refused() -> None:
    env = TokenWords(make(), 8)
    with pytest.raises(ValueError, match=r"words has 13 letters, but length is 8.*'this is a dax'"):
        env.observation({"words": "this is a dax", "instruction": ""})
    with pytest.raises(ValueError, match="length must be 1 or more letters, got 0"):
        TokenWords(make(), 0)
    with pytest.raises(ValueError, match="needs a Dict observation with a Text in it, got Box"):
        TokenWords(gymnasium.make("CartPole-v1"))


def blocks() -> list[str]:
    text = (ROOT / "docs" / "gymnasium.md").read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("block", [block for block in blocks() if "stable_baselines3" not in block])
def test_the_examples_run_as_they_stand_there(block: str) -> None:
    exec(block, {})


def test_every_example_that_is_not_run_here_trains_in_the_tests_of_stable_baselines() -> None:
    (ppo, recurrent) = (block for block in blocks() if "stable_baselines3" in block)
    assert "= PPO(" in ppo
    assert "= RecurrentPPO(" in recurrent


def test_every_link_of_the_page_exists() -> None:
    page = ROOT / "docs" / "gymnasium.md"
    for path in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / path).exists(), path
