"""Vendure, a real one (``make vendure``): stock is set, an order only allocates, and its fulfilment lowers both.

Two limits that docs/vendure.md names are left out, as ``make e2e`` leaves them out. What changes what is on hand (a
fulfilment, what comes back of an order that was sent, an edit by hand) does not happen while a write of the item is
due or under way: a daemon that is killed in that write never learns what it overwrote. And nothing is sent in part.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.chaos.shops.base import ChaosShop, Lines, SoldOut
from tests.conformance.drivers_vendure import OperationServer, kind_of
from tests.support.proxy import Forwarding
from tests.support.vendure import GTIN_FIELD, MARKER_FIELD, Refusal, VendureShop, missing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.simulators.catalogue import CatalogueProduct
    from syncd.simulators.server import SimRequest, SimServer, Simulator

# Asked of its database: it answers one request after the other, and by its API it would do little else than tell us.
_SOLD = """
SELECT v.id, v.sku, price.price, words.name, words.description FROM product_variant v
JOIN product_variant_price price ON price.variantId = v.id AND price.currencyCode = 'EUR'
JOIN product_translation words ON words.baseId = v.productId AND words.languageCode = 'en'
WHERE v.deletedAt IS NULL"""
_OPTIONS = """
SELECT chosen.productVariantId AS variant, groups.name AS name, options.name AS value
FROM product_variant_options_product_option chosen
JOIN product_option option ON option.id = chosen.productOptionId
JOIN product_option_translation options ON options.baseId = option.id
JOIN product_option_group_translation groups ON groups.baseId = option.groupId"""


class VendureChaosShop(ChaosShop):
    """A shop of its own process; what goes wrong on the way to it goes wrong in a server before it."""

    kind = "vendure"
    labels = frozenset({"name", "description", "price", "options"})
    products = 48  # it answers one request after the other, and a mutation takes it a hundred times as long
    edits_can_vanish = True
    sends_orders = True

    @classmethod
    def missing(cls) -> str:
        return missing()

    def open(self, catalogue: Sequence[CatalogueProduct], opening: Mapping[str, int]) -> Forwarding:
        self.shop = VendureShop()
        self.shop.seed(catalogue, opening)
        self.forwarding = Forwarding(self.shop.url)
        return self.forwarding

    def serve(self, simulator: Simulator) -> SimServer:
        return OperationServer(simulator)

    def close(self) -> None:
        self.forwarding.close()
        self.shop.close()

    def settings(self) -> Mapping[str, str]:
        return {
            "url": f"{self.server.url}/admin-api",
            "username": self.shop.user,
            "gtin_field": GTIN_FIELD,
            "marker_field": MARKER_FIELD,
        }

    def secrets(self) -> Mapping[str, str]:
        return {"password": self.shop.password}

    def stock(self) -> dict[str, int | None]:
        return {**self.shop.stock()}

    def fields(self) -> Mapping[str, Mapping[str, str]]:
        options = defaultdict(list)
        for row in self.shop.sql(_OPTIONS):
            options[row["variant"]].append((row["name"].casefold(), row["value"]))
        return {row["sku"]: _fields(row, options[row["id"]]) for row in self.shop.sql(_SOLD)}

    def names(self) -> list[str]:
        query = "SELECT w.name FROM product p JOIN product_translation w ON w.baseId = p.id WHERE p.deletedAt IS NULL"
        return [str(row["name"]) for row in self.shop.sql(query)]

    def order(self, lines: Lines) -> str:
        try:
            order = self.shop.order(dict(lines))
        except Refusal as error:
            raise SoldOut(str(error)) from error
        for sku, units in lines:
            self.note(sku, -units, "order", f"order {order}")
        return order

    def send(self, order: str) -> None:
        self.shop.fulfil(order)

    def cancel(self, order: str, lines: Lines) -> None:
        self.shop.cancel(order)
        for sku, units in lines:
            self.note(sku, units, "cancellation", f"order {order}")

    def refund(self, order: str, sku: str, bought: int, back: int) -> None:
        """Refunds move no stock here: somebody cancels some units of a line."""
        self.shop.cancel(order, {sku: back})
        self.note(sku, back, "cancellation in part", f"order {order}")

    def type_stock(self, sku: str, units: int) -> None:
        before = self.shop.stock()[sku]
        self.shop.count(sku, units)
        self.note(sku, units - before, "edit")

    def type_price(self, sku: str, gross: str) -> None:
        self.shop.change(sku, price=int(Decimal(gross) * 100))

    def writes(self, request: SimRequest) -> bool:
        return kind_of(request) == "mutation"

    def target(self, request: SimRequest) -> str:
        return rf"{super().target(request)}\?{kind_of(request)}$"


def _fields(row: Mapping[str, Any], options: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Prices are with tax: the channel's are."""
    price = {"price": f"{Decimal(row['price']) / 100:.2f}"}
    if options:
        return price | {"options": " / ".join(value for _, value in sorted(options))}
    return price | {"name": row["name"], "description": row["description"]}
