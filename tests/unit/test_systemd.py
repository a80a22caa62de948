"""The units are what systemd accepts and what the program relies on; the user and folders they need are made."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import click
import pytest

from syncd.cli import cli

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "systemd"
UNITS = ("syncd.service", "syncd@.service")
PROGRAM = "/opt/syncd/bin/syncd"
ANALYZE = shutil.which("systemd-analyze")

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")


def settings(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (FOLDER / unit).read_text("utf-8").splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def check(tree: Path) -> subprocess.CompletedProcess[str]:
    command = [tree / ".ci" / "units"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def copied(tmp_path: Path) -> Path:
    for name in (".ci", "systemd"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


@needs_systemd
def test_systemd_accepts_the_units_and_finds_them_little_exposed() -> None:
    done = check(ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    scores = dict(re.findall(r"(?m)^(\S+): exposure ([\d.]+) OK", done.stdout))
    assert set(scores) == set(UNITS)
    assert all(float(score) <= 1.5 for score in scores.values())


@needs_systemd
@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ("ProtectProc=invisible", "ProtectProk=invisible", "Unknown key"),
        ("PrivateUsers=yes\n", "PrivateUsers=no\nPrivateDevices=no\nProtectHome=no\n", "at most 1.5"),
    ],
)
def test_the_check_sees_mistakes_and_openness(tmp_path: Path, good: str, bad: str, says: str) -> None:
    unit = copied(tmp_path) / "systemd" / UNITS[1]
    text = unit.read_text("utf-8").replace(good, bad)
    assert bad in text
    unit.write_text(text)
    done = check(tmp_path)
    assert done.returncode == 1
    assert says in done.stderr + done.stdout


def test_without_systemd_the_check_says_so(tmp_path: Path) -> None:
    for tool in ("bash", "dirname"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    done = subprocess.run(
        [ROOT / ".ci" / "units"], capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)}, timeout=60
    )
    assert done.returncode == 69
    assert "systemd-analyze is not installed" in done.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_start_commands_that_exist(unit: str) -> None:
    found = settings(unit)
    for line in (*found["ExecStart"], *found["ExecStartPre"]):
        program, *argv = line.removeprefix("-").split()
        assert program == PROGRAM
        group: click.Command | None = cli
        for word in argv[: argv.index("--config")]:
            assert isinstance(group, click.Group)
            group = group.get_command(click.Context(group), word)
        assert group is not None


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_agree_with_the_program(unit: str) -> None:
    found = settings(unit)
    assert found["Type"] == ["notify"]
    assert found["RestartPreventExitStatus"] == ["78"]
    assert found["Restart"] == ["always"]  # one that somebody ended with SIGTERM has ended with 0
    assert int(found["TimeoutStopSec"][0]) > 10
    assert found["StartLimitIntervalSec"] == ["0"]
    assert "ProcSubset" not in found  # syncd.state.lease reads /proc/sys
    text = (FOLDER / unit).read_text("utf-8")
    for name in ("inventorum-client-secret", "inventorum-refresh-token", "main-consumer-key", "main-consumer-secret"):
        assert f"LoadCredential={name}:" in text


def test_the_template_is_the_same_unit_for_another_account() -> None:
    one, many = (settings(unit) for unit in UNITS)
    places = {"/etc/syncd/%i.toml": "/etc/syncd/config.toml", "syncd/%i": "syncd", "syncd for %i": "syncd"}
    for name, values in many.items():
        as_one = values
        for theirs, ours in places.items():
            as_one = [value.replace(theirs, ours) for value in as_one]
        assert one[name] == as_one, name
    assert one.keys() == many.keys()


def made(tool: str, tmp_path: Path, *more: str) -> None:
    path = shutil.which(f"systemd-{tool}")
    if path is None or os.geteuid() != 0:
        pytest.skip(f"needs systemd-{tool} and root, to make users and folders of others below a temporary root")
    conf = FOLDER / f"syncd.{tool}.conf"
    done = subprocess.run(
        [path, f"--root={tmp_path}", *more, conf], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_user_and_the_folders_are_those_of_the_units(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made("sysusers", tmp_path)
    name, _, uid, gid, _, home, shell = (tmp_path / "etc" / "passwd").read_text().splitlines()[-1].split(":")
    assert (name, home, shell) == ("syncd", "/var/lib/syncd", "/usr/sbin/nologin")
    made("tmpfiles", tmp_path, "--create")
    found = {}
    for folder in ("etc/syncd", "etc/syncd/secrets", "var/lib/syncd"):
        at = (tmp_path / folder).stat()
        found[folder] = (at.st_uid, at.st_gid, stat.S_IMODE(at.st_mode))
    assert found == {
        "etc/syncd": (0, int(gid), 0o2750),
        "etc/syncd/secrets": (0, int(gid), 0o2750),
        "var/lib/syncd": (int(uid), int(gid), 0o2770),
    }
    for unit in UNITS:
        assert settings(unit)["User"] == settings(unit)["Group"] == [name]
        assert settings(unit)["StateDirectoryMode"] == ["2770"]


def test_the_installation_page_names_files_that_exist_and_places_that_the_units_use() -> None:
    page = (ROOT / "docs" / "install.md").read_text("utf-8")
    named = set(re.findall(r"/opt/syncd/src/([\w./@-]+\w)", page))
    assert {f"systemd/{file.name}" for file in FOLDER.iterdir()} <= named
    assert [name for name in named if not (ROOT / name).exists()] == []
    for unit in UNITS:
        assert re.search(rf"/etc/systemd/system/{re.escape(unit)}\b", page)
    assert "/etc/syncd/config.toml" in page
    assert "/var/lib/syncd/berlin" in page
