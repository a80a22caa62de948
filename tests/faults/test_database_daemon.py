"""The daemon as a process while its database fails: it says so, stays, moves nothing meanwhile, and loses nothing.

The same faults hit whole passes of one process in ``test_database_sqlite.py`` and ``test_database_postgresql.py``; here
scheduler, lease and everything else of the real program are part of it.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import create_engine, make_url

from syncd.state import migrate
from tests.crash.conftest import opened
from tests.crash.stage import SHOP, TILL
from tests.faults.disks import failing_disk, fill, tiny_disk
from tests.faults.test_database_sqlite import HOLD, LONG
from tests.support.postgres import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.stage import CrashStage, Program
    from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.timeout(300)


class Trouble:
    """A daemon at work whose database fails for a while.

    Args:
        stage: Till and shop in step.
        words: What the daemon may say of the database, one of them at least.
    """

    def __init__(self, stage: CrashStage, *words: str, **environment: str) -> None:
        self.stage = stage
        self.words = words
        self.skus = stage.skus()[:2]
        self.pages = f"127.0.0.1:{_free_port()}"
        config = stage.folder / "config.toml"
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("[syncd]", f'[syncd]\nmetrics = "{self.pages}"', 1), encoding="utf-8")
        self.program: Program = stage.start(**environment)
        stage.until(lambda: "daemon.started" in self.program.said, "it leads")
        self.trade()

    def trade(self) -> None:
        """A sale on each side, and both arrive."""
        self.sell()
        self.stage.until_in_step("sales are counted everywhere")

    def sell(self) -> None:
        """Two sales of the same product, one of another."""
        self.stage.sell(TILL, self.skus[0], 1)
        self.stage.sell(SHOP, self.skus[0], 2)
        self.stage.sell(SHOP, self.skus[1], 1)

    def is_told(self) -> None:
        """It says at once that it cannot use the database, and why."""

        def said() -> bool:
            return any(word in line for line in self.complaints() for word in self.words)

        self.stage.until(said, f"it says what is wrong, {self.words}")

    def looks_ill(self) -> None:
        """Whoever watches from outside is told as well, though all can be read and no side is stale yet."""
        self.stage.until(lambda: self.ask("healthz").status_code == 503, "it says that it is not healthy")
        assert self.ask("healthz").json()["problems"] == ["the database cannot be used"]
        assert "\nsyncd_database_up 0.0\n" in self.ask("metrics").text
        assert self.stage.start("findings").wait() == 0  # a command that only looks is of use all the same

    def ask(self, page: str) -> httpx.Response:
        """Ask it as a monitor does."""
        return httpx.get(f"http://{self.pages}/{page}", timeout=30)

    def complaints(self) -> list[str]:
        """What it said of it."""
        return [line for line in self.program.said.splitlines() if "database.unavailable" in line]

    def is_over(self) -> None:
        """The same process goes on by itself, everything is counted once, and it stops in order."""
        self.sell()
        self.stage.until_in_step("everything is counted once")
        self.trade()
        assert self.program.process.poll() is None
        said = self.program.said
        assert "Traceback" not in said
        assert "daemon.broken" not in said
        assert self.ask("healthz").status_code == 200
        assert self.stage.start("status").wait() == 0
        self.program.process.terminate()
        assert self.program.wait() == 0
        assert self.stage.in_step()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@pytest.fixture
def database_file(sqlite_stage: CrashStage) -> Path:
    return sqlite_stage.folder / "syncd.db"


def test_a_log_that_cannot_grow(sqlite_stage: CrashStage, database_file: Path) -> None:
    """As a full disk, where none can be mounted: no file of the daemon may become larger than it is."""
    trouble = Trouble(sqlite_stage, "disk I/O error", "full")
    pid, log = trouble.program.process.pid, database_file.with_name("syncd.db-wal")
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    trouble.sell()
    trouble.is_told()
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
    trouble.is_over()


@pytest.mark.slow
def test_a_disk_that_fills_up(tmp_path: Path, sqlite_url: str) -> None:
    with tiny_disk("4m") as place, ExitStack() as end:
        file = place / "syncd.db"
        file.write_bytes(Path(sqlite_url.removeprefix("sqlite:///")).read_bytes())
        trouble = Trouble(end.enter_context(opened(tmp_path, f"sqlite:///{file}")), "full", "disk I/O error")
        filler = place / "filler"
        fill(filler)
        trouble.sell()
        trouble.is_told()
        trouble.looks_ill()
        filler.unlink()
        trouble.is_over()


@pytest.mark.slow
def test_a_disk_that_the_kernel_makes_read_only(tmp_path: Path, sqlite_url: str) -> None:
    """Damage was found, under the running daemon. It goes on when a person has repaired the disk, and starts it."""
    with failing_disk(tmp_path / "disk.img") as disk, ExitStack() as end:
        file = disk.place / "syncd.db"
        file.write_bytes(Path(sqlite_url.removeprefix("sqlite:///")).read_bytes())
        stage = end.enter_context(opened(tmp_path, f"sqlite:///{file}"))
        trouble = Trouble(stage, "disk I/O error", "readonly", "Read-only")
        disk.fail()
        trouble.sell()
        trouble.is_told()
        stage.until(lambda: trouble.ask("healthz").status_code == 503, "it says that it is not healthy")
        assert stage.start("findings").wait() == 0
        trouble.program.process.terminate()
        assert trouble.program.wait() == 0
        assert "Traceback" not in trouble.program.said
        again = stage.start()
        stage.until(lambda: "database.unavailable" in again.said, "another one that is started says it, too, and waits")
        again.process.terminate()
        again.wait()
        disk.repair()
        stage.start()
        stage.until_in_step("it is started when the disk is sound")


def test_another_process_keeps_the_file_locked(sqlite_stage: CrashStage, database_file: Path) -> None:
    """For a minute in ``make faults``, while a writer waits for half of it; in the suite in quicker time."""
    held_s = 60.0 if LONG else 0.0
    trouble = Trouble(sqlite_stage, "database is locked", **({} if LONG else {"SYNCD_TEST_LOCK_WAIT_S": "0.3"}))
    began = time.monotonic()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database_file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        trouble.sell()
        trouble.is_told()
        trouble.looks_ill()
        time.sleep(max(0.0, began + held_s - time.monotonic()))  # the lock itself lasts so long
    finally:
        holder.communicate("")
    trouble.is_over()


def test_a_file_that_may_only_be_read_is_refused_at_the_start(sqlite_stage: CrashStage, database_file: Path) -> None:
    """After a wrong chmod, say: it ends with 78, which the service manager does not answer with a new start."""
    plain: tuple[str, ...] = ()
    if os.geteuid() == 0:  # root may write to everything, unless it is told that it may not
        if (setpriv := shutil.which("setpriv")) is None:
            pytest.skip("this is root, and setpriv is not there to take a right from it")
        plain = (setpriv, "--bounding-set=-dac_override", "--inh-caps=-dac_override")
    database_file.chmod(0o444)
    sqlite_stage.sell(TILL, sqlite_stage.skus()[0], 1)
    program = sqlite_stage.start(by=plain)
    assert program.wait() == 78
    assert "no permission to read and write" in program.said
    assert "Traceback" not in program.said
    database_file.chmod(0o600)
    sqlite_stage.start(by=plain)
    sqlite_stage.until_in_step("it starts when it may write")


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """One that nobody else works on, and that keeps what was committed."""
    with running_server(f"daemon-{uuid.uuid4().hex}", keeps_commits=True) as server:
        if not server.can_restart:
            pytest.skip("the server is not ours to restart, nor are its disks")
        yield server


def say(url: str, *statements: str) -> None:
    """Have the server do something, from another database than the daemon's."""
    engine = create_engine(make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.mark.slow
@pytest.mark.postgresql
def test_a_server_that_is_started_again(own_server: PostgresServer, tmp_path: Path) -> None:
    url = own_server.create()
    migrate.upgrade(url)
    with opened(tmp_path, url) as stage:
        trouble = Trouble(stage, "connection", "the database system is")
        trouble.sell()
        own_server.restart()
        trouble.is_told()
        trouble.is_over()


@pytest.mark.slow
@pytest.mark.postgresql
def test_a_server_that_only_reads(postgresql_url: str, tmp_path: Path) -> None:
    """As one that became a standby, and is promoted again."""
    name = make_url(postgresql_url).database
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608 - a name of ours
    with opened(tmp_path, postgresql_url) as stage:
        trouble = Trouble(stage, "read-only transaction", "terminating connection")
        say(postgresql_url, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on', cut)
        trouble.sell()
        trouble.is_told()
        say(postgresql_url, f'ALTER DATABASE "{name}" RESET default_transaction_read_only', cut)
        trouble.is_over()


@pytest.mark.slow
@pytest.mark.postgresql
def test_a_server_whose_disk_is_full(own_server: PostgresServer, tmp_path: Path) -> None:
    """Its tables cannot grow (SQLSTATE 53100); what fits into the pages that are there is written all the same."""
    url = own_server.create()
    migrate.upgrade(url)
    name = make_url(url).database
    with tiny_disk("40m") as place, ExitStack() as end:
        shutil.chown(place, *own_server.owner)
        say(url, f"CREATE TABLESPACE tiny LOCATION '{place}'", f'ALTER DATABASE "{name}" SET TABLESPACE tiny')
        end.callback(say, url, "DROP TABLESPACE tiny")
        end.callback(own_server.drop, url)
        stage = end.enter_context(opened(tmp_path, url))
        trouble = Trouble(stage, "No space left on device")
        filler = place / "filler"
        fill(filler)
        until_it_does_not_fit(trouble)
        trouble.is_told()
        filler.unlink()
        trouble.is_over()


def until_it_does_not_fit(trouble: Trouble) -> None:
    """There is always some space left in the pages of a table: sell until none is."""

    def is_full() -> bool:
        trouble.sell()
        return bool(trouble.complaints())

    trouble.stage.until(is_full, "no page takes any more")
