"""The habitat process as seen from Loci: found, started, greeted, watched, and never left behind."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from loci.sim.backends.habitat.protocol import Closed, Message, ProtocolError, receive, send

SERVER = Path(__file__).with_name("server.py")
VARIABLE = "LOCI_HABITAT_PYTHON"
ENVIRONMENT = "habitat"
INSTALL = (
    "the habitat backend needs habitat-sim in an environment of its own: "
    "conda env create -f docs/habitat/environment-habitat.yml. "
    f"Another Python that can import habitat_sim is named by backend.python or by the variable {VARIABLE}"
)
QUIET = {"MAGNUM_LOG": "quiet", "HABITAT_SIM_LOG": "quiet"}
LONGEST = 100
"""Characters a Unix socket's path may have on every system."""
GRACE = 5.0
"""Seconds a process gets to end by itself."""
TAIL = 15
"""Lines of its log that an error shows."""
RAISED: dict[str, type[Exception]] = {
    "ValueError": ValueError,
    "KeyError": KeyError,
    "FileNotFoundError": FileNotFoundError,
}


class HabitatError(RuntimeError):
    """The process failed; the message says how, what it wrote last and how to go on."""


def find_python(python: str = "") -> list[str]:
    """The command that runs habitat's Python: `python`, else the variable LOCI_HABITAT_PYTHON, else conda's environment
    "habitat". FileNotFoundError for a program that does not exist, ImportError when nothing is found."""
    for source, named in (("backend.python", python), (VARIABLE, os.environ.get(VARIABLE, ""))):
        if named:
            found = shutil.which(os.path.expanduser(named))
            if found is None:
                raise FileNotFoundError(f"{source} must name a Python with habitat_sim, there is no program {named!r}")
            return [found]
    conda = shutil.which(os.environ.get("CONDA_EXE", "conda"))
    if conda is None or ENVIRONMENT not in _environments(Path(conda)):
        raise ImportError(INSTALL)
    return [conda, "run", "--no-capture-output", "-n", ENVIRONMENT, "python"]


def _environments(conda: Path) -> set[str]:
    """Names of conda's environments."""
    beside = conda.resolve().parents[1] / "envs"
    listed = Path.home() / ".conda" / "environments.txt"
    names = {path.name for path in beside.iterdir()} if beside.is_dir() else set()
    return names | ({Path(line).name for line in listed.read_text().split("\n")} if listed.is_file() else set())


