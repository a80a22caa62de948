"""Being somebody who may not look into a folder, for real: also where the tests run as root, whom no mode keeps out."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NOBODY = 65534


@contextmanager
def shut_out_of(folder: Path) -> Iterator[None]:
    """Close a folder, and be a user to whom that matters."""
    mode = folder.stat().st_mode
    folder.chmod(0o000)
    former = os.geteuid()
    if former == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(former)
        folder.chmod(mode)
