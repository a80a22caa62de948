"""What commands that work on an account share: database, lease, stop signals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncd.config.places import state_folder
from syncd.errors import DatabaseOutdated, SyncdError
from syncd.service.signals import stop_signals
from syncd.state import schema
from syncd.state.engine import Database, open_database, parse_url
from syncd.state.lease import LeaseKeeper, seen_now
from syncd.state.place import is_missing
from syncd.state.witness import Witness, witness_file

if TYPE_CHECKING:
    from syncd.cli.command import CliContext

LEASE_TTL_S = 15.0
"""How long a lease outlives its last renewal: a standby takes over after so long at the most."""


class Interrupted(SyncdError):
    """A person stopped the command."""

    exit_code = 130


class Busy(SyncdError):
    """Another process works on this account."""


@contextmanager
def database(cli: CliContext, *, create: bool = False) -> Iterator[Database]:
    """Open the configured database.

    Args:
        cli: The invocation.
        create: Make the tables if there are none yet. An older schema is never changed without being asked:
            ``syncd db upgrade`` does that.

    Raises:
        DatabaseNotReady: It is not there, has another schema, or is an old copy (``DatabaseOutdated``).
    """
    seen = witness(cli)
    with disposed_of(open_configured(cli, seen, create=create)) as opened:
        schema.require_current(opened)
        require_newest(seen, opened)
        yield opened


@contextmanager
def database_to_look_at(cli: CliContext, warn: Callable[[DatabaseOutdated], None] | None = None) -> Iterator[Database]:
    """Open the configured database for a command that changes nothing and plans nothing: an old copy will do, too.

    Args:
        cli: The invocation.
        warn: Told if it is one; otherwise that is said on standard error.
    """
    seen = witness(cli)
    with disposed_of(open_configured(cli, seen)) as opened:
        schema.require_current(opened)
        try:
            require_newest(seen, opened)
        except DatabaseOutdated as error:
            warn(error) if warn else cli.complain(f"warning: {error}")
        yield opened


@contextmanager
def disposed_of(opened: Database) -> Iterator[Database]:
    """Dispose of a database at the end."""
    try:
        yield opened
    finally:
        opened.dispose()


def open_configured(cli: CliContext, seen: Witness, *, create: bool = False) -> Database:
    """Open the configured database; if there is none, make it, unless this machine worked with one: that one is lost.

    Args:
        cli: The invocation.
        seen: Recalls what this machine knows, before the database is asked: what is in it by then is as new at least.
        create: Make what is not there.

    Raises:
        DatabaseNotReady: It cannot be opened or made, or is lost.
    """
    url = cli.config.syncd.database
    if is_missing(parse_url(url)):
        seen.recall()
        seen.refuse_none(url)
    opened = open_database(url, create=create)
    try:
        seen.recall()
        if schema.current(opened) is None:
            seen.refuse_none(opened.url_safe)
            if create:
                from syncd.state import migrate  # noqa: PLC0415 - Alembic is kept out of the start

                migrate.upgrade(url)
    except BaseException:
        opened.dispose()
        raise
    return opened


def witness(cli: CliContext) -> Witness:
    """What this machine knows of the configured database."""
    config = cli.config
    return Witness(witness_file(config.syncd.database, state_folder(config.source, cli.env), config.source.stem))


def require_newest(seen: Witness, opened: Database) -> None:
    """Make sure that the database is no old copy of one that was seen on this machine.

    Raises:
        DatabaseOutdated: It is one.
    """
    if (shown := seen_now(opened)) is not None:
        seen.refuse(shown)


@contextmanager
def leadership(cli: CliContext, db: Database) -> Iterator[LeaseKeeper]:
    """Hold the leader lease for a command that writes.

    Raises:
        Busy: Another process holds it.
        DatabaseOutdated: The database is an old copy.
    """
    keeper = LeaseKeeper(db, LEASE_TTL_S, witness=witness(cli))
    if not keeper.acquire():
        raise Busy(
            f"another syncd works on this database ({keeper.holder()}); the daemon syncs by itself all the time. "
            "To do it by hand, stop the daemon first"
        )
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.release()


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set: work ends after the operation under way. A second signal ends at once."""
    stop = threading.Event()
    with stop_signals(stop, stop.set, _interrupt):
        yield stop


def _interrupt(_number: int) -> None:
    raise KeyboardInterrupt


def shops_asked(cli: CliContext, shop: str | None) -> tuple[str, ...]:
    """Check a ``--shop NAME``.

    Raises:
        SyncdError: No such shop is configured.
    """
    if shop is None:
        return ()
    if shop not in cli.config.shops:
        raise UnknownShop(f"there is no shop {shop!r}; the configuration has {', '.join(cli.config.shops)}")
    return (shop,)


class UnknownShop(SyncdError):
    """A shop that the configuration does not have."""

    exit_code = 2


@contextmanager
def reading_progress(cli: CliContext) -> Iterator[Callable[[str, str, int, int | None], None]]:
    """Progress of reads on several sides at once, added up into one bar.

    Of how many is said if all sides say it: not by reads of changes, nor by one that brings more than it announced.
    """
    done: dict[str, int] = {}
    totals: dict[str, int | None] = {}
    lock = threading.Lock()
    with cli.progress("reading the sides") as update:

        def note(side: str, _step: str, count: int, total: int | None) -> None:
            with lock:
                done[side] = count
                totals[side] = total if total is not None and total >= count else None
                known = [each for each in totals.values() if each is not None]
                update(sum(done.values()), sum(known) if len(known) == len(totals) else None)

        yield note
