"""Where a run keeps its things: a folder, and a database of its own."""

from __future__ import annotations

import signal
import sys
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.postgres import PostgresServer, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def place(database: str, folder: Path) -> Iterator[tuple[str, PostgresServer | None]]:
    """Address of a new, empty database of the kind, and the server if it has one."""
    if database == "sqlite":
        yield f"sqlite:///{folder}/syncd.db", None
        return
    with running_server(uuid.uuid4().hex, keeps_commits=True) as server:
        url = server.create()
        yield url, server
        server.drop(url)


def tidy_up_on_sigterm() -> None:
    """Have a polite end leave no daemon and no server behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def folder_for(keep: Path | None) -> Path:
    """Where everything is kept."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="syncd-chaos-"))
    keep.mkdir(parents=True, exist_ok=True)
    return keep.resolve()
