"""What counts as a line of code."""

from __future__ import annotations

from tests.support.lines import code_lines, size, sizes

MODULE = '''\
"""What it is for,
in two lines."""

import os  # a comment beside code counts as code

# A comment alone.
NAME = "x"
"""What the name means."""


def read(
    path: str,
) -> str:
    """Read."""

    text = """two
lines"""
    return text + os.sep + path
'''


def test_blank_lines_comments_and_docstrings_are_no_code() -> None:
    assert code_lines(MODULE) == 8
    assert size("x", [MODULE, MODULE]).code == 16
    assert size("x", [MODULE]).lines == len(MODULE.splitlines())


def test_every_adapter_is_counted() -> None:
    found = {each.name: each for each in sizes()}
    assert {"inventorum", "woocommerce", "shopware6", "shopify", "memory", "docs/adapters.md"} <= found.keys()
    assert all(0 < each.code < each.lines for each in found.values())
