"""``syncd check`` on a simulated till and an installed shop adapter."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest

from syncd.simulators.inventorum import InventorumSettings, InventorumSim
from syncd.simulators.server import Fault, SimServer
from tests.support.outside import Hook, MailServer

from .conftest import Run


@pytest.fixture
def ready(run: Run, config_file: Path) -> Path:
    assert run("db", "upgrade", "--config", config_file).code == 0
    return config_file


def _shop(path: Path, address: str) -> None:
    path.write_text(path.read_text().replace("corner.example", address))


def test_all_is_well(run: Run, ready: Path) -> None:
    result = run("check", "--config", ready)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == f"✓ configuration: {ready} is valid; sides: inventorum, main"
    assert lines[1].startswith(f"✓ database: sqlite:///{ready.parent}/state.db, schema ")
    assert any(line.startswith("✓ inventorum: rights: ") for line in lines)
    assert lines[-1] == "✓ main: door: open"


def test_json_has_the_same_facts(run: Run, ready: Path) -> None:
    result = run("--json", "check", "--config", ready)
    document = json.loads(result.out)
    assert (result.code, document["ok"], document["exit_code"]) == (0, True, 0)
    assert {line["where"] for line in document["lines"]} == {"configuration", "database", "inventorum", "main"}
    assert document["facts"]["main"] == {"adapter": "Corner shop", "version": "7", "clock_skew_seconds": "1.0"}


def test_offline_opens_no_connection(run: Run, config_file: Path, till: SimServer) -> None:
    result = run("check", "--offline", "--config", config_file)
    assert (result.code, len(result.out.splitlines())) == (0, 1)
    assert till.requests() == []
    assert not (config_file.parent / "state.db").exists()


def test_a_missing_database_is_made_as_sync_makes_it(run: Run, config_file: Path) -> None:
    result = run("check", "--config", config_file)
    assert result.code == 0
    assert "✓ database: " in result.out
    assert (config_file.parent / "state.db").exists()


def test_a_database_that_cannot_be_made_exits_78_and_the_shops_are_still_tried(run: Run, config_file: Path) -> None:
    (config_file.parent / "state.db").mkdir()
    result = run("check", "--config", config_file)
    assert result.code == 78
    assert "✗ database: " in result.out
    assert "! inventorum: not tried: its tokens are kept in the database" in result.out
    assert "✓ main: door: open" in result.out


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("refuses", 5, "✗ main: GET /door: the key does not fit; put new credentials for this side"),
        ("closed", 1, "✗ main: GET /door: nobody there for ***; nothing was changed; try again"),
        ("half", 1, "✗ main: till: locked"),
        ("slow", 0, "! main: clock: its clock is 45 s ahead of ours"),
    ],
)
def test_each_outcome_of_a_side_has_its_code(run: Run, ready: Path, address: str, code: int, words: str) -> None:
    _shop(ready, address)
    result = run("check", "--config", ready)
    assert result.code == code
    assert words in result.out
    assert "✓ inventorum: rights" in result.out
    assert "hidden-door-key" not in result.out + result.err


def test_a_rejected_refresh_token_exits_5_and_says_what_to_do(run: Run, ready: Path) -> None:
    _shop(ready, "closed")  # the graver of two codes counts
    ready.write_text(ready.read_text().replace("sim-refresh-0", "outdated"))
    result = run("check", "--config", ready)
    assert result.code == 5
    (line,) = [line for line in result.out.splitlines() if line.startswith("✗ inventorum")]
    assert "put new credentials for this side into the configuration" in line


def test_a_side_that_does_not_answer_exits_1(run: Run, ready: Path, till: SimServer) -> None:
    till.add_fault(Fault(kind="too_many", seconds=3600))
    result = run("check", "--config", ready)
    assert result.code == 1
    assert "✗ inventorum" in result.out


def test_unwise_but_allowed_is_a_warning(run: Run, ready: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config, state = Path(folder, "config.toml"), Path(folder, "state.db")
        Path(folder).chmod(0o755)
        config.write_text(ready.read_text())
        config.chmod(0o600)
        state.touch(0o600)
        state.chmod(0o644)
        result = run("check", "--offline", "--config", config)
    assert result.code == 0
    assert f"! configuration: {state} is open to everyone on this machine: chmod o= {state}\n" in result.out


def test_a_token_without_a_right_exits_5(run: Run, config_file: Path) -> None:
    with SimServer(InventorumSim(InventorumSettings(scope="products:read"))) as till:
        text = config_file.read_text()
        config_file.write_text(re.sub(r"http://127\.0\.0\.1:\d+", till.url, text))
        assert run("db", "upgrade", "--config", config_file).code == 0
        result = run("check", "--config", config_file)
    assert result.code == 5
    assert "✗ inventorum: rights: the token lacks products:update" in result.out


TOLD = """
[ping]
success_url = "{hook}/well"

[notify]
webhook_url = "{hook}/news"
mail_server = "{mail}"
mail_security = "none"
mail_from = "syncd@shop.example"
mail_to = ["a@x.example", "b@x.example"]
"""


def test_monitors_and_people_hear_of_a_check_only_if_asked_to(run: Run, ready: Path) -> None:
    with Hook() as hook, MailServer() as mail:
        ready.write_text(ready.read_text() + TOLD.format(hook=hook.url, mail=mail.address))
        assert run("check", "--config", ready).code == 0
        assert (hook.calls, mail.mails) == ([], [])
        result = run("check", "--send-test", "--config", ready)
        assert result.code == 0
        assert [path.rpartition("/")[2] for path in hook.paths] == ["well", "news"]
        assert "this is a test" in hook.bodies[1]["text"]
        assert "this is a test" in mail.mails[0]
        assert "s3cret-path" not in result.out
        assert "✓ mail: the server took a test message for all receivers" in result.out


def test_what_takes_no_test_fails_the_check(run: Run, ready: Path) -> None:
    with Hook() as hook, MailServer() as mail:
        ready.write_text(ready.read_text() + TOLD.format(hook=hook.url, mail=mail.address))
        hook.status = 404
        mail.unknown = {"b@x.example"}
        result = run("check", "--send-test", "--config", ready)
        assert result.code == 1
        assert "✗ ping: answered 404" in result.out
        assert "✗ mail: the server refused receiver 2 of 2 in mail_to" in result.out


def test_a_test_with_nobody_to_tell_and_an_offline_one(run: Run, ready: Path) -> None:
    result = run("check", "--send-test", "--config", ready)
    assert (result.code, "nothing was sent" in result.out) == (0, True)
    assert run("check", "--send-test", "--offline", "--config", ready).code == 2
