"""What a mutant is."""

from __future__ import annotations

from dataclasses import dataclass

HISTORIES = ("tests/property/test_engine_machine.py",)
"""The property machine of the whole engine."""


@dataclass(frozen=True)
class Edit:
    """One change of text; ``old`` occurs exactly once in ``file``."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """One protection taken out.

    Attributes:
        name: Short name, for ``--only``.
        protection: What does not hold any more.
        edits: Changes of the sources.
        tests: Arguments for pytest: the smallest set of tests that notices.
    """

    name: str
    protection: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...] = HISTORIES
