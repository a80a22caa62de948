"""A witness outside the database: how far it has come, so that an old copy of it is noticed.

A database cannot know that it is old: whoever copies a former file in its place, or promotes a replica that lacks the
last commits, leaves no trace in it. So each process that leads, or stands by, keeps what it was shown (see
``core/incarnation.py``) in memory, and in a small file of its machine. What is written there was committed before: a
process that is killed in between leaves a witness that knows too little, never one that knows too much, and a sound
database is never refused.

The file is replaced, not changed, and by one process at a time. What happens to it never keeps anybody from working: if
it cannot be read or written, that is said, and it is begun anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import threading
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loguru import logger

from syncd.core.incarnation import Known, Outdated, Seen, judge, merge, note
from syncd.errors import DatabaseNotReady, DatabaseOutdated, DatabaseUnavailable
from syncd.state.engine import parse_url
from syncd.state.place import give_as_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SPARED_BEATS = 12
"""Beats between two writes of the file while nothing is written to any side: a minute. A copy that lacks such beats
lacks nothing that would be counted once more.
"""

_MOST_BYTES = 65_536
_FORM = 1


class Witness:
    """What one process knows of the database, and what its machine does. Safe to share between threads.

    Args:
        file: Where the machine keeps it; ``None``: this process alone remembers.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: Known = ()
        self._kept: Seen | None = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._troubles: set[str] = set()

    @property
    def known(self) -> Known:
        """What is remembered."""
        return self._known

    def recall(self) -> None:
        """Take notice of what other processes of this machine wrote down. To be called before the database is asked."""
        if self._file is None:
            return
        told = self._read()
        with self._lock:
            self._known = merge(self._known, told)
            self._kept = told[-1] if told else None

    def refuse(self, shown: Seen) -> None:
        """Refuse a database that is an old copy.

        Raises:
            DatabaseOutdated: It is one.
        """
        if (outdated := judge(self._known, shown)) is not None:
            raise DatabaseOutdated(_words(outdated))

    def refuse_none(self, where: str) -> None:
        """Refuse to begin with an empty database where one was seen before.

        Args:
            where: Its address, without secrets.

        Raises:
            DatabaseNotReady: One was seen there.
        """
        if not self._known:
            return
        at = self._known[-1].at
        until = f" until {_moment(at)}" if at is not None else ""
        raise DatabaseNotReady(
            f"{where}: there is no database any more, though this machine worked with it{until}. Is its disk there, is "
            "it moved? If it is lost, put a backup back (`syncd db restore FILE`); to begin with an empty one: "
            "`syncd db upgrade`"
        )

    def saw(self, shown: Seen) -> None:
        """Remember what a database showed that was not refused, and that was committed."""
        with self._lock:
            self._known = note(self._known, shown)

    def is_behind(self, beats: int) -> bool:
        """Whether the file lacks so many beats, or the present incarnation."""
        if self._file is None or not self._known:
            return False
        newest, kept = self._known[-1], self._kept
        return kept is None or kept.incarnation != newest.incarnation or newest.beat - kept.beat >= max(beats, 1)

    def keep(self, look: Callable[[], Seen | None]) -> None:
        """Write down what is remembered; if another process of this machine does so just now, the next time does it.

        Args:
            look: Shows the database once more. An incarnation that is new to the file is looked at while nobody else
                can write there, so that the order of what stands in it is that in which it was.
        """
        if self._file is None or not self._writing.acquire(blocking=False):
            return
        try:
            with _alone(self._file.parent) as alone:
                if alone:
                    self._write(self._file, look)
        except OSError as error:
            # Sales are worth more than what is remembered of them.
            self._tell("written", error)
        else:
            self._troubles.discard("written")
        finally:
            self._writing.release()

    def _write(self, file: Path, look: Callable[[], Seen | None]) -> None:
        told = self._read()
        seen: Seen | None = self._known[-1]
        if not any(each.incarnation == self._known[-1].incarnation for each in told):
            try:
                seen = look()
            except DatabaseUnavailable:
                return
        if seen is None:
            return
        known = note(told or self._known, seen)
        _replace(file, known)
        self._kept = known[-1]

    def _read(self) -> Known:
        assert self._file is not None  # noqa: S101 - nobody asks otherwise
        try:
            found = _parse(_content(self._file))
        except FileNotFoundError:
            found = ()
        except (OSError, ValueError, TypeError, RecursionError) as error:
            self._tell("read", error)
            return ()
        self._troubles.discard("read")
        return found

    def _tell(self, what: str, error: Exception) -> None:
        """Say once that something is wrong; again when it was well in between."""
        if what in self._troubles:
            return
        self._troubles.add(what)
        log = logger.bind(file=str(self._file), detail=str(error))
        if what == "read":
            log.warning("witness.unreadable")
        else:
            log.warning("witness.not_written")


def witness_file(url: str, folder: Path, name: str) -> Path:
    """Where a machine keeps what it knows of a database.

    Args:
        url: Address of the database. Beside a SQLite file there is place for another one; PostgreSQL may be elsewhere.
        folder: Where to put it otherwise.
        name: Name of the account there; not that of the server, which may be another one tomorrow.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Path(f"{Path(str(parsed.database)).absolute()}.witness")
    return folder / f"{name}.witness"


def _words(outdated: Outdated) -> str:
    shown, known = outdated.shown.at, outdated.known.at
    ends = f" that ends {_moment(shown)}" if shown is not None else ""
    until = f" until {_moment(known)}" if known is not None else ""
    if outdated.is_former:
        what = f"this is a copy of the database{ends}, from before it was put back from a backup; it went on{until}"
    else:
        longer = f", {_span(known, shown)} longer" if known is not None and shown is not None else ""
        what = f"this is an old copy of the database{ends}; it was seen to go on{until}{longer}"
    return (
        f"{what}. What was written to the sides meanwhile is not in it and would be counted once more, so nothing is "
        "done with it. Stop syncd on all machines, then run `syncd db restore` (without a file): all sides are "
        "compared before anything is counted or written"
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _span(later: datetime, earlier: datetime) -> str:
    seconds = (later - earlier).total_seconds()
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(seconds, 0):.0f} seconds"


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether no other process writes there now. Nobody waits: one that was halted may be in the middle of it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _content(file: Path) -> bytes:
    handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # what lies there may be no file at all
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is no file")
        return os.read(handle, _MOST_BYTES)
    finally:
        os.close(handle)


def _parse(content: bytes) -> Known:
    """Read what ``_rendered`` wrote.

    Raises:
        ValueError: It is torn, or something else.
    """
    document = json.loads(content)
    if not isinstance(document, dict) or document.get("form") != _FORM:
        raise ValueError("it is no witness of this version")
    if document.get("sum") != _sum(document.get("known")):
        raise ValueError("it is damaged")
    return tuple(
        Seen(str(incarnation), int(beat), datetime.fromisoformat(at) if at else None)
        for incarnation, beat, at in document["known"]
    )


def _rendered(known: Known) -> bytes:
    rows = [[each.incarnation, each.beat, each.at.isoformat() if each.at else None] for each in known]
    document = {"form": _FORM, "known": rows, "sum": _sum(rows)}
    return json.dumps(document, indent=1).encode() + b"\n"


def _sum(rows: Any) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def _replace(file: Path, known: Known) -> None:
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)  # of a process that was killed; it may be another user's
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
            give_as_folder(stream.fileno(), file.parent)
            stream.write(_rendered(known))
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    handle = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
