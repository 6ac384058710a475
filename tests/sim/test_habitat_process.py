"""The habitat process and its accidents: found, greeted, refused, and never left behind."""

import ast
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from loci.sim.backends.habitat.process import SERVER, HabitatError, HabitatProcess, find_python

HERE = Path(__file__).parent


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `habitat_sim` is the stand-in."""
    shutil.copy(HERE / "fake_habitat.py", tmp_path / "habitat_sim.py")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def gone(pid: int | None) -> bool:
    """Whether a process has ended; one that waits to be collected has."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("name", ["server.py", "protocol.py"])
def test_the_server_needs_nothing_of_ours_and_python_3_10(name: str) -> None:
    tree = ast.parse(SERVER.with_name(name).read_text(), feature_version=(3, 10))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    wanted = {"server.py": {"habitat_sim", "numpy", "protocol"}, "protocol.py": {"numpy"}}
    assert {module.split(".")[0] for module in imported} - set(sys.stdlib_module_names) == wanted[name]


def test_the_python_is_found_where_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCI_HABITAT_PYTHON", sys.executable)
    assert find_python() == [sys.executable]
    assert find_python("sh") == [shutil.which("sh")]
    with pytest.raises(FileNotFoundError, match=r"backend\.python .* no program 'no-python'"):
        find_python("no-python")
    monkeypatch.delenv("LOCI_HABITAT_PYTHON")
    monkeypatch.setenv("CONDA_EXE", str(tmp_path / "none"))
    with pytest.raises(ImportError, match="conda env create -f docs/habitat/environment-habitat.yml"):
        find_python()


def test_the_environment_of_conda_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    conda = tmp_path / "bin" / "conda"
    conda.parent.mkdir()
    conda.write_text("#!/bin/sh\n")
    conda.chmod(0o755)
    monkeypatch.delenv("LOCI_HABITAT_PYTHON", raising=False)
    monkeypatch.setenv("CONDA_EXE", str(conda))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ImportError, match="conda env create"):
        find_python()
    (tmp_path / "envs" / "habitat").mkdir(parents=True)
    assert find_python() == [str(conda), "run", "--no-capture-output", "-n", "habitat", "python"]


def test_a_process_says_who_it_is_and_ends_when_it_is_closed(fake: Path) -> None:
    process = HabitatProcess([sys.executable])
    said = process.start()
    assert said["habitat_sim"] == "0.3.3"
    assert said["numpy"] == np.__version__
    first = process.pid
    assert process.alive
    process.start()
    assert process.pid == first, "a process that runs is not started twice"
    process.restart()
    second = process.pid
    assert second != first
    process.close()
    process.close()
    assert gone(first)
    assert gone(second)
    with pytest.raises(HabitatError, match="does not run"):
        process.call("hello")


def test_one_that_ends_while_it_starts_is_reported_with_its_code_and_words(fake: Path) -> None:
    process = HabitatProcess([sys.executable], variables={"FAKE_HABITAT": "exit"})
    with pytest.raises(HabitatError, match=r"(?s)ended while it was starting \(exit code 3\).*the fake says goodbye"):
        process.start()
    assert not process.alive


def test_one_that_never_connects_is_ended(fake: Path) -> None:
    process = HabitatProcess([sys.executable], start_timeout=1.0, variables={"FAKE_HABITAT": "mute"})
    with pytest.raises(HabitatError, match=r"did not connect within 1 s \(it was still running and has been") as said:
        process.start()
    assert gone(int(str(said.value).partition("mute ")[2].split()[0]))


def test_a_python_without_habitat_says_so() -> None:
    with pytest.raises(HabitatError, match="No module named 'habitat_sim'"):
        HabitatProcess([sys.executable]).start()


def test_another_version_of_the_protocol_is_refused(fake: Path) -> None:
    other = fake / "other"
    other.mkdir()
    shutil.copy(SERVER, other)
    text = SERVER.with_name("protocol.py").read_text()
    assert "\nVERSION = 1\n" in text
    (other / "protocol.py").write_text(text.replace("\nVERSION = 1\n", "\nVERSION = 2\n"))
    process = HabitatProcess([sys.executable], server=other / "server.py")
    with pytest.raises(HabitatError, match="the other side speaks protocol version 1, this side 2: update one"):
        process.start()
    assert not process.alive


def test_somebody_else_at_the_socket_is_refused(fake: Path) -> None:
    other = fake / "other"
    other.mkdir()
    shutil.copy(SERVER.with_name("protocol.py"), other)
    (other / "server.py").write_text(SERVER.read_text().replace('os.environ.get("LOCI_HABITAT_KEY", "")', '"guess"'))
    with pytest.raises(HabitatError, match="somebody else answered"):
        HabitatProcess([sys.executable], server=other / "server.py").start()


PROGRAM = """
import sys
import numpy as np
from loci.sim.backends.habitat.process import HabitatProcess
process = HabitatProcess([sys.executable], variables={"FAKE_HABITAT": sys.argv[1]})
process.start()
print(process.pid, process._folder, flush=True)
if sys.argv[1] == "hang":
    agent = {"radius": 0.2, "height": 1.0, "knee": 0.1, "seed": 0, "gpu": -1}
    process.call("load", {"dataset": "", "scene": "house", "scan": True, **agent})
    shot = {"height": 4, "width": 4, "fov": 1.0, "kinds": ["rgb"]}
    process.call("render", shot, {"eyes": np.zeros((1, 3)), "axes": np.eye(3)[None]})
if sys.argv[1] == "wait":
    sys.stdin.read()
"""


@pytest.mark.parametrize("mode", ["wait", "hang"])
def test_nothing_is_left_when_the_program_is_killed(fake: Path, mode: str) -> None:
    """Neither of an idle process nor of one in the middle of a call."""
    command = [sys.executable, "-c", PROGRAM, mode]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert program.stdout is not None
    pid, folder = program.stdout.readline().split()
    time.sleep(0.3 if mode == "hang" else 0.0)
    assert Path(f"/proc/{pid}").exists()
    program.kill()
    program.communicate()
    assert gone(int(pid))
    assert not Path(folder).exists()


def test_nothing_is_left_when_the_program_forgets_to_close(fake: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, ""], capture_output=True, text=True, check=True)
    pid, folder = done.stdout.split()
    assert gone(int(pid))
    assert not Path(folder).exists()


def test_without_unix_sockets_a_port_of_this_machine_serves(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loci.sim.backends.habitat.process.LONGEST", 0)
    process = HabitatProcess([sys.executable])
    assert process.start()["habitat_sim"] == "0.3.3"
    assert process._link is not None
    assert process._link.getsockname()[0] == "127.0.0.1"
    process.close()


def test_a_refused_call_ends_nothing(fake: Path) -> None:
    process = HabitatProcess([sys.executable])
    process.start()
    with pytest.raises(ValueError, match=r"no call 'dance'. Calls: hello, load"):
        process.call("dance")
    with pytest.raises(ValueError, match="nothing is loaded yet"):
        process.call("stand", {}, {"position": np.zeros(3)})
    with pytest.raises(KeyError, match="bodies"):
        process.call("place")
    assert process.alive
    process.close()
