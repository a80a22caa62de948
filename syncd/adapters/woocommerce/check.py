"""Connection test of a WooCommerce shop: reads, and one batch without entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.adapters.base import CheckLine, CheckReport
from syncd.errors import AuthRejected, InvalidResponse, SideError, Transient
from syncd.http.session import describe

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from syncd.adapters.woocommerce.client import WooClient
    from syncd.adapters.woocommerce.media import Media
    from syncd.adapters.woocommerce.terms import ShopTerms

_TOLERATED_SKEW_S = 120.0
_OPTIONAL_ROUTES = {
    "/wc/v3/variations": "changes of variations are read parent by parent (needs WooCommerce 10.3)",
    "/wc/v3/refunds": "refunds are seen with their order or product only (needs WooCommerce 9.0)",
}
_CLICK = "WooCommerce > Settings > Advanced > REST API: permission Read/Write, user Shop manager or Administrator"


class Check:
    """Collects lines; each step is tried even if another failed, except that nothing works without a valid key."""

    def __init__(
        self, client: WooClient, now: Callable[[], datetime], terms: ShopTerms, media: Media | None = None
    ) -> None:
        self._client = client
        self._terms = terms
        self._now = now
        self._media = media
        self._lines: list[CheckLine] = []
        self._facts: dict[str, str] = {}
        self._skew_s: float | None = None
        self._hidden: SideError | None = None

    def run(self) -> CheckReport:
        """Try everything that syncd uses."""
        routes = self._routes()
        answers = self._read("products", "read products")
        is_told = not answers and isinstance(self._hidden, AuthRejected)  # the key is refused here as there
        if self._hidden is not None and not is_told:
            # Some security plugins hide the index, which is no fault; that nobody answers at all is one.
            fine = answers if isinstance(self._hidden, Transient) else not isinstance(self._hidden, InvalidResponse)
            message = describe(self._hidden)
            self._lines.insert(0, CheckLine(fine, "address", f"no route index: {message}" if fine else message))
        if answers:
            self._read("orders", "read orders")
            self._may_write()
            self._stock_management()
            self._categories()
            self._images()
            self._versions()
            self._optional_routes(routes)
        self._clock()
        return CheckReport(tuple(self._lines), self._skew_s, self._facts)

    def _add(self, ok: bool, subject: str, message: str) -> None:
        self._lines.append(CheckLine(ok, subject, message))

    def _failed(self, subject: str, error: SideError, advice: str = "") -> None:
        message = f"{describe(error)}. {advice}" if advice else describe(error)
        self._lines.append(CheckLine(False, subject, message, error.exit_code))

    def _routes(self) -> Mapping[str, Any]:
        """The route index needs no key; ``_hidden`` is why there is none."""
        try:
            body = self._client.get("").json(lenient=True)
        except SideError as error:
            self._hidden = error
            return {}
        routes = body.get("routes") if isinstance(body, Mapping) else None
        named = isinstance(body, Mapping) and body.get("namespace") == "wc/v3"
        self._add(named, "address", "WooCommerce REST API v3 answers" if named else "this is not the wc/v3 API")
        return routes if isinstance(routes, Mapping) else {}

    def _read(self, route: str, subject: str) -> bool:
        try:
            batch = self._client.page(route, {"_fields": "id"}, per_page=1)
        except SideError as error:
            self._failed(subject, error, _CLICK if error.exit_code == AuthRejected.exit_code else "")
            return False
        if batch.date is not None:
            self._skew_s = (batch.date - self._now()).total_seconds()
        count = "" if batch.total is None else f", {batch.total} there"
        self._add(True, subject, f"allowed (key sent by {self._client.auth.mode}){count}")
        return True

    def _may_write(self) -> None:
        """An empty batch passes the same permission checks and changes nothing (recording 04-batch)."""
        try:
            self._client.post("products/batch", {"update": []})
        except SideError as error:
            self._failed("write stock", error, _CLICK if error.exit_code == AuthRejected.exit_code else "")
        else:
            self._add(True, "write stock", "allowed")

    def _categories(self) -> None:
        """Which category stands for none cannot always be known; that fields go on without it is no fault."""
        try:
            self._lines.append(self._terms.default_line())
        except SideError as error:
            self._add(True, "categories", f"cannot be read, and are not compared: {describe(error)}")

    def _images(self) -> None:
        subject = "images"
        if self._media is None:
            self._add(True, subject, "the shop fetches them from the till; media_user would let syncd bring them")
            return
        try:
            refused = self._media.may_upload()
        except SideError as error:
            self._failed(subject, error)
            return
        self._add(refused is None, subject, "may be uploaded" if refused is None else refused.message)

    def _stock_management(self) -> None:
        subject = "stock management"
        try:
            body = self._client.get("settings/products/woocommerce_manage_stock").json(lenient=True)
        except SideError:
            self._add(True, subject, "the key may not read settings; see WooCommerce > Settings > Products > Inventory")
            return
        on = isinstance(body, Mapping) and body.get("value") == "yes"
        self._add(
            on,
            subject,
            "on" if on else "off: switch on WooCommerce > Settings > Products > Inventory > Enable stock management",
        )

    def _versions(self) -> None:
        try:
            body = self._client.get("system_status", {"_fields": "environment"}).json(lenient=True)
        except SideError:
            self._add(True, "versions", "the key may not read the system status; not needed")
            return
        found = body.get("environment") if isinstance(body, Mapping) else None
        for fact, field in (("woocommerce", "version"), ("wordpress", "wp_version"), ("php", "php_version")):
            if isinstance(found, Mapping) and isinstance(found.get(field), str):
                self._facts[fact] = found[field]
        self._add(True, "versions", ", ".join(f"{name} {value}" for name, value in self._facts.items()) or "not told")

    def _optional_routes(self, routes: Mapping[str, Any]) -> None:
        for route, without in _OPTIONAL_ROUTES.items():
            if routes:
                self._add(True, route, "there" if route in routes else f"missing: {without}")

    def _clock(self) -> None:
        if self._skew_s is None:
            return
        ok = abs(self._skew_s) <= _TOLERATED_SKEW_S
        self._add(
            ok, "clock", f"the shop's clock is {self._skew_s:+z.0f} s from ours" + ("" if ok else ": set the time")
        )
