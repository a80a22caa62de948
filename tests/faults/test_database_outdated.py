"""An old copy of the database is put in place by other means than ``syncd db restore``: the program notices."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import TYPE_CHECKING

import pytest

from syncd.state.lease import LEADER
from syncd.state.models import Lease
from tests.chaos.truth import events
from tests.crash.stage import SHOP, TILL
from tests.faults.test_database_restored import sku_of
from tests.support.dumps import dump, put_back

if TYPE_CHECKING:
    from tests.crash.stage import CrashStage, Program

pytestmark = pytest.mark.timeout(180)
KINDS = ["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.slow])]


class Copies:
    """Copies of the database, made and put back as people do it who know nothing of syncd."""

    def __init__(self, stage: CrashStage) -> None:
        self.url = stage.database
        self.file = Path(self.url.removeprefix("sqlite:///"))
        self.copy = stage.folder / "an old copy"
        self.is_file = self.url.startswith("sqlite")

    def make(self) -> None:
        """While nobody, or somebody, works with it."""
        if not self.is_file:
            dump(self.url, self.copy)
            return
        with closing(sqlite3.connect(self.file)) as source, closing(sqlite3.connect(self.copy)) as target:
            source.backup(target)

    def put_in_place(self) -> None:
        """Nobody works with it."""
        if self.is_file:
            shutil.copy(self.copy, self.file)
        else:
            put_back(self.url, self.copy)

    def put_under(self) -> None:
        """A process works with it: as ``.restore`` of sqlite3 does it, and pg_restore."""
        if not self.is_file:
            put_back(self.url, self.copy, tries=20)  # whoever works with it may be in the way
            return
        with closing(sqlite3.connect(self.copy)) as source, closing(sqlite3.connect(self.file, timeout=30)) as target:
            source.backup(target)


def stopped(program: Program) -> None:
    program.send(SIGTERM)
    assert program.wait() == 0, program.said


def outcome(stage: CrashStage, *argv: str) -> tuple[int, str]:
    program = stage.start(*argv)
    return program.wait(), program.said


def writes(stage: CrashStage) -> int:
    return stage.writes(TILL) + stage.writes(SHOP)


def until_compared(stage: CrashStage, daemon: Program) -> None:
    """What was sold within seconds of the copy may be in it or not: a person says how many there were."""
    stage.until(lambda: "restore.compared" in daemon.said, "it compares first")
    happened = events(stage, stage.opening)
    for finding in stage.findings("held_after_restore"):
        sku = sku_of(stage, finding)
        truth = stage.opening.till[sku] + sum(happened[sku])
        code, said = outcome(stage, "findings", "resolve", str(finding.id), "--count", str(truth))
        assert code == 0, said


@pytest.mark.parametrize("database_url", KINDS, indirect=True)
def test_an_old_copy_is_refused_by_all_that_works_with_it_and_compared_after_a_restore(stage: CrashStage) -> None:
    before, since, later, *_ = stage.skus()
    copies = Copies(stage)
    daemon = stage.start()
    stage.sell(TILL, before, 1)
    stage.until_in_step("it works")
    copies.make()
    stage.sell(TILL, since, 2)
    stage.sell(SHOP, since, 1)
    stage.until_in_step("it went on")
    stopped(daemon)
    copies.put_in_place()
    code, said = outcome(stage, "check")  # it asks the sides all the same, and tries the right to write
    assert (code, "✗ database: this is an old copy" in said) == (78, True), said
    sent = writes(stage)

    refusals = [outcome(stage, *argv) for argv in (("run",), ("sync",), ("plan",))]
    assert [code for code, _ in refusals] == [78] * 3, refusals
    assert all("this is an old copy of the database" in said for _, said in refusals)
    assert all("run `syncd db restore` (without a file)" in said for _, said in refusals)
    code, said = outcome(stage, "status", "--json")
    assert (code, json.loads(said)["code"]) == (78, 78)
    assert "old copy" in json.loads(said)["problems"][0]
    assert writes(stage) == sent

    code, said = outcome(stage, "db", "restore", "--yes")
    assert code == 0, said
    again = stage.start()
    until_compared(stage, again)
    stage.sell(SHOP, later, 1)
    stage.until_in_step("nothing is lost, nothing counted twice")
    stopped(again)
    assert outcome(stage, "status")[0] == 0


@pytest.mark.slow  # state/test_witness.py tries the moments of it
def test_a_database_that_is_exchanged_under_the_daemon_stops_it(stage: CrashStage) -> None:
    first, since, later, *_ = stage.skus()
    copies = Copies(stage)
    daemon = stage.start()
    stage.sell(TILL, first, 1)
    stage.until_in_step("it works")
    copies.make()
    stage.sell(TILL, since, 2)
    stage.until_in_step("it went on")
    sent = writes(stage)
    copies.put_under()
    stage.sell(SHOP, later, 1)
    assert daemon.wait() == 78, daemon.said
    assert "database.outdated" in daemon.said
    assert "error: this is an old copy of the database" in daemon.said
    assert writes(stage) == sent
    assert outcome(stage, "db", "restore", "--yes")[0] == 0
    until_compared(stage, stage.start())
    stage.until_in_step("all is counted, once")


@pytest.mark.slow
def test_a_file_that_is_moved_under_the_daemon_ends_it_and_is_judged_by_the_next(sqlite_stage: CrashStage) -> None:
    stage = sqlite_stage
    first, later, *_ = stage.skus()
    copies = Copies(stage)
    daemon = stage.start()
    stage.until(lambda: "daemon.started" in daemon.said, "it is at work")
    copies.make()
    stage.sell(TILL, first, 1)
    stage.until_in_step("it works")
    sent = writes(stage)
    for end in ("-wal", "-shm"):
        copies.file.with_name(copies.file.name + end).rename(stage.folder / f"old{end}")
    copies.copy.replace(copies.file)
    stage.sell(SHOP, later, 1)
    assert daemon.wait() == 1, daemon.said
    assert "another file now than this process works with" in daemon.said
    assert writes(stage) == sent
    assert outcome(stage, "run")[0] == 78


@pytest.mark.slow  # state/test_witness.py tries the moments of it
@pytest.mark.postgresql
def test_a_machine_that_starts_between_the_two_steps_of_a_restore_notices(postgresql_url: str, tmp_path: Path) -> None:
    """It stood by before; the other one has led, and both accept what ``syncd db restore`` leaves."""
    from tests.crash.conftest import opened  # noqa: PLC0415

    with opened(tmp_path, postgresql_url) as stage:
        shutil.copy(stage.folder / "config.toml", stage.folder / "beta.toml")
        sku, *_ = stage.skus()
        copies = Copies(stage)
        alpha = stage.start()
        stage.until(lambda: "daemon.started" in alpha.said, "it leads")
        beta = stage.start("--config", "beta.toml", "run")
        stage.until(lambda: "daemon.standby" in beta.said, "it stands by")
        copies.make()
        with stage.state() as session:
            copied = session.get_one(Lease, LEADER).beat
        stage.sell(TILL, sku, 1)
        stage.until_in_step("it works")
        stage.until(lambda: beats(stage, "beta") > copied, "the other one saw it, and wrote it down")
        for each in (beta, alpha):
            stopped(each)
        assert sorted(each.name for each in stage.folder.glob("*.witness")) == ["beta.witness", "config.witness"]
        copies.put_in_place()
        assert [outcome(stage, "--config", f"{name}.toml", "run")[0] for name in ("beta", "config")] == [78, 78]
        assert outcome(stage, "db", "restore", "--yes")[0] == 0
        until_compared(stage, stage.start("--config", "beta.toml", "run"))
        stage.until_in_step("the other machine went on with it")
        first = stage.start()
        stage.until(lambda: "daemon.standby" in first.said, "this one stands by")


def beats(stage: CrashStage, name: str) -> int:
    file = stage.folder / f"{name}.witness"
    return int(json.loads(file.read_text())["known"][-1][1]) if file.exists() else 0


@pytest.mark.slow  # state/test_witness.py tries the parts of it
def test_what_happens_to_the_witness_costs_no_sale(sqlite_stage: CrashStage) -> None:
    """It cannot be written, is torn, is lost; two stand by; one is killed: all is counted, and nobody is refused."""
    stage = sqlite_stage
    sku, *_ = stage.skus()
    witness = stage.folder / f"{Path(stage.database).name}.witness"
    (stage.folder / f".{witness.name}.part" / "in the way").mkdir(parents=True)
    daemon = stage.start()
    stage.sell(TILL, sku, 1)
    stage.until_in_step("it works without")
    assert not witness.exists()
    assert daemon.said.count("witness.not_written") == 1
    shutil.rmtree(stage.folder / f".{witness.name}.part")
    stage.sell(SHOP, sku, 1)
    stage.until(witness.exists, "there is room again")
    standbys = [stage.start(), stage.start()]
    stage.until(lambda: all("daemon.standby" in each.said for each in standbys), "two stand by")
    witness.write_bytes(witness.read_bytes()[:50])
    stage.until(lambda: any("witness.unreadable" in each.said for each in standbys), "who reads it first says so")
    daemon.send(SIGKILL)
    daemon.wait()
    stage.until(lambda: any("daemon.started" in each.said for each in standbys), "one takes over")
    stage.sell(SHOP, sku, 1)
    stage.until_in_step("nothing is lost")
    assert json.loads(witness.read_text())["form"] == 1
    for each in standbys:
        each.send(SIGTERM)
    assert [each.wait() for each in standbys] == [0, 0]
    assert outcome(stage, "sync")[0] == 0
