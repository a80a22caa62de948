"""The calls that syncd makes to INVENTORUM, one method each: path, version, parameters, and what a status means.

Versions are pinned per endpoint, because shapes change from version to version and the vendor's own list is
inconsistent between them. Every path ends in ``/``: without it the server redirects reads and drops writes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from syncd.adapters.inventorum import mapping
from syncd.adapters.inventorum.categories import Categories
from syncd.adapters.inventorum.paging import ListPage, read_growing
from syncd.adapters.inventorum.wire import Fields, Where
from syncd.errors import InvalidResponse, NotFound, PermissionMissing, Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from syncd.adapters.inventorum.auth import BearerApi
    from syncd.http import Reply

DELTA_VERSION: Final = 10
"""Recorded with all fields we need (``verbose=True`` adds product_code). Version 13 is reported to page wrongly."""
LIST_VERSION: Final = 12
"""Documented; ``total`` is there for certain. Only counts and ids are used."""
DETAIL_VERSION: Final = 10
"""Recorded with and without variations."""
QUANTITY_VERSION: Final = 9
"""The only version it was recorded with."""
ADJUST_VERSION: Final = 13
"""The only version with which a booking without price and cost was seen to work; up to 10 every recording has a price,
and sending one would change the merchant's valuation. Relative in all of them."""
INFO_VERSION: Final = 10
"""Recorded; has the account's time zone."""
ORDERS_VERSION: Final = 12
"""Documented; leaves out pending orders, which have not moved stock yet."""
CREATE_VERSION: Final = 13
"""The only version with which article numbers and variations were seen to be sent."""
TAXES_VERSION: Final = 12
"""Documented."""
RETURNS_VERSION: Final = 10
"""Recorded."""
IMAGES_VERSION: Final = 12
"""Documented; answers ``{id, urls, type, new}``."""
CATEGORIES_VERSION: Final = 12
"""Documented."""

DELTA_LIMIT: Final = 100
LIST_LIMIT: Final = 40
DELETED_LIMIT: Final = 10_000
EVENT_LIMIT: Final = 100
QUANTITY_BATCH: Final = 50
"""Most ids per call of ``/products/quantity/``; the server's own maximum is unknown."""


