"""Planting: a mutant's text goes into a copy of the sources, never into the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.mutants.mutant import Edit, Mutant

ROOT = Path(__file__).parents[2]
_COPIED = ("syncd", "tests", "migrations", "docs", "pyproject.toml", "config.example.toml", "README.md")
_ASSERTION = re.compile(r"^E\s+(AssertionError|assert |Failed: DID NOT RAISE)|^[E\s]*\|\s*AssertionError", re.MULTILINE)
"""As pytest shows it, alone or within a group of several."""

_FAILED = 1
"""Exit code of pytest when tests ran and some failed; others mean that they could not run."""

_PATIENCE_S = 600


class StaleMutant(Exception):
    """The text that a mutant replaces is not in the sources exactly once."""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        caught: A test failed with an assertion.
        by: The first test that failed; what went wrong if none did.
        seconds: How long the tests took.
    """

    mutant: Mutant
    caught: bool
    by: str
    seconds: float


def mutated(text: str, edit: Edit) -> str:
    """Return a file's text with the edit.

    Raises:
        StaleMutant: The text is not there exactly once.
    """
    count = text.count(edit.old)
    if count != 1:
        raise StaleMutant(f"{edit.file} has {count} times {edit.old!r}: tests/mutants/table.py must follow the sources")
    return text.replace(edit.old, edit.new)


def mutated_sources(mutant: Mutant, root: Path = ROOT) -> dict[str, str]:
    """Return the texts of the files that a mutant changes, by file.

    Raises:
        StaleMutant: See ``mutated``.
    """
    texts: dict[str, str] = {}
    for edit in mutant.edits:
        text = texts[edit.file] if edit.file in texts else (root / edit.file).read_text(encoding="utf-8")
        texts[edit.file] = mutated(text, edit)
    return texts


def copy_sources(folder: Path) -> None:
    """Put a copy of everything that tests need into an empty folder."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)


def try_mutant(mutant: Mutant, folder: Path) -> Verdict:
    """Plant a mutant in a copy of the sources, run its tests there, and take it out again."""
    texts = mutated_sources(mutant)
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    try:
        return _run(mutant, folder)
    finally:
        for file in texts:
            shutil.copy(ROOT / file, folder / file)


def _run(mutant: Mutant, folder: Path) -> Verdict:
    began = time.monotonic()
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CI": "1",  # the same histories each time
        "HISTORIES": "120",
        "SHRINK": "no",
        "SYNCD_TEST_POSTGRES": "none",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-rf", "-p", "no:cacheprovider", *mutant.tests]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Verdict(mutant, caught=False, by=f"no end after {_PATIENCE_S} s", seconds=_PATIENCE_S)
    caught = done.returncode == _FAILED and _ASSERTION.search(done.stdout) is not None
    failed = re.search(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    by = failed[1] if failed else (done.stdout + done.stderr).strip()[-300:]
    if failed and not caught:
        by += " (without an assertion)"
    return Verdict(mutant, caught, by, time.monotonic() - began)