class HabitatProcess:
    """One process and the socket to it. It is started by `start`; after a HabitatError it is gone, and `restart` (or
    the next `start`) begins anew with nothing loaded. It ends with `close`, with this object and with this program.

    `start_timeout` and `call_timeout` are the seconds to wait for the greeting and for every other answer.
    """

    def __init__(
        self,
        command: Sequence[str],
        start_timeout: float = 120.0,
        call_timeout: float = 60.0,
        server: Path = SERVER,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        if not min(start_timeout, call_timeout) > 0.0:
            raise ValueError(f"need start_timeout and call_timeout > 0 s, got {start_timeout=}, {call_timeout=}")
        self.command, self.server = [*command, str(server)], server
        self.start_timeout, self.call_timeout = start_timeout, call_timeout
        self._variables = dict(variables or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._folder: Path | None = None
        self._end: Any = None
        self._number = 0

    @property
    def alive(self) -> bool:
        return self._link is not None and self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> dict[str, Any]:
        """Start the process unless it runs, and return what it says about itself."""
        if not self.alive:
            self.close()
            self._launch()
        said = self.call("hello", timeout=self.start_timeout).fields
        if said.get("key") != self._variables["LOCI_HABITAT_KEY"]:
            raise self._failed("somebody else answered")
        return said

    def restart(self) -> dict[str, Any]:
        """End the process and start it again, with nothing loaded."""
        self.close()
        return self.start()

    def call(
        self,
        kind: str,
        fields: Mapping[str, Any] | None = None,
        arrays: Mapping[str, np.ndarray] | None = None,
        timeout: float | None = None,
    ) -> Message:
        """Ask and wait. ValueError, KeyError or FileNotFoundError for a refused call, HabitatError for all else."""
        self.send(kind, fields, arrays)
        return self.receive(timeout)

    def send(
        self, kind: str, fields: Mapping[str, Any] | None = None, arrays: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Ask; `receive` brings the answer, so that several processes can work at once."""
        if self._link is None:
            raise HabitatError("the habitat process does not run: load a world, or call start()")
        self._number += 1
        try:
            send(self._link, Message(self._number, kind, dict(fields or {}), dict(arrays or {})), self.call_timeout)
        except (Closed, OSError) as error:
            raise self._failed(f"{kind!r} could not be asked: {error}") from error

    def receive(self, timeout: float | None = None) -> Message:
        """The answer to the question sent last."""
        if self._link is None:
            raise HabitatError("the habitat process does not run: load a world, or call start()")
        seconds = self.call_timeout if timeout is None else timeout
        try:
            message = receive(self._link, seconds)
        except TimeoutError as error:
            raise self._failed(f"no answer after {seconds:g} s") from error
        except (Closed, ProtocolError, OSError) as error:
            raise self._failed(str(error)) from error
        if message.number != self._number:
            raise self._failed(f"it answered question {message.number} instead of {self._number}")
        if message.kind == "failed":
            known = RAISED.get(message.fields["type"])
            said = message.fields["message"]
            raise known(said) if known else HabitatError(f"habitat: {message.fields['type']}: {said}")
        return message

    def close(self) -> None:
        """Ask the process to end, and end it when it does not."""
        if self._link is not None and self._process is not None and self._process.poll() is None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                send(self._link, Message(0, "close"), GRACE)
                self._process.wait(GRACE)
        self._forget()

    def _launch(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="loci-habitat-"))
        self._variables["LOCI_HABITAT_KEY"] = secrets.token_hex(16)
        listener, address = _listen(self._folder)
        log = self._folder / "log"
        with listener, log.open("wb") as sink:
            self._process = subprocess.Popen(
                [*self.command, "--address", address, "--parent", str(os.getpid()), "--folder", str(self._folder)],
                stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True,
                env=QUIET | dict(os.environ) | self._variables,
            )  # fmt: skip
            self._end = weakref.finalize(self, _end, self._process, self._folder)
            self._link = self._accept(listener)

    def _accept(self, listener: socket.socket) -> socket.socket:
        deadline = time.monotonic() + self.start_timeout
        listener.settimeout(0.05)
        while time.monotonic() < deadline:
            try:
                return listener.accept()[0]
            except TimeoutError:
                if self._process is not None and self._process.poll() is not None:
                    raise self._failed("it ended while it was starting") from None
        raise self._failed(f"it did not connect within {self.start_timeout:g} s")

    def _failed(self, what: str) -> HabitatError:
        """End what is left of the process and say what is known."""
        code = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(0.5)
        how = "it was still running and has been ended" if code is None else f"exit code {code}"
        lines = self._log()
        self._forget()
        return HabitatError(
            f"the habitat process failed: {what} ({how}).\nIts last lines:\n{lines}\n"
            "The next load starts it again, and so does restart(); what was loaded is lost."
        )

    def _log(self) -> str:
        if self._folder is None or not (self._folder / "log").is_file():
            return "  (nothing)"
        text = (self._folder / "log").read_bytes()[-20000:].decode(errors="replace")
        return "\n".join(f"  {line}" for line in text.splitlines()[-TAIL:]) or "  (nothing)"

    def _forget(self) -> None:
        if self._link is not None:
            self._link.close()
        if self._end is not None:
            self._end()
        self._process = self._link = self._folder = self._end = None


def _listen(folder: Path) -> tuple[socket.socket, str]:
    """A Unix socket in the folder, which only this user can enter; where there is none, a port of this machine."""
    path = str(folder / "socket")
    if hasattr(socket, "AF_UNIX") and len(path) <= LONGEST:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(1)
        return listener, path
    listener = socket.create_server(("127.0.0.1", 0), backlog=1)
    return listener, f"127.0.0.1:{listener.getsockname()[1]}"


def _end(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Nothing is left of a process, of its children (conda starts one) and of its folder."""
    for signal_name in ("SIGTERM", "SIGKILL"):
        if process.poll() is None:
            _signal(process, signal_name)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
    shutil.rmtree(folder, ignore_errors=True)


def _signal(process: "subprocess.Popen[bytes]", name: str) -> None:
    """To the process and its children; it leads a group of its own."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, getattr(signal, name))
    else:
        process.kill()
