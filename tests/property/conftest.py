"""Profiles of Hypothesis, the database of a history, and one line that says what was tried.

``HISTORIES=1000`` asks for that many histories of the engine, with more steps each; always the same ones if ``CI`` is
set. ``SHRINK=no`` reports the first history that fails as it is.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from loguru import logger
from sqlalchemy import URL

from syncd.state.engine import sqlite_engine
from tests.support.tally import TALLY, summary
from tests.support.trouble import TroubledDatabase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile("dev", deadline=None, max_examples=100, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile(
    "ci", parent=settings.get_profile("dev"), max_examples=100, derandomize=True, database=None, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

_ASKED = int(os.environ.get("HISTORIES", "0"))
_FEW = 10
_LEFT_OUT = {Phase.explain}  # it costs more than finding does
if os.environ.get("SHRINK") == "no":
    _LEFT_OUT |= {Phase.shrink}
_SHARES = 8 if _ASKED and not os.environ.get("CI") else 1
"""Parts of what is asked for. Each begins at random, so that processes beside each other try different histories."""
settings.register_profile(
    "histories",
    max_examples=max(1, (_ASKED or _FEW) // (2 * _SHARES)),  # there are two machines
    report_multiple_bugs=False,
    # A history that failed in one share would be replayed by all others, which then try nothing else.
    **({"database": None} if _SHARES > 1 else {}),
    stateful_step_count=32 if _ASKED else 25,
    phases=[phase for phase in Phase if phase not in _LEFT_OUT],
)

settings.register_profile("fields", parent=settings.get_profile("histories"), max_examples=max(1, (_ASKED or 12) // 6))

_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory where there is one; each run has a folder of its own
_DATABASES = itertools.count(1)


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """Log lines of thousands of passes would cost more than the passes."""
    logger.disable("syncd")
    yield
    logger.enable("syncd")


@pytest.fixture(params=range(_SHARES), ids="share {}".format)
def share(request: pytest.FixtureRequest) -> int:
    """One part of the histories that are asked for."""
    number: int = request.param
    return number


@pytest.fixture(scope="session")
def new_database(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], TroubledDatabase]]:
    """Makes migrated SQLite databases that forget everything if the machine stops, because that is not tested here."""
    in_memory = os.access(_MEMORY, os.W_OK)
    folder = Path(tempfile.mkdtemp(dir=_MEMORY)) if in_memory else tmp_path_factory.mktemp("histories")

    def make() -> TroubledDatabase:
        path = folder / f"{next(_DATABASES)}.db"
        shutil.copy(sqlite_template, path)
        engine = sqlite_engine(URL.create("sqlite", database=str(path)), durable=False)
        return TroubledDatabase(engine, on_dispose=lambda: _remove(path))

    yield make
    shutil.rmtree(folder)


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        (path.parent / name).unlink(missing_ok=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With pytest-xdist, hand this worker's numbers to the process that prints them."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tally"] = dict(TALLY)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up what the workers tried."""
    TALLY.update(getattr(node, "workeroutput", {}).get("tally", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line that says what was tried."""
    if TALLY["histories"]:
        failed = [report for report in terminalreporter.stats.get("failed", []) if "property" in report.nodeid]
        terminalreporter.write_line(summary(TALLY, len(failed)))
