"""The connection test: what ``syncd check`` says about INVENTORUM."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from syncd.adapters.base import CheckLine, CheckReport
from syncd.adapters.inventorum.auth import NEEDED_RIGHTS, RIGHTS_TO_MAKE, missing_rights
from syncd.adapters.inventorum.mapping import is_group, listing
from syncd.adapters.inventorum.times import BEFORE_EVERYTHING
from syncd.core.prices import canonical_rate
from syncd.errors import InvalidResponse, PermissionMissing, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from syncd.adapters.inventorum.auth import BearerApi
    from syncd.adapters.inventorum.client import InventorumClient
    from syncd.adapters.inventorum.paging import ListPage
    from syncd.adapters.inventorum.wire import Fields

T = TypeVar("T")

MOST_SKEW_S = 300.0


def run(api: BearerApi, client: InventorumClient, now: Callable[[], datetime]) -> CheckReport:
    """Try everything that a sync needs and that changes nothing.

    Raises:
        AuthRejected: A new token is needed. Transient: The server cannot be reached.
    """
    lines = [_rights(api.scope())]
    facts: dict[str, str] = {"rights": api.scope()} if api.scope() else {}
    info = _attempt(client.info)
    lines.append(_account(info, facts))
    lines.append(_taxes(client))
    count = _attempt(client.products_total)
    skew_s: float | None = None
    if isinstance(count, CheckLine):
        lines.append(count)
    else:
        facts["products"] = str(count.total)
        lines.append(CheckLine(ok=True, subject="products", message=f"{count.total} products"))
        lines.append(_delta(client, count.total or 0))
        skew_s = (count.date - now()).total_seconds() if count.date else None
        lines.append(_clock(skew_s))
    return CheckReport(tuple(lines), skew_s, facts)


def _attempt(function: Callable[[], T]) -> T | CheckLine:
    try:
        return function()
    except (PermissionMissing, Rejected, InvalidResponse) as error:
        return CheckLine(ok=False, subject=error.request, message=error.detail, exit_code=error.exit_code)


def _rights(scope: str) -> CheckLine:
    if not scope:
        return CheckLine(ok=True, subject="rights", message="the server does not say which rights the token has")
    missing = missing_rights(scope)
    if not missing:
        more = missing_rights(scope, RIGHTS_TO_MAKE)
        note = f"; only create_in_inventorum needs {', '.join(more)} as well, which it lacks" if more else ""
        return CheckLine(ok=True, subject="rights", message=f"all needed: {', '.join(NEEDED_RIGHTS)}{note}")
    named = ", ".join(f"{right} ({NEEDED_RIGHTS[right]})" for right in missing)
    message = f"the token lacks {named}; create one that has them"
    return CheckLine(ok=False, subject="rights", message=message, exit_code=PermissionMissing.exit_code)


def _account(info: Fields | CheckLine, facts: dict[str, str]) -> CheckLine:
    """Tell whose account it is. Whether app tokens may read it is unknown, so a refusal is no mistake."""
    if isinstance(info, CheckLine) or not isinstance(info.raw.get("account"), dict):
        return CheckLine(
            ok=True, subject="account", message="not readable with this token; dates of bookings are UTC days"
        )
    account = info.nested("account")
    for name, fact in (("name", "account"), ("currency", "currency"), ("timezone", "timezone"), ("country", "country")):
        value = account.text(name)
        if value:
            facts[fact] = value
    known = ", ".join(facts[fact] for fact in ("account", "country", "currency", "timezone") if fact in facts)
    return CheckLine(ok=True, subject="account", message=known or "without a name")


def _taxes(client: InventorumClient) -> CheckLine:
    """Tell the tax rates. Stock and prices need none, so a refusal is no mistake."""
    rows = _attempt(lambda: [canonical_rate(row.decimal("tax_rate")) for row in client.taxes()])
    if isinstance(rows, CheckLine):
        message = f"tax rates cannot be read, so none is compared, nor products made here: {rows.message}"
        return CheckLine(ok=True, subject="taxes", message=message)
    return CheckLine(ok=True, subject="taxes", message=", ".join(f"{rate} %" for rate in rows) or "none")


def _delta(client: InventorumClient, products: int) -> CheckLine:
    def read() -> ListPage[Fields]:
        page = client.modified(BEFORE_EVERYTHING, 1, limit=1)
        for row in page.rows:
            if not row.has("parent") and not is_group(row):
                listing(row)
        return page

    page = _attempt(read)
    if isinstance(page, CheckLine):
        return page
    if products and not page.total:
        return CheckLine(
            ok=False, subject="changes", message=f"the list of changes is empty, but there are {products} products"
        )
    note = "" if page.total == products else f" (the product list says {products}; full reads compare the ids)"
    return CheckLine(ok=True, subject="changes", message=f"{page.total} products since the beginning{note}")


def _clock(skew_s: float | None) -> CheckLine:
    if skew_s is None:
        return CheckLine(
            ok=False, subject="clock", message="the server sends no Date header; changes cannot be followed"
        )
    message = f"the server's clock is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} ours"
    if abs(skew_s) > MOST_SKEW_S:
        message += "; set this machine's clock by NTP"
    return CheckLine(ok=abs(skew_s) <= MOST_SKEW_S, subject="clock", message=message)
