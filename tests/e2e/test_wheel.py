from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from pathlib import Path
import syncd
from syncd.state import migrate, schema
from syncd.state.engine import open_database
assert Path(syncd.__file__).is_relative_to(sys.argv[1]), syncd.__file__
assert schema.migrations_folder().is_relative_to(sys.argv[1]), schema.migrations_folder()
print(migrate.upgrade("sqlite:///syncd.db"))
database = open_database("sqlite:///syncd.db")
schema.require_current(database)
database.dispose()
"""


def is_code(path: Path) -> bool:
    return path.suffix in {".py", ".pyc"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel, unpacked as pip would do it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def test_an_installed_wheel_makes_a_database_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(installed),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",  # the other test looks at what the wheel brought
    }
    program = [sys.executable, "-W", "error", "-c", PROGRAM, str(installed)]
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("(None, ")
    with closing(sqlite3.connect(tmp_path / "syncd.db")) as connection:
        assert connection.execute("SELECT count(*) FROM v_stock").fetchone() == (0,)


def test_a_wheel_carries_what_the_program_needs_and_no_more(installed: Path) -> None:
    package = installed / "syncd"
    migrations = {path.name for path in (ROOT / "migrations" / "versions").glob("*.py")}
    assert {path.name for path in (package / "_migrations" / "versions").iterdir()} == migrations
    for needed in ("py.typed", "_migrations/env.py", "_data/config.example.toml"):
        assert (package / needed).is_file()
    data = {path.relative_to(ROOT) for path in (ROOT / "syncd").rglob("*") if path.is_file() and not is_code(path)}
    assert data, "there are some: the vendor's schema that the simulated Shopify shop answers by"
    assert [str(path) for path in data if not (installed / path).is_file()] == []
    top = {path.name for path in installed.iterdir()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"syncd"}


PAGE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import syncd
from syncd.page.render import render, static, zone
assert Path(syncd.__file__).is_relative_to(sys.argv[1]), syncd.__file__
now = datetime(2026, 3, 1, tzinfo=UTC)
from http import HTTPStatus
values = {"now": now, "zone": zone(now), "path": "", "asked": "", "sides": "", "said": "x"}
values["status"] = HTTPStatus.NOT_FOUND
print(len(render("problem.html", values)) > 500, len(static("style.css")) > 1000, len(static("icon.svg")) > 100)
"""


def test_the_status_page_is_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    """Its templates and its stylesheet are no code."""
    environment = {
        **os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    program = [sys.executable, "-W", "error", "-c", PAGE, str(installed)]
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True True True\n", "")
    shown = {path.name for path in (installed / "syncd" / "page" / "templates").iterdir()}
    assert shown == {path.name for path in (ROOT / "syncd" / "page" / "templates").iterdir()}


SIMULATOR = """
import sys
from pathlib import Path
from syncd.simulators.shopify import ShopifySim
import syncd
assert Path(syncd.__file__).is_relative_to(sys.argv[1]), syncd.__file__
print(len(ShopifySim().shop.locations))
"""


def test_the_simulated_shopify_shop_opens_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """It needs a file that is no code."""
    environment = {
        **os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    program = [sys.executable, "-W", "error", "-c", SIMULATOR, str(installed)]
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
