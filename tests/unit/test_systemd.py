"""The unit is what systemd accepts and what the program relies on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from syncd.cli import cli

UNIT = Path(__file__).parents[2] / "systemd" / "syncd.service"
PROGRAM = "/opt/syncd/bin/syncd"
ANALYZE = shutil.which("systemd-analyze")


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text("utf-8").splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "syncd.service"
    # The program must exist for the verification.
    unit.write_text(UNIT.read_text("utf-8").replace(PROGRAM, sys.executable))
    done = subprocess.run([str(ANALYZE), "verify", unit], capture_output=True, text=True, check=False, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if "syncd.service" in line]
    assert (done.returncode, complaints) == (0, [])


def test_the_unit_starts_commands_that_exist() -> None:
    found = settings()
    for line in (*found["ExecStart"], *found["ExecStartPre"]):
        program, *argv = line.removeprefix("-").split()
        assert program == PROGRAM
        group: click.Command | None = cli
        for word in argv[: argv.index("--config")]:
            assert isinstance(group, click.Group)
            group = group.get_command(click.Context(group), word)
        assert group is not None


def test_the_unit_agrees_with_the_program() -> None:
    found = settings()
    assert found["Type"] == ["notify"]
    assert found["RestartPreventExitStatus"] == ["78"]
    assert int(found["TimeoutStopSec"][0]) > 10
    assert found["StartLimitIntervalSec"] == ["0"]
    text = UNIT.read_text("utf-8")
    for name in ("inventorum-client-secret", "inventorum-refresh-token", "main-consumer-key", "main-consumer-secret"):
        assert f"LoadCredential={name}:" in text
