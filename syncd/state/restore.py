"""Backups that are looked at before anybody relies on them, and put back so that nobody is left on the old file.

A backup is copied, brought to this version's schema and checked; the file itself is only read. To put it back, the copy
is made ready first (``ready``), and then its pages replace those of the database in one transaction, inside the file
that is there. So another process that has it open (a standby, say) goes on with the restored one, and a crash leaves
either the old database or the new one, whole.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.exc import DatabaseError

from syncd.errors import DatabaseNotReady, DatabaseUnavailable, SyncdError
from syncd.state import migrate, schema
from syncd.state.check import Flaw, check_database
from syncd.state.engine import Database, open_database, parse_url
from syncd.state.lease import LEADER, LeaseKeeper, new_incarnation
from syncd.state.models import Item, Lease, Listing, Movement, Operation, Run, Side, TokenRow, is_open

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy.orm import Session

_DUMP = b"PGDMP"
_PREFIX = ".syncd-restore-"
_HOLD_S = 600.0
"""How long the lease lasts that keeps everybody else out while a backup is put back."""


class Damaged(SyncdError):
    """A backup that is not sound; the message says what is wrong with it."""

    exit_code = 3


class Itself(SyncdError):
    """What was named as the backup is the database."""

    exit_code = 2


class Running(SyncdError):
    """A daemon or a command works on the database."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds.

    Attributes:
        schema: Revision of the schema as it is in the file.
        newest_at: Newest moment that it knows of; ``None`` if no side was ever read.
        sides: Listings by side, with its kind of adapter.
        open_operations: Writes whose outcome was not known when it was made.
        flaws: What is wrong with it.
    """

    file: str
    schema: str
    newest_at: datetime | None
    sides: Mapping[str, tuple[str, int]]
    items: int
    movements: int
    open_operations: int
    flaws: tuple[Flaw, ...]


def verify(file: Path) -> Backup:
    """Look whether a backup can be put back, by doing it in a place of its own.

    Raises:
        SyncdError: It is no backup of syncd, or cannot be read.
        DatabaseNotReady: It was made by a newer syncd.
    """
    with _copy_of(file, None) as (copy, revision):
        return _look(file, copy, revision)


def restore(url: str, file: Path, ready: Callable[[Session], None]) -> tuple[Backup, Path | None]:
    """Put a backup in the place of a SQLite database.

    Args:
        url: Address of the database.
        file: The backup.
        ready: Makes the copy ready, in a transaction, before it counts.

    Returns:
        What was put back, and where the database of before is kept now; ``None`` if there was none.

    Raises:
        Running: A process works on the database.
        Damaged: The backup is not sound; nothing was changed.
        Itself: The backup is the database itself.
        SyncdError: See ``verify``; or this is PostgreSQL, which has its own tools.
    """
    place = _place(url)
    _refuse_itself(file, place)
    with _copy_of(file, place.parent) as (copy, revision):
        backup = _look(file, copy, revision)
        if backup.flaws:
            raise Damaged(f"{file} is not sound: {'; '.join(flaw.text for flaw in backup.flaws)}; nothing was changed")
        with _alone(url, place) as (live, fence):
            former = _keep_former(place) if live is not None else _move_away(place)
            made_ready = open_database(f"sqlite:///{copy}")
            try:
                with made_ready.write() as session:
                    _take_over(session, live, fence)
                    ready(session)
            finally:
                made_ready.dispose()
            _replace(copy, place)
        return backup, former


def mark_in_place(url: str, ready: Callable[[Session], None]) -> None:
    """Say of a database that another tool put back (``pg_restore``) that it is an old one.

    Raises:
        Running: A process works on it.
        DatabaseNotReady: Its schema is of another version: ``syncd db upgrade`` first.
    """
    database = open_database(url)
    try:
        schema.require_current(database)
        keeper = LeaseKeeper(database, _HOLD_S)
        if not keeper.acquire():
            raise Running(_running(keeper.holder()))
        try:
            with database.write() as session:
                # Higher than any that a process of before may still have.
                row = session.get_one(Lease, LEADER)
                row.fence += 1_000_000
                row.incarnation, row.beat = new_incarnation(), 0
                ready(session)
        finally:
            database.clear_fence()
        with database.write() as session:
            session.get_one(Lease, LEADER).owner = ""
    finally:
        database.dispose()


def _place(url: str) -> Path:
    parsed = parse_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise SyncdError(
            "PostgreSQL has its own tool: stop the service, pg_restore --clean --if-exists --single-transaction "
            "--dbname=DATABASE FILE, "
            "then `syncd db upgrade` and `syncd db restore` without a file, so that the sides are compared first"
        )
    return Path(str(parsed.database)).absolute()


def _running(holder: str | None) -> str:
    return f"another syncd works on this database ({holder}); stop the service first"


@contextmanager
def _copy_of(file: Path, folder: Path | None) -> Iterator[tuple[Path, str]]:
    """A private copy of a backup in this version's schema, and the revision that the file has."""
    _refuse_what_is_none(file)
    with _private_place(folder) as place:
        copy = place / "copy.db"
        try:
            os.close(os.open(copy, os.O_CREAT | os.O_WRONLY, 0o600))
            given = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
            with closing(given) as origin, closing(sqlite3.connect(copy)) as target:
                origin.backup(target)
        except (OSError, sqlite3.Error) as error:
            raise Damaged(f"{file} cannot be read: {error}") from error
        yield copy, _upgraded(file, copy)


