"""The workers of a study."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STUDY = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from loci.agents.jobs import leave_with

if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), leave_with, (os.getpid(),)) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 120).result()
"""


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_a_killed_study_leaves_no_worker_behind(tmp_path: Path) -> None:
    script = tmp_path / "study.py"
    script.write_text(STUDY)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as study:
        assert study.stdout is not None
        worker = int(study.stdout.readline())
        assert alive(worker)
        os.kill(study.pid, signal.SIGKILL)
    until = time.monotonic() + 30.0
    while alive(worker) and time.monotonic() < until:
        time.sleep(0.2)
    assert not alive(worker)
