"""`syncd demo` is what a stranger runs first: it must hold, and it must be honest when it does not."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from syncd.demo.day import Tally
from syncd.demo.process import wait_until
from syncd.demo.stage import Stage
from syncd.demo.verdict import judge
from syncd.state import migrate


def test_a_day_ends_equal_everywhere(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    command = [
        sys.executable,
        "-m",
        "syncd",
        "demo",
        "--products",
        "40",
        "--seed",
        "7",
        "--json",
        "--keep",
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["ok"] is True
    assert verdict["mismatches"] == []
    assert verdict["kills"] == 1
    assert verdict["operations"]["confirmed by marker"] >= 1
    assert {"syncd.db", "config.toml", "daemon.log"} <= {path.name for path in folder.iterdir()}
    log = (folder / "daemon.log").read_text()
    assert "sim-secret" not in log
    assert "sim-refresh" not in log
    assert "cs_sim" not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_demo_that_is_ended_takes_its_daemon_along(tmp_path: Path, number: signal.Signals) -> None:
    """By `kill`, by closing the window, by `kill -9`, which it cannot answer.

    A daemon that is left over would ask a shop that is gone, for ever.
    """
    folder = tmp_path / "kept"
    command = [sys.executable, "-m", "syncd", "demo", "--products", "20", "--keep", str(folder)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert wait_until(lambda: _daemon_of(folder) is not None, 90), "no daemon"
        daemon = _daemon_of(folder)
        assert daemon is not None
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
    if not wait_until(lambda: not _lives(daemon), 5):
        os.kill(daemon, signal.SIGKILL)
        pytest.fail("the daemon goes on")
    assert running.returncode == (-number if number == signal.SIGKILL else 130)
    assert "Traceback" not in said


def _lives(pid: int) -> bool:
    """Whether it runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def _daemon_of(folder: Path) -> int | None:
    log = folder / "daemon.log"
    found = re.search(r"daemon\.started .*pid=(\d+)", log.read_text()) if log.exists() else None
    return int(found[1]) if found else None


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    command = [sys.executable, "-m", "syncd", "demo", "--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "not empty" in done.stderr


def test_the_verdict_sees_a_single_missing_unit(tmp_path: Path) -> None:
    stage = Stage(tmp_path, 20, 1)
    stage.open()
    try:
        migrate.upgrade(f"sqlite:///{tmp_path}/syncd.db")
        tally = Tally(stage.till_stock())
        sku = next(sku for sku, units in tally.opening.items() if units > 3)
        tally.add("till sale", sku, Decimal(-1))
        verdict = judge(stage, tally, stopped_with=0, stop_seconds=0.1, seconds=1)
    finally:
        stage.close()
    assert not verdict.ok
    assert sku in {mismatch.sku for mismatch in verdict.mismatches}