@contextmanager
def _private_place(folder: Path | None) -> Iterator[Path]:
    """A folder for a copy, which holds tokens. Those that killed processes left are removed: nobody has them locked."""
    for left in folder.glob(f"{_PREFIX}*") if folder is not None else ():
        with suppress(OSError), _locked(left):
            shutil.rmtree(left, ignore_errors=True)
    place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
    with _locked(place):
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Raises ``BlockingIOError`` if a process has it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _refuse_itself(file: Path, place: Path) -> None:
    with suppress(OSError):
        if file.samefile(place):
            raise Itself(
                f"{file} is the database itself, and no backup; nothing was changed. Name a backup; or, if an old copy "
                "was put there by other means, run `syncd db restore` without a file"
            )


def _refuse_what_is_none(file: Path) -> None:
    try:
        with file.open("rb") as handle:
            head = handle.read(16)
    except OSError as error:
        raise SyncdError(f"{file}: {error.strerror}") from error
    if head.startswith(_DUMP):
        raise SyncdError(
            f"{file} is a dump of PostgreSQL: restore it into an empty database, and run `syncd db check` with a "
            "configuration that names that one"
        )
    if not head.startswith(b"SQLite format 3"):
        raise Damaged(f"{file} is no SQLite database")


def _upgraded(file: Path, copy: Path) -> str:
    url = f"sqlite:///{copy}"
    try:
        open_database(url).dispose()
    except DatabaseNotReady as error:
        raise Damaged(f"{file} cannot be read: {error}") from error
    try:
        before, _ = migrate.upgrade(url)
    except (DatabaseUnavailable, DatabaseError) as error:
        raise Damaged(f"{file} cannot be read: {error}") from error
    if before is None:
        raise SyncdError(f"{file} is a database, but none of syncd")
    return before


def _look(file: Path, copy: Path, revision: str) -> Backup:
    database = open_database(f"sqlite:///{copy}")
    try:
        flaws = check_database(database)
        if any(flaw.kind == "pages" for flaw in flaws):
            return Backup(str(file), revision, None, {}, 0, 0, 0, tuple(flaws))
        with database.read() as session:
            newest = session.scalar(
                select(func.max(func.coalesce(Run.finished_at, Run.started_at), type_=Run.started_at.type))
            )
            listings = select(Side.name, Side.adapter, func.count(Listing.id)).outerjoin(
                Listing, (Listing.side_id == Side.id) & Listing.gone_at.is_(None)
            )
            return Backup(
                file=str(file),
                schema=revision,
                newest_at=newest,
                sides={
                    name: (adapter, count)
                    for name, adapter, count in session.execute(listings.group_by(Side.id).order_by(Side.id))
                },
                items=session.scalar(select(func.count()).select_from(Item)) or 0,
                movements=session.scalar(select(func.count()).select_from(Movement)) or 0,
                open_operations=session.scalar(select(func.count()).select_from(Operation).where(is_open())) or 0,
                flaws=tuple(flaws),
            )
    finally:
        database.dispose()


