"""What commands that work on an account share: database, lease, stop signals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncd.errors import SyncdError
from syncd.service.signals import stop_signals
from syncd.state import schema
from syncd.state.engine import Database, open_database
from syncd.state.lease import LeaseKeeper

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
    """
    url = cli.config.syncd.database
    opened = open_database(url, create=create)
    try:
        if create:
            make_tables(opened, url)
        schema.require_current(opened)
        yield opened
    finally:
        opened.dispose()


def make_tables(opened: Database, url: str) -> None:
    """Make the tables of a database that has none."""
    if schema.current(opened) is None:
        from syncd.state import migrate  # noqa: PLC0415 - Alembic is kept out of the start

        migrate.upgrade(url)


@contextmanager
def leadership(db: Database) -> Iterator[LeaseKeeper]:
    """Hold the leader lease for a command that writes.

    Raises:
        Busy: Another process holds it.
    """
    keeper = LeaseKeeper(db, LEASE_TTL_S)
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
