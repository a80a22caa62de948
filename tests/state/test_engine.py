from __future__ import annotations

import os
import stat
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from syncd.errors import DatabaseNotReady, DatabaseUnavailable, LeaseLost, StateError
from syncd.state import engine as engine_module
from syncd.state import models
from syncd.state.engine import Database, mask, open_database, parse_url
from tests.support import rows
from tests.support.rows import AT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

NOBODY = 65534


@contextmanager
def another_user() -> Iterator[None]:
    """Without the rights of root, if these tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def count_items(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(models.Item)) or 0


def test_a_write_is_kept_and_an_exception_takes_it_back(database: Database) -> None:
    with database.write() as session:
        rows.item(session, 3)
    with suppress(ZeroDivisionError), database.write() as session:
        rows.item(session, 4)
        _ = 1 / 0
    assert count_items(database) == 1


def test_read_compute_write_loses_no_update(database: Database) -> None:
    with database.write() as session:
        item_id = rows.item(session, 0).id

    def add_ten(_: int) -> None:
        for _number in range(10):
            with database.write() as session:
                item = session.get_one(models.Item, item_id)
                item.on_hand = item.on_hand + 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add_ten, range(4)))
    with database.read() as session:
        assert session.get_one(models.Item, item_id).on_hand == 40


def test_a_reader_sees_one_moment_and_does_not_wait_for_a_writer(database: Database) -> None:
    with database.write() as session:
        item_id = rows.item(session, 1).id
    with database.read() as reading:
        before = reading.scalar(select(models.Item.on_hand).where(models.Item.id == item_id))
        with database.write() as session:
            session.get_one(models.Item, item_id).on_hand = Decimal(2)
        after = reading.scalar(select(models.Item.on_hand).where(models.Item.id == item_id))
    assert (before, after) == (Decimal(1), Decimal(1))
    with database.read() as reading:
        assert reading.scalar(select(models.Item.on_hand).where(models.Item.id == item_id)) == 2


def test_the_database_refuses_to_write_in_a_reading_transaction(database: Database) -> None:
    with pytest.raises(DBAPIError), database.read() as session:
        rows.item(session, 1)
    assert count_items(database) == 0
    with database.write() as session:
        rows.item(session, 1)
    assert count_items(database) == 1


def test_a_write_inside_a_write_is_our_mistake_not_a_wait(database: Database) -> None:
    with database.write(), pytest.raises(StateError), database.write():
        pass
    with database.write() as session:
        rows.item(session, 1)


def test_references_are_enforced(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        rows.add(session, models.CursorRow(side_id=99, feed="f", position="p", updated_at=AT, run_id=99))


def test_errors_never_show_values(database: Database) -> None:
    def token() -> models.TokenRow:
        return models.TokenRow(
            credential="hub",
            access_token="SECRET-A",
            refresh_token="SECRET-R",
            expires_at=AT,
            seed_fingerprint="f",
            generation=1,
            rotated_at=AT,
        )

    with database.write() as session:
        session.add(token())
    with pytest.raises(IntegrityError) as caught, database.write() as session:
        session.add(token())
    assert "SECRET" not in str(caught.value)


def test_writes_need_the_lease_once_a_fence_is_set(database: Database) -> None:
    def lease(fence: int) -> None:
        with database.write(fenced=False) as session:
            session.merge(models.Lease(name="leader", owner="other", fence=fence, acquired_at=AT, expires_at=AT))

    database.set_fence("leader", 1)
    with pytest.raises(LeaseLost), database.write():
        pass
    lease(1)
    with database.write() as session:
        rows.item(session, 1)
    lease(2)
    with pytest.raises(LeaseLost, match="other"), database.write() as session:
        rows.item(session, 1)
    assert count_items(database) == 1
    database.clear_fence()
    with database.write() as session:
        rows.item(session, 1)
    assert count_items(database) == 2


def test_a_writer_that_waits_too_long_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "LOCK_WAIT_S", 0.05)
    impatient = open_database(database.engine.url.render_as_string(hide_password=False))
    inside = threading.Event()
    leave = threading.Event()

    def occupy() -> None:
        with database.write():
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=occupy)
    thread.start()
    try:
        assert inside.wait(30)
        with pytest.raises(DatabaseUnavailable), impatient.write():
            pass
    finally:
        leave.set()
        thread.join()
        impatient.dispose()
    with database.write() as session:
        rows.item(session, 1)


def backend_of(session: Session) -> int:
    pid: int = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    return pid


def is_connected(observer: Database, pid: int) -> bool:
    with observer.read() as session:
        alive = text("SELECT pg_sleep(0.01) FROM pg_stat_activity WHERE pid = :pid")
        return bool(session.execute(alive, {"pid": pid}).fetchall())


@pytest.mark.postgresql
def test_a_connection_that_the_server_ends_is_unavailable_and_the_next_try_works(postgresql_url: str) -> None:
    database = open_database(postgresql_url)

    def interrupted() -> None:
        with database.write() as session:
            with database.read() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend_of(session)})
            rows.item(session, 1)

    with pytest.raises(DatabaseUnavailable):
        interrupted()
    with database.write() as session:
        rows.item(session, 1)
    assert count_items(database) == 1
    database.dispose()


@pytest.mark.postgresql
def test_a_process_that_stops_inside_a_transaction_is_thrown_out(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = open_database(postgresql_url)
    monkeypatch.setattr(engine_module, "IDLE_IN_TRANSACTION_S", 0.05)
    database = open_database(postgresql_url)

    def paused() -> None:
        with database.write() as session:
            pid = backend_of(session)
            while is_connected(observer, pid):
                pass
            rows.item(session, 1)

    with pytest.raises(DatabaseUnavailable):
        paused()
    assert count_items(observer) == 0
    database.dispose()
    observer.dispose()


def test_a_connection_keeps_the_rules_of_sqlite(sqlite_database: Database) -> None:
    with sqlite_database.read() as session:

        def pragma(name: str) -> object:
            return session.scalar(text(f"PRAGMA {name}"))

        assert pragma("journal_mode") == "wal"
        assert pragma("synchronous") == 2
        assert pragma("foreign_keys") == 1
        assert pragma("busy_timeout") == 30_000


def test_a_write_takes_its_turn_at_its_beginning(sqlite_database: Database) -> None:
    statements: list[str] = []
    event.listen(sqlite_database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    with sqlite_database.write():
        pass
    with sqlite_database.read() as session:
        session.scalar(select(models.Item.id))
    begins = [statement for statement in statements if statement.startswith("BEGIN")]
    assert begins == ["BEGIN IMMEDIATE", "BEGIN"]


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'new.db'}", create=True)
    with database.write() as session:
        session.execute(text("CREATE TABLE t (x)"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    database.dispose()
    assert modes == {"new.db": 0o600, "new.db-wal": 0o600, "new.db-shm": 0o600}


def test_a_folder_that_is_handed_on_to_a_group_shares_the_file_with_it(tmp_path: Path) -> None:
    """As the service's folder is, so that people of its group use the commands; a process's mask changes nothing."""
    tmp_path.chmod(0o2770)
    former = os.umask(0o077)
    try:
        database = open_database(f"sqlite:///{tmp_path / 'new.db'}", create=True)
        with database.write() as session:
            session.execute(text("CREATE TABLE t (x)"))
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        database.dispose()
    finally:
        os.umask(former)
    assert modes == {"new.db": 0o660, "new.db-wal": 0o660, "new.db-shm": 0o660}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    """`sudo syncd db upgrade` before the service first starts must not lock the service out."""
    os.chown(tmp_path, 12345, 54321)
    open_database(f"sqlite:///{tmp_path / 'new.db'}", create=True).dispose()
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in tmp_path.iterdir()}
    assert owners == {(12345, 54321)}


def test_a_relative_address_is_below_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_database("sqlite:///here.db", create=True).dispose()
    assert (tmp_path / "here.db").exists()


def test_a_missing_file_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DatabaseNotReady, match="syncd db upgrade"):
        open_database(f"sqlite:///{tmp_path / 'missing.db'}")
    assert not (tmp_path / "missing.db").exists()


@pytest.mark.parametrize("create", [True, False])
def test_a_missing_folder_is_named(tmp_path: Path, create: bool) -> None:
    with pytest.raises(DatabaseNotReady, match=r"folder .*/nowhere does not exist"):
        open_database(f"sqlite:///{tmp_path / 'nowhere' / 'syncd.db'}", create=create)


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseNotReady, match="is a folder"):
        open_database(f"sqlite:///{tmp_path}")


def test_a_file_that_is_no_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("shopping list " * 100)
    with pytest.raises(DatabaseNotReady, match="not a database"):
        open_database(f"sqlite:///{path}", create=True)
    assert path.read_text() == "shopping list " * 100


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="syncd-tests-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.mark.parametrize("closed", ["syncd.db", "."])
def test_without_permission_the_message_says_whose_right_is_missing(open_folder: Path, closed: str) -> None:
    url = f"sqlite:///{open_folder / 'syncd.db'}"
    open_database(url, create=True).dispose()
    (open_folder / "syncd.db").chmod(0o666)
    place = open_folder / closed
    place.chmod(0o511 if place.is_dir() else 0o400)
    try:
        with another_user(), pytest.raises(DatabaseNotReady, match="run this as the user that owns the database"):
            open_database(url)
    finally:
        place.chmod(0o711)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "cannot be read"),
        ("/var/lib/syncd.db", "cannot be read"),
        ("mysql://user@host/db", "sqlite or postgresql"),
        ("postgresql+asyncpg://user@host/db", "sqlite or postgresql"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_other_addresses_are_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(DatabaseNotReady, match=words):
        open_database(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_means_psycopg(scheme: str) -> None:
    assert parse_url(f"{scheme}://user@host/db").drivername == "postgresql+psycopg"


def test_without_the_driver_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DatabaseNotReady, match=r"pip install 'syncd\[postgresql\]'"):
        open_database("postgresql://user@host/db")


def test_passwords_are_masked_wherever_they_stand() -> None:
    shown = mask(parse_url("postgresql://user:hunter2@host/db?password=hunter3"))
    assert "hunter" not in shown
    assert "user" in shown


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        open_database(f"postgresql://user:hunter2@/db?host={tmp_path}")
    assert "hunter2" not in str(caught.value)
