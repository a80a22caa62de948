"""The conformance suite: one class with every promise of ``syncd.adapters.base``, each a test.

A test class for an adapter inherits from ``SideAdapterSuite`` and gives it a fixture ``open_side`` (see ``OpenSide``)
that opens a side which sells a catalogue, as a ``SideDriver``::

    class TestMyAdapter(SideAdapterSuite):
        @pytest.fixture
        def open_side(self) -> OpenSide:
            return open_my_simulator
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.testing.goods import GOODS
from syncd.testing.promises_absolute import AbsolutePromises
from syncd.testing.promises_changes import ChangePromises
from syncd.testing.promises_faults import FaultPromises
from syncd.testing.promises_fields import FieldPromises
from syncd.testing.promises_images import ImagePromises
from syncd.testing.promises_making import DescribingPromises, MakingPromises
from syncd.testing.promises_reading import ReadingPromises
from syncd.testing.promises_withdrawing import WithdrawingPromises
from syncd.testing.promises_writing import EvidencePromises, WritingPromises
from syncd.testing.side import OpenSide, SideDriver


class _Opened:
    """Needs the fixture ``open_side``."""

    @pytest.fixture
    def side(self, open_side: OpenSide) -> Iterator[SideDriver]:
        """A side that sells ``GOODS``."""
        with open_side(GOODS) as opened:
            yield opened


class RoutesSuite(
    ReadingPromises,
    ChangePromises,
    WritingPromises,
    AbsolutePromises,
    EvidencePromises,
    WithdrawingPromises,
    FaultPromises,
    _Opened,
):
    """The promises that the routes of a side have to do with, for one that differs in nothing else."""


class MoneySuite(FieldPromises, DescribingPromises, MakingPromises, _Opened):
    """The promises that prices and taxes have to do with, for a side that differs in nothing else."""


class SideAdapterSuite(
    ReadingPromises,
    ChangePromises,
    WritingPromises,
    AbsolutePromises,
    EvidencePromises,
    FieldPromises,
    ImagePromises,
    DescribingPromises,
    MakingPromises,
    WithdrawingPromises,
    FaultPromises,
    _Opened,
):
    """All promises. Needs the fixture ``open_side``."""
