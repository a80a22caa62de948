"""The place of a database on the disk: which file lies there, whose it is, what is wrong with it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.errors import DatabaseNotReady

if TYPE_CHECKING:
    from sqlalchemy import URL


def identity(url: URL) -> tuple[int, int] | None:
    """Which file of the disk lies at the place of a SQLite database; ``None`` if there is none, or no such place."""
    if url.get_backend_name() != "sqlite":
        return None
    try:
        found = Path(str(url.database)).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_missing(url: URL) -> bool:
    """Whether no file lies at the place of a SQLite database. A place that cannot be looked at is not called empty."""
    if url.get_backend_name() != "sqlite":
        return False
    try:
        Path(str(url.database)).stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False  # opening it says why
    return False


def prepare_file(path: Path, *, create: bool) -> None:
    """Find out what is wrong with the place of a SQLite file before SQLite says so in fewer words."""
    folder = path.absolute().parent
    try:
        if not folder.is_dir():
            raise DatabaseNotReady(f"{path}: the folder {folder} does not exist; create it for the user of syncd")
        if path.is_dir():
            raise DatabaseNotReady(f"{path} is a folder; name a file in `syncd.database`")
        if not path.exists():
            if not create:
                raise DatabaseNotReady(f"{path}: there is no database yet; run `syncd db upgrade`")
            _make_file(path, folder)
        for place in (path, folder):
            if not os.access(place, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids):
                raise PermissionError(13, "no permission to read and write", str(place))
    except OSError as error:
        raise DatabaseNotReady(
            f"{error.filename or path}: {error.strerror}; run this as the user that owns the database"
        ) from error


def _make_file(path: Path, folder: Path) -> None:
    """Make an empty database: for its owner alone, as it holds tokens, or for the group that the folder is shared with.

    SQLite gives -wal and -shm the mode of the file, whoever makes them and whatever that process masks out.
    """
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        give_as_folder(handle, folder)
    finally:
        os.close(handle)


def give_as_folder(handle: int, folder: Path) -> None:
    """Give a new file to whom its folder belongs: to the owner alone, or to the group that the folder is shared with.

    A folder is shared if its group may write there and is handed on to what is made inside (mode 2770, as the unit
    makes it).
    """
    place = folder.stat()
    shared = place.st_mode & (stat.S_ISGID | stat.S_IWGRP) == stat.S_ISGID | stat.S_IWGRP
    if os.geteuid() == 0:
        os.fchown(handle, place.st_uid, place.st_gid)  # root's own file would lock the service out
    os.fchmod(handle, 0o660 if shared else 0o600)
