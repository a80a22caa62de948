"""Connection test of a Vendure shop: reads alone, because rights can be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed, row_of, rows_of, text_of
from syncd.adapters.base import CheckLine, CheckReport
from syncd.adapters.vendure.operations import KNOWN, ORDERS, PRODUCTS_PER_PAGE, UPDATE_NOTHING, WHO
from syncd.errors import PermissionMissing, SideError
from syncd.http.session import describe

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from syncd.adapters.vendure.client import VendureClient
    from syncd.adapters.vendure.facts import ShopFacts
    from syncd.adapters.vendure.operations import Operations

_TOLERATED_SKEW_S = 120.0
_ALL = "SuperAdmin"
NEEDED: dict[str, tuple[str, ...]] = {
    "read products": ("ReadCatalog", "ReadProduct"),
    "change products": ("UpdateCatalog", "UpdateProduct"),
    "read stock locations": ("ReadCatalog", "ReadStockLocation"),
    "read orders": ("ReadOrder",),
}
"""Rights that syncd cannot do without: one of each."""
WANTED: dict[str, tuple[str, ...]] = {
    "make products": ("CreateCatalog", "CreateProduct"),
    "delete products": ("DeleteCatalog", "DeleteProduct"),
}
"""Rights that some settings need."""
_CLICK = "Settings > Roles in the dashboard, for the role of syncd's administrator"


class Check:
    """Collects lines; without credentials that count nothing else is tried."""

    def __init__(
        self,
        client: VendureClient,
        facts: ShopFacts,
        operations: Operations,
        now: Callable[[], datetime],
        channel: str | None,
        *,
        has_key: bool,
    ) -> None:
        self._client = client
        self._facts = facts
        self._operations = operations
        self._now = now
        self._channel = channel
        self._has_key = has_key
        self._lines: list[CheckLine] = []
        self._values: dict[str, str] = {}
        self._skew_s: float | None = None

    def run(self) -> CheckReport:
        """Try everything that syncd uses."""
        self._facts.forget()
        try:
            answer = self._client.query(KNOWN)
        except (SideError, Malformed) as error:
            self._failed("address and credentials", error)
            return CheckReport(tuple(self._lines), self._skew_s, self._values)
        self._add(True, "address and credentials", "the shop knows them")
        if answer.date is not None:
            self._skew_s = (answer.date - self._now()).total_seconds()
        try:
            self._ask_rights()
        except (SideError, Malformed) as error:
            self._failed("rights", error)
        self._shop()
        self._products()
        self._orders()
        self._clock()
        return CheckReport(tuple(self._lines), self._skew_s, self._values)

    def _add(self, ok: bool, subject: str, message: str, exit_code: int = 1) -> None:
        self._lines.append(CheckLine(ok, subject, message, exit_code))

    def _failed(self, subject: str, error: SideError | Malformed) -> None:
        if isinstance(error, SideError):
            self._add(False, subject, describe(error), error.exit_code)
        else:
            self._add(False, subject, str(error))

    def _ask_rights(self) -> None:
        """An administrator may ask for its rights; of an API key they show when something is tried."""
        if self._has_key:
            self._client.mutate(UPDATE_NOTHING, {})
            self._add(True, "rights", "products can be changed")
            return
        me = row_of(self._client.query(WHO).data, "me")
        rights = {
            str(right)
            for row in rows_of(me, "channels")
            if self._channel is None or text_of(row, "token") == self._channel
            for right in (row.get("permissions") or ())
        }
        self._rights(rights)

    def _rights(self, rights: set[str]) -> None:
        if _ALL in rights:
            self._add(True, "rights", "all (SuperAdmin); a role of its own would do")
            return
        missing = [f"{what} ({' or '.join(names)})" for what, names in NEEDED.items() if not rights & set(names)]
        if missing:
            self._add(False, "rights", f"missing: {', '.join(missing)}: {_CLICK}", PermissionMissing.exit_code)
            return
        without = [what for what, names in WANTED.items() if not rights & set(names)]
        self._add(True, "rights", f"enough, but it cannot {' or '.join(without)}" if without else "enough")

    def _shop(self) -> None:
        try:
            facts = self._facts.now()
        except (SideError, Malformed) as error:
            self._failed("channel and stock location", error)
            return
        self._values |= {"channel": facts.channel, "currency": facts.currency, "language": facts.language}
        self._add(True, "channel", f"{facts.channel}, {facts.currency}, {facts.language}")
        self._add(True, "stock location", f"{facts.place} is kept the same")
        if not facts.alone:
            words = "there are other stock locations: orders are no evidence for writes in doubt"
            self._add(True, "orders", words)
        net = "entered without tax: they are left alone, because not every gross price can be entered there"
        self._add(True, "prices", f"gross, in {facts.currency}" if facts.gross else net)

    def _products(self) -> None:
        """A whole page, as reads ask for: a shop may find that too much, or lack the custom field."""
        try:
            self._client.query(self._operations.products, {"options": {"take": PRODUCTS_PER_PAGE}})
        except SideError as error:
            self._failed("products", error)
        else:
            self._add(True, "products", "can be read")

    def _orders(self) -> None:
        try:
            self._client.query(ORDERS, {"options": {"take": 1}})
        except SideError as error:
            self._failed("orders", error)
        else:
            self._add(True, "orders", "can be read")

    def _clock(self) -> None:
        if self._skew_s is not None:
            ok = abs(self._skew_s) <= _TOLERATED_SKEW_S
            advice = "" if ok else ": set the time of this machine"
            self._add(ok, "clock", f"the shop's clock is {self._skew_s:+z.0f} s from ours{advice}")
