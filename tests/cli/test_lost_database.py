"""The database is gone, or empty, though this machine worked with it: nothing begins anew without being asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncd.core.incarnation import Seen
from syncd.state.schema import head
from syncd.state.witness import Witness, witness_file

if TYPE_CHECKING:
    from .conftest import Run

_SHOP = """
[shops.main]
adapter = "woocommerce"
url = "http://127.0.0.1:1"
consumer_key = "ck_1"
consumer_secret = "cs_1"
"""
_LAST = Seen("a former life", 7, datetime(2026, 11, 23, 12, 0, tzinfo=UTC))


@pytest.fixture
def worked(config_file: Path, tmp_path: Path, empty_database_url: str) -> Path:
    """A configuration whose database this machine worked with, and that is not there any more."""
    text = config_file.read_text()
    config_file.write_text(text.replace("sqlite:///state.db", empty_database_url))
    seen = Witness(witness_file(empty_database_url, tmp_path, config_file.stem))
    seen.saw(_LAST)
    seen.keep(lambda: _LAST)
    return config_file


@pytest.mark.parametrize("command", ["run", "sync", "plan", "match", "check"])
def test_nothing_begins_with_an_empty_database_where_one_was(run: Run, worked: Path, command: str) -> None:
    refused = run(command, "--config", worked)
    said = refused.out + refused.err
    assert refused.code == 78, said
    assert "there is no database any more, though this machine worked with it until 2026-11-23 12:00:00 UTC" in said
    assert "`syncd db restore FILE`" in said
    assert run("db", "current", "--config", worked).code == 78
    assert not list(worked.parent.glob("empty.db*[!s]")), "nothing was made but the witness"


def test_to_look_for_it_says_the_same(run: Run, worked: Path) -> None:
    refused = run("status", "--config", worked)
    assert refused.code == 78
    assert "there is no database any more" in refused.err


def test_a_place_that_may_not_be_looked_into_is_not_called_empty(config_file: Path) -> None:
    """As for a stranger on the machine, to whom neither the file nor the witness is shown."""
    taken = "-dac_override,-dac_read_search"  # root may look everywhere, unless it is told that it may not
    plain = ("setpriv", f"--bounding-set={taken}", f"--inh-caps={taken}") if os.geteuid() == 0 else ()
    if plain and shutil.which("setpriv") is None:
        pytest.skip("this is root, and setpriv is not there to take a right from it")
    folder = config_file.parent / "closed"
    folder.mkdir(mode=0o000)
    config_file.chmod(0o600)
    config_file.write_text(
        config_file.read_text().replace("state.db", "closed/state.db").partition("[shops")[0] + _SHOP
    )
    words = (*plain, sys.executable, "-m", "syncd", "--config", str(config_file), "status")
    refused = subprocess.run(words, check=False, capture_output=True, text=True)
    folder.chmod(0o700)
    assert refused.returncode == 78, refused.stderr
    assert "Permission denied; run this as the user that owns the database" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_whoever_asks_for_it_begins_anew(run: Run, worked: Path) -> None:
    made = run("db", "upgrade", "--config", worked)
    assert made.code == 0
    assert head() in made.out
    assert run("check", "--config", worked).out.splitlines()[1].startswith("✓ database")


def test_a_machine_that_never_worked_with_it_makes_it(run: Run, config_file: Path) -> None:
    assert "✓ database" in run("check", "--config", config_file).out
