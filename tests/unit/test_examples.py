"""Examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

import syncd


def _modules_with_examples() -> list[str]:
    folder = Path(syncd.__file__).parent
    files = [
        path for path in sorted(folder.rglob("*.py")) if re.search(r"^ +>>> ", path.read_text("utf-8"), re.MULTILINE)
    ]
    return [".".join(("syncd", *path.relative_to(folder).with_suffix("").parts)) for path in files]


@pytest.mark.parametrize("name", _modules_with_examples())
def test_examples_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
