"""Who else on this machine can read a file, judged by its mode and the folders above it."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
from contextlib import suppress
from pathlib import Path

SERVICE_GROUP = "syncd"
"""Group of those who look after the service (systemd/syncd.sysusers.conf)."""


def open_to_all(file: Path) -> bool:
    """Whether everybody can read or change a file: its mode says so, and no folder above keeps others out.

    Raises:
        OSError: It cannot be looked at.
    """
    file = file.resolve()
    if not file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        return False
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in file.parents)


def strangers_of(file: Path) -> str:
    """Name of a group whose members can read a file and that is not made for it; empty if there is none.

    Made for it are the service's group, root's, and the one that a user has for himself.

    Raises:
        OSError: It cannot be looked at.
    """
    file = file.resolve()
    found = file.stat()
    if not found.st_mode & (stat.S_IRGRP | stat.S_IWGRP) or found.st_gid == 0:
        return ""
    if not all(_lets_in(folder.stat(), found.st_gid) for folder in file.parents):
        return ""
    name = _group(found.st_gid)
    return "" if name in {SERVICE_GROUP, _user(found.st_uid)} else name


def shared_with_group(folder: Path) -> bool:
    """Whether a folder hands its group on to what is made inside, and lets it read (/etc/syncd).

    Raises:
        OSError: It cannot be looked at.
    """
    shared = stat.S_ISGID | stat.S_IRGRP
    return folder.stat().st_mode & shared == shared


def private_mode(folder: Path) -> int:
    """Mode of a secret file in a folder: for its owner, and for the group that the folder is shared with.

    Raises:
        OSError: The folder cannot be looked at.
    """
    return 0o640 if shared_with_group(folder) else 0o600


def open_to_group(file: Path, group: str) -> str:
    """Say what is wrong and what to type."""
    name = shlex.quote(str(file))
    return f"{file} can be read by the group {group}: chgrp {SERVICE_GROUP} {name}, or chmod g= {name}"


def database_warnings(url: str) -> list[str]:
    """Say who else can read a SQLite database, which holds tokens, orders and prices."""
    if not url.startswith("sqlite:///"):
        return []
    found = []
    database = Path(url.removeprefix("sqlite:///"))
    for file in (database, *(database.with_name(f"{database.name}{end}") for end in ("-wal", "-shm"))):
        with suppress(PermissionError):  # who cannot even look has nothing to be warned of
            if not file.is_file():
                continue
            if open_to_all(file):
                found.append(f"{file} is open to everyone on this machine: chmod o= {shlex.quote(str(file))}")
            elif group := strangers_of(file):
                found.append(open_to_group(file, group))
    return found


def _lets_in(folder: os.stat_result, group: int) -> bool:
    return bool(folder.st_mode & (stat.S_IXGRP if folder.st_gid == group else stat.S_IXOTH))


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return ""
