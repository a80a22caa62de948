"""Connection test of a Shopware 6 shop: reads, and a look at the integration's rights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.adapters.base import CheckLine, CheckReport
from syncd.adapters.shopware6.changes import ORDERS_TOUCH_PRODUCTS
from syncd.adapters.shopware6.mapping import SYSTEM_CURRENCY
from syncd.adapters.shopware6.paging import equals
from syncd.adapters.shopware6.wire import rows_of
from syncd.errors import AuthRejected, SideError
from syncd.http.session import describe

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from syncd.adapters.shopware6.client import ShopClient

_TOLERATED_SKEW_S = 120.0
_CLICK = "Shopware's administration, Settings > System > Integrations: give the integration a role with this right"

RIGHTS = (
    "product:read", "product:create", "product:update", "tax:read", "currency:read", "product_manufacturer:read",
    "category:read", "property_group:read", "property_group_option:read", "product_media:read", "order:read",
    "order_line_item:read", "state_machine_state:read",
)  # fmt: skip
"""Without these nothing can be synced. A write of a product that was deleted meanwhile is an insertion for the shop: it
refuses that for its lack of a tax, but only to those who may insert; else the right itself is what it complains of."""

_ROLES: Mapping[str, Any] = {
    "limit": 1,
    "associations": {"aclRoles": {}},
    "includes": {"integration": ["id", "label", "admin", "aclRoles"], "acl_role": ["id", "privileges"]},
}


class Check:
    """Collects lines; each step is tried even if another failed, except that nothing works without a token."""

    def __init__(self, client: ShopClient, client_id: str, now: Callable[[], datetime]) -> None:
        self._client = client
        self._client_id = client_id
        self._now = now
        self._lines: list[CheckLine] = []
        self._facts: dict[str, str] = {}
        self._skew_s: float | None = None

    def run(self) -> CheckReport:
        """Try everything that syncd uses."""
        if self._version():
            self._read("product", "read products")
            self._read("order", "read orders")
            self._currency()
            self._rights()
        self._clock()
        return CheckReport(tuple(self._lines), self._skew_s, self._facts)

    def _add(self, ok: bool, subject: str, message: str) -> None:
        self._lines.append(CheckLine(ok, subject, message))

    def _failed(self, subject: str, error: SideError) -> None:
        advice = f". {_CLICK}" if error.exit_code == AuthRejected.exit_code else ""
        self._lines.append(CheckLine(False, subject, f"{describe(error)}{advice}", error.exit_code))

    def _version(self) -> bool:
        try:
            version = self._client.version()
        except SideError as error:
            self._failed("address and integration", error)
            return False
        text = ".".join(map(str, version))
        self._facts["shopware"] = text
        note = "" if version >= ORDERS_TOUCH_PRODUCTS else "; changed lines of orders are asked for besides"
        self._add(True, "address and integration", f"Shopware {text} answers{note}")
        return True

    def _read(self, entity: str, subject: str) -> None:
        try:
            found = self._client.search(entity, {"limit": 1, "includes": {entity: ["id"]}})
        except SideError as error:
            self._failed(subject, error)
            return
        self._skew_s = (found.date - self._now()).total_seconds()
        self._add(True, subject, "allowed")

    def _currency(self) -> None:
        subject = "currency"
        try:
            rows = self._client.search("currency", {"ids": [SYSTEM_CURRENCY]}).rows
        except SideError as error:
            self._failed(subject, error)
            return
        code = str(rows[0].get("isoCode")) if rows else "unknown"
        self._facts["currency"] = code
        self._add(bool(rows), subject, f"prices are read and written in the shop's own currency, {code}")

    def _rights(self) -> None:
        """Nothing is written to find out: an integration may look at its own roles, if it may read them."""
        subject = "rights"
        try:
            rows = self._client.search("integration", {**_ROLES, "filter": [equals("accessKey", self._client_id)]}).rows
        except SideError:
            self._add(True, subject, "the integration may not read its own roles: what is missing shows at first use")
            return
        if not rows or rows[0].get("admin") is True:
            self._add(True, subject, "administrator" if rows else "not told")
            return
        granted: set[str] = set()
        for role in rows_of(rows[0], "aclRoles") or ():
            privileges = role.get("privileges")
            granted.update(privileges if isinstance(privileges, list) else ())
        missing = [right for right in RIGHTS if right not in granted]
        self._add(not missing, subject, f"missing: {', '.join(missing)}. {_CLICK}" if missing else "all that is needed")

    def _clock(self) -> None:
        if self._skew_s is None:
            return
        ok = abs(self._skew_s) <= _TOLERATED_SKEW_S
        told = f"the shop's clock is {self._skew_s:+z.0f} s from ours" + ("" if ok else ": set the time")
        self._add(ok, "clock", told)
