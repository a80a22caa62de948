"""The kinds of sides that histories are made of: what each can do, and what it is told.

A history has the till and two of the shops. Another kind of shop is one more entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from syncd.adapters.base import Capabilities
from syncd.core.stock import StockPolicy
from tests.support.engine import HUB


@dataclass(frozen=True)
class Kind:
    """One kind of side.

    Attributes:
        lags: Its pages may come from a replica that is some seconds behind. Not where writes carry no marker: a value
            from before our write that counts as a reading could then pass for its effect. Nor where swallowed orders
            are found by comparing: there it is an edit by hand, and the opposite edit.
        returns: What comes back of an order has a document of its own; elsewhere the order's document says less.
    """

    capabilities: Capabilities
    policy: StockPolicy
    lags: bool = False
    returns: bool = False

    @property
    def swallows(self) -> bool:
        """Whether an order inside our own write is lost there, and its document tells."""
        return self.capabilities.events and not self.capabilities.atomic


TILL, MARKED, LOSSY, PLAIN, KEYED = "till", "marked", "lossy", "plain", "keyed"
KINDS = {
    TILL: Kind(HUB, StockPolicy(hub=True, fractions=True), returns=True),
    MARKED: Kind(Capabilities(relative=True, marker=True, batch_size=20, events=True), StockPolicy(), lags=True),
    LOSSY: Kind(
        Capabilities(relative=True, marker=True, atomic=False, batch_size=20, events=True),
        StockPolicy(buffer=Decimal(1), allow_negative=True),
    ),
    PLAIN: Kind(Capabilities(relative=True), StockPolicy(buffer=Decimal(2), buffers={"b": Decimal(5)})),
    KEYED: Kind(Capabilities(relative=True, key_life_s=100, batch_size=20, events=True), StockPolicy()),
}
PAIRS = tuple(combinations((name for name in KINDS if name != TILL), 2))
"""Shops that a history can have beside each other."""