class InventorumClient:
    """Wire calls. Reads return parsed pages or objects; writes return the bare answer.

    Args:
        api: Authorised access.

    Attributes:
        categories: Names and ids of the account's categories.
    """

    def __init__(self, api: BearerApi) -> None:
        self._api = api
        self.categories = Categories(self)

    @property
    def side(self) -> str:
        """Name of the side."""
        return self._api.side

    def where(self, path: str) -> Where:
        """Name a read for error messages."""
        return Where(self.side, f"GET {path}")

    def modified(self, start_date: str, page: int, limit: int = DELTA_LIMIT) -> ListPage[Fields]:
        """Read products created or changed since ``start_date`` (``…Z``): their current state, one row each.

        Source: section 7.1 [rec v9][rec v10].
        """
        params = {"start_date": start_date, "limit": limit, "page": page, "verbose": "True"}
        found, where = self._list("products/delta/modified/", DELTA_VERSION, params)
        return mapping.object_rows(found, where)

    def deleted(self, start_date: str, page: int) -> ListPage[str]:
        """Read ids deleted since ``start_date``, known to us or not.

        Source: section 7.2 [rec v9][rec v10].
        """
        params = {"start_date": start_date, "limit": DELETED_LIMIT, "page": page}
        found, where = self._list("products/delta/deleted/", DELTA_VERSION, params)
        return mapping.id_rows(found, where)

    def products(self, page: int, limit: int = LIST_LIMIT) -> ListPage[Fields]:
        """Read a page of the products list.

        Source: section 6.1 [docs:products v12].
        """
        found, where = self._list("products/", LIST_VERSION, {"limit": limit, "page": page})
        return mapping.object_rows(found, where)

    def products_total(self) -> ListPage[Fields]:
        """Read how many products there are (as ``total`` of a page with one row).

        Raises:
            InvalidResponse: The answer does not say.
        """
        found = self.products(page=1, limit=1)
        if found.total is None:
            raise self.where("products/").invalid("no answer says how many products there are (`total`)")
        return found

    def product(self, external_id: str) -> Fields:
        """Read a product's detail; works for variations too on most servers.

        Raises:
            NotFound: It does not exist. A 404 that the API itself did not write counts only if it comes again after
                another call has shown that the API answers at this address.
            InvalidResponse: The answer is about another product.
        """
        path = f"products/{_digits(external_id)}/"
        reply = self._api.read(path, version=DETAIL_VERSION)
        if reply.status == 404 and not mapping.error_facts(reply).is_ours:
            self.products_total()
            reply = self._api.read(path, version=DETAIL_VERSION)
        self._require_ok(reply, "products:read")
        product = Fields(reply.json(), Where(self.side, reply.request))
        if mapping.row_id(product) != external_id:
            raise product.where.invalid(f"the answer is about product {mapping.row_id(product)}")
        return product

    def quantities(self, external_ids: Sequence[str]) -> dict[str, Decimal]:
        """Read the stock of up to ``QUANTITY_BATCH`` products or variations; unknown ids are missing.

        Source: section 6.6 [rec v9]. Whether unknown ids are left out or refused is not known: a refused batch is
        asked again in halves.
        """
        params = [("id", _digits(external_id)) for external_id in external_ids]
        reply = self._api.read("products/quantity/", version=QUANTITY_VERSION, params=params, known_good=False)
        if reply.status in {400, 404}:
            if len(external_ids) == 1:
                return {}
            middle = len(external_ids) // 2
            return self.quantities(external_ids[:middle]) | self.quantities(external_ids[middle:])
        self._require_ok(reply, "products:read")
        return mapping.quantities(reply.json(), Where(self.side, reply.request))

    def adjust_inventory(self, external_id: str, quantity: str, date: str, note: str) -> Reply:
        """Book a stock change of ``quantity`` (relative, at most 2 places), without price and cost.

        Source: section 8.3 [rec v9][rec v10][odoo client].

        Returns:
            The answer, whatever its status, except 401, 429, 3xx and 5xx.

        Raises:
            SideError: As ``BearerApi.write``. It is sent once.
        """
        body = {"stock": {"quantity": quantity, "date": date, "note": note}}
        path = f"products/{_digits(external_id)}/adjust_inventory/"
        return self._api.write("PUT", path, version=ADJUST_VERSION, json=body)

    def change_product(self, external_id: str, body: Mapping[str, Any]) -> Reply:
        """Change what ``body`` names of a product, and nothing else.

        Source: section 8.2 [rec v10].

        Returns:
            As ``adjust_inventory``.

        Raises:
            SideError: As ``BearerApi.write``. It is sent once.
        """
        return self._api.write("PUT", f"products/{_digits(external_id)}/", version=DETAIL_VERSION, json=body)

    def category_rows(self) -> list[Fields]:
        """Read all categories, 40 a page at most.

        Source: section 10 [docs:categories v12].
        """

        def page_of(page: int) -> ListPage[Fields]:
            params = {"limit": LIST_LIMIT, "page": page}
            found, where = self._list(path, CATEGORIES_VERSION, params, right="categories:read", known_good=False)
            return mapping.object_rows(found, where)

        path = "categories/"
        pages = read_growing(page_of, mapping.row_id, self.where(path))
        return [row for page in pages for row in page.rows]

    def create_category(self, name: str) -> str:
        """Make a category without a parent; returns its id.

        Source: section 10 [odoo client].

        Raises:
            SideError: As ``BearerApi.write``. It is sent once; what was made without an answer is found by its name.
        """
        reply = self._api.write("POST", "categories/", version=CATEGORIES_VERSION, json={"name": name})
        self._require_ok(reply, "categories:create")
        return Fields(reply.json(), Where(self.side, reply.request)).identifier("id")

    def create_product(self, body: Mapping[str, Any]) -> Reply:
        """Make a product, with its variations if ``body`` has some.

        Source: section 8.1 [odoo client].

        Returns:
            As ``adjust_inventory``.

        Raises:
            SideError: As ``BearerApi.write``. It is sent once.
        """
        return self._api.write("POST", "products/", version=CREATE_VERSION, json=body)

    def upload_image(self, name: str, content: bytes, mime: str) -> Reply:
        """Upload an image for a product, which shows it once the product names its id.

        Source: section 10 [docs:images v12].

        Returns:
            As ``adjust_inventory``.

        Raises:
            SideError: As ``BearerApi.write``. It is sent once.
        """
        file = {"image": (name, content, mime)}
        return self._api.write("POST", "images/", version=IMAGES_VERSION, data={"type": "product"}, files=file)

    def taxes(self) -> list[Fields]:
        """Read the account's tax types: ``id``, ``name`` and ``tax_rate`` in per cent.

        Source: section 10 [docs:taxes v12]; ``taxes.json``.

        Raises:
            PermissionMissing: The token may not read them.
        """
        reply = self._api.read("taxes/", version=TAXES_VERSION)
        self._require_ok(reply, "tax_types:read")
        where = Where(self.side, reply.request)
        body = reply.json()
        if not isinstance(body, list):
            raise where.invalid("body is not a list of tax types")
        return [Fields(row, where, f"row {at}") for at, row in enumerate(body)]

    def info(self) -> Fields:
        """Read account, channels and more.

        Raises:
            PermissionMissing: App tokens may not be allowed to; nothing depends on it.
        """
        reply = self._api.read("info/", version=INFO_VERSION)
        self._require_ok(reply, "basic:read")
        return Fields(reply.json(), Where(self.side, reply.request))

    def orders_delta(self, channel: str, start_date: str, page: int) -> ListPage[Fields]:
        """Read orders of one channel created or changed since ``start_date``; pages from 0.

        Source: section 9.1 [docs:orders v12].
        """
        params = {"channel": channel, "start_date": start_date, "limit": EVENT_LIMIT, "page": page}
        found, where = self._list("orders/delta/", ORDERS_VERSION, params, right="orders:read", known_good=False)
        return mapping.object_rows(found, where)

    def returns_delta(self, channel: str, start_date: str, page: int) -> ListPage[Fields]:
        """Read returns of one channel since ``start_date``; pages from 1.

        Source: section 9.5 [rec v10].
        """
        params = {"channel": channel, "start_date": start_date, "limit": EVENT_LIMIT, "page": page}
        found, where = self._list("returns/delta/", RETURNS_VERSION, params, right="orders:read", known_good=False)
        return mapping.object_rows(found, where)

    def _list(
        self,
        path: str,
        version: int,
        params: dict[str, Any],
        *,
        right: str = "products:read",
        known_good: bool = True,
    ) -> tuple[ListPage[Any], Where]:
        reply = self._api.read(path, version=version, params=params, known_good=known_good)
        where = Where(self.side, reply.request)
        if reply.status == 404 and params["page"] != 1:
            return ListPage((), None, _asked_at(reply)), where  # a page before the first or after the last one
        if reply.status == 404:
            raise InvalidResponse(
                self.side, reply.request, "not found (404): the base address may be wrong", sample=reply.sample
            )
        self._require_ok(reply, right)
        return mapping.list_page(reply.json(), where, _asked_at(reply)), where

    def _require_ok(self, reply: Reply, right: str) -> None:
        if 200 <= reply.status < 300:
            return
        facts = mapping.error_facts(reply)
        if reply.status == 403:
            raise PermissionMissing(self.side, reply.request, f"the token lacks the right {right} ({facts.message})")
        refusal = NotFound if reply.status == 404 else Rejected
        raise refusal(
            self.side,
            reply.request,
            facts.message,
            status=reply.status,
            key=facts.key,
            fields=dict.fromkeys(facts.fields, ""),
        )


def _asked_at(reply: Reply) -> datetime | None:
    """Return the server's clock when it was asked, at the latest: its ``Date`` less the time the answer took.

    ``Date`` is stamped when the answer leaves. What happened while a slow answer was made is not in it.
    """
    return reply.date - timedelta(milliseconds=reply.elapsed_ms) if reply.date else None


def _digits(external_id: str) -> str:
    if not (external_id.isascii() and external_id.isdigit()):
        raise ValueError(f"{external_id!r} is not an INVENTORUM id")
    return external_id