@contextmanager
def _alone(url: str, place: Path) -> Iterator[tuple[Database | None, tuple[str, int] | None]]:
    """Keep every other process from working on the database; ``None`` if it is lost or cannot be read at all."""
    live = _open_live(url, place)
    if live is None:
        yield None, None
        return
    keeper = LeaseKeeper(live, _HOLD_S)
    try:
        if not keeper.acquire():
            raise Running(_running(keeper.holder()))
        with live.read() as session:
            lease = session.get_one(Lease, LEADER)
        try:
            yield live, (lease.owner, lease.fence)
        finally:
            live.clear_fence()
            # By its name: after the restore it is the row that came along.
            with suppress(DatabaseUnavailable), live.write() as session:
                row = session.get(Lease, LEADER)
                if row is not None and row.owner == lease.owner:
                    row.owner, row.fence = "", row.fence + 1
    finally:
        live.dispose()


def _open_live(url: str, place: Path) -> Database | None:
    if not place.exists() or place.stat().st_size == 0:
        return None
    try:
        live = open_database(url)
    except DatabaseNotReady:
        return None
    try:
        revision = schema.current(live)
        flaws = check_database(live, quick=True) if revision == schema.head() else []
    except DatabaseUnavailable:
        live.dispose()
        return None
    if revision is None or any(flaw.kind == "pages" for flaw in flaws):
        try:
            _refuse_running(live)
        finally:
            live.dispose()
        return None
    schema.refuse_newer(live.url_safe, revision)
    if revision != schema.head():
        migrate.upgrade(url)
    return live


def _refuse_running(live: Database) -> None:
    """A damaged database may still say who works on it."""
    with suppress(DatabaseUnavailable, DatabaseError):
        if not LeaseKeeper(live, _HOLD_S).acquire():
            raise Running(_running(LeaseKeeper(live, _HOLD_S).holder()))


def _keep_former(place: Path) -> Path:
    former = _beside(place, "before-restore")
    migrate.backup(f"sqlite:///{place}", former)
    return former


def _move_away(place: Path) -> Path | None:
    """A database that cannot be read is kept for whoever wants to look at it."""
    if not place.exists():
        return None
    former = _beside(place, "damaged")
    for end in ("", "-wal", "-shm"):
        part = place.with_name(place.name + end)
        if part.exists():
            part.rename(former.with_name(former.name + end))
    return former


def _beside(place: Path, why: str) -> Path:
    """A free name for what is kept: whoever tries again at once, after a power cut, say, gets another one."""
    stamp = f"{place.name}.{why}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    names = (place.with_name(f"{stamp}-{number}" if number else stamp) for number in itertools.count())
    return next(name for name in names if not name.exists())


def _take_over(session: Session, live: Database | None, fence: tuple[str, int] | None) -> None:
    """Bring along what the backup cannot know: newer tokens, and a lease that shuts every former holder out."""
    row = session.get(Lease, LEADER)
    now = datetime.now(UTC)
    if row is None:
        row = Lease(name=LEADER, owner="", fence=0, acquired_at=now, expires_at=now, incarnation="", beat=0)
        session.add(row)
    owner, number = fence or ("", 1_000_000)
    row.owner, row.fence, row.expires_at = owner, max(row.fence, number) + 1, now
    row.incarnation, row.beat = new_incarnation(), 0
    if live is None:
        return
    with live.read() as source:
        tokens = list(source.scalars(select(TokenRow)))
    for token in tokens:
        known = session.get(TokenRow, token.credential)
        if known is None or known.rotated_at <= token.rotated_at:  # as old: perhaps sealed anew
            columns = [column.key for column in TokenRow.__table__.columns]
            session.merge(TokenRow(**{name: getattr(token, name) for name in columns}))


def _replace(copy: Path, place: Path) -> None:
    if not place.exists():
        open_database(f"sqlite:///{place}", create=True).dispose()
    with closing(sqlite3.connect(copy, timeout=30)) as origin, closing(sqlite3.connect(place, timeout=30)) as target:
        try:
            origin.backup(target)
        except sqlite3.Error as error:
            raise SyncdError(f"{place} could not be replaced: {error}; it is as it was") from error
