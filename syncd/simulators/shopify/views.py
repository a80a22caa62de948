"""Records as the API's objects: dictionaries whose callable entries are fields with arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLResolveInfo

from syncd.simulators.shopify.rows import (
    DEFAULT_OPTION,
    Event,
    Image,
    Level,
    Line,
    Location,
    Order,
    Product,
    Refund,
    Variant,
)
from syncd.simulators.shopify.search import Filter, by_number, by_time, connection, failed, search
from syncd.simulators.shopify.state import Shop, api_money, api_time

View = dict[str, Any]

_QUANTITY_NAMES = {
    "available", "committed", "on_hand", "reserved", "damaged", "safety_stock", "quality_control", "incoming",
}  # fmt: skip


def gid(kind: str, number: int) -> str:
    """A global id."""
    return f"gid://shopify/{kind}/{number}"


def by_id(row: Any) -> tuple[int, ...]:
    """Key of the order by id."""
    return (row.id,)


class Views:
    """Makes objects; what is nested is made when it is asked for."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def node(self, wanted: str) -> View | None:
        """Any object by its global id; ``None`` if there is none.

        Raises:
            GraphQLError: It is no global id.
        """
        kind, number = self.parse(wanted)
        if kind == "Refund":
            refunds = [refund for order in self._shop.orders.values() for refund in order.refunds]
            return next((self.refund(one) for one in refunds if one.id == number), None)
        sources: dict[str, tuple[dict[int, Any], Callable[[Any], View]]] = {
            "Product": (self._shop.products, self.product),
            "ProductVariant": (self._shop.variants, self.variant),
            "Location": (self._shop.locations, self.location),
            "Order": (self._shop.orders, self.order),
            "MediaImage": (self._shop.files, self.image),
        }
        if kind not in sources:
            return None
        rows, view = sources[kind]
        return view(rows[number]) if number in rows else None

    @staticmethod
    def parse(wanted: str) -> tuple[str, int]:
        """Kind and number of a global id.

        Raises:
            GraphQLError: It is none.
        """
        start, _, rest = wanted.partition("gid://shopify/")
        kind, _, number = rest.partition("/")
        if start or not kind or not number.isdigit():
            raise failed(f"Invalid global id '{wanted}'", "RESOURCE_NOT_FOUND")
        return kind, int(number)

    def product(self, product: Product) -> View:
        """A product."""
        return {
            "__typename": "Product",
            "id": gid("Product", product.id),
            "title": product.title,
            "handle": product.handle,
            "isGiftCard": False,
            "status": product.status,
            "vendor": product.vendor,
            "productType": product.product_type,
            "descriptionHtml": product.description,
            "tags": sorted(product.tags),
            "createdAt": api_time(product.created_at),
            "updatedAt": api_time(product.updated_at),
            "hasOnlyDefaultVariant": product.plain,
            "options": lambda _, **__: [self._option(product, at) for at in range(len(product.option_names))],
            "variants": lambda _, **given: connection(
                product.variants, given, self.variant, lambda one: (product.variants.index(one),)
            ),
            "variantsCount": {"count": len(product.variants), "precision": "EXACT"},
            "metafield": lambda _, **given: _metafield(product, **given),
            "media": lambda _, **given: connection(
                product.images, given, self.image, lambda one: (product.images.index(one),)
            ),
            "mediaCount": {"count": len(product.images), "precision": "EXACT"},
            "featuredMedia": lambda _: self.image(product.images[0]) if product.images else None,
        }

    @staticmethod
    def _option(product: Product, at: int) -> View:
        values = list(dict.fromkeys(one.options[at] for one in product.variants))
        name = product.option_names[at]
        return {"id": f"{product.id}/{at}", "name": name, "position": at + 1, "values": values}

    def variant(self, variant: Variant) -> View:
        """A variant."""
        product = variant.product
        options = zip(product.option_names, variant.options, strict=True)
        return {
            "__typename": "ProductVariant",
            "id": gid("ProductVariant", variant.id),
            "title": variant.title,
            "displayName": product.title
            if variant.title == DEFAULT_OPTION[1]
            else f"{product.title} - {variant.title}",
            "sku": variant.sku,
            "barcode": variant.barcode or None,
            "price": api_money(variant.price),
            "taxable": variant.taxable,
            "inventoryPolicy": variant.policy,
            "requiresComponents": variant.bundle,
            "selectedOptions": [{"name": name, "value": value} for name, value in options],
            "product": lambda _: self.product(product),
            "inventoryItem": lambda _: self.item(variant),
            "metafield": lambda _, **given: _metafield(variant, **given),
            "updatedAt": api_time(variant.updated_at),
        }

    def item(self, variant: Variant) -> View:
        """The inventory item of a variant."""
        return {
            "id": gid("InventoryItem", variant.item_id),
            "sku": variant.sku,
            "tracked": variant.tracked,
            "variants": lambda _, **given: connection([variant], given, self.variant, by_id),
            "inventoryLevel": lambda _, **given: self._level_at(variant, **given),
        }

    def _level_at(self, variant: Variant, locationId: str) -> View | None:  # noqa: N803 - the API's name
        _, number = self.parse(locationId)
        level = variant.levels.get(number)
        return self.level(level, variant) if level else None

    def level(self, level: Level, variant: Variant) -> View:
        """Stock of an item at a location."""

        def quantities(_: Any, names: Sequence[str]) -> list[View]:
            unknown = [name for name in names if name not in _QUANTITY_NAMES]
            if unknown:
                raise failed(f"The specified quantity name '{unknown[0]}' is not valid.", "BAD_REQUEST")
            return [{"id": f"{level.id}-{name}", "name": name, "quantity": level.quantity(name)} for name in names]

        return {
            "id": f"{gid('InventoryLevel', level.id)}?inventory_item_id={variant.item_id}",
            "updatedAt": api_time(level.updated_at),
            "item": lambda _: self.item(variant),
            "location": lambda _: self.location(level.location),
            "quantities": quantities,
        }

    def location(self, location: Location) -> View:
        """A location."""
        return {
            "__typename": "Location",
            "id": gid("Location", location.id),
            "name": location.name,
            "isActive": location.active,
            "isFulfillmentService": location.fulfilment_service,
            "fulfillsOnlineOrders": location.fulfils_online,
            "inventoryLevels": lambda _, **given: self._levels(location, **given),
        }

    def _levels(self, location: Location, query: str | None = None, **given: Any) -> View:
        pairs = [(one.levels[location.id], one) for one in self._shop.variants.values() if location.id in one.levels]
        lag, now = self._shop.settings.index_lag_seconds, self._shop.now()
        filters: dict[str, Filter[tuple[Level, Variant]]] = {
            "updated_at": by_time(lambda pair: pair[0].updated_at, lag, now),
            "id": by_number(lambda pair: pair[0].id),
        }
        found = search(pairs, query, filters)
        return connection(found, given, lambda pair: self.level(*pair), lambda pair: (pair[0].id,))

    def image(self, image: Image) -> View:
        """A file that is an image; where it can be fetched is known when it is ready."""
        status = image.status(self._shop.now())

        def picture(info: GraphQLResolveInfo) -> View | None:
            if status != "READY":
                return None
            return {"url": f"{info.context['base']}/cdn/files/{image.filename}?v={image.id}"}

        return {
            "__typename": "MediaImage",
            "id": gid("MediaImage", image.id),
            "alt": image.alt,
            "status": status,
            "fileStatus": status,
            "mediaContentType": "IMAGE",
            "image": picture,
        }

    def order(self, order: Order) -> View:
        """An order."""
        return {
            "__typename": "Order",
            "id": gid("Order", order.id),
            "name": f"#{order.number}",
            "createdAt": api_time(order.created_at),
            "updatedAt": api_time(order.updated_at),
            "cancelledAt": None if order.cancelled_at is None else api_time(order.cancelled_at),
            "lineItems": lambda _, **given: connection(order.lines, given, self.line, by_id),
            "refunds": lambda _, **__: [self.refund(refund) for refund in order.refunds],
        }

    def line(self, line: Line) -> View:
        """A line of an order."""
        variant = self._shop.variants.get(line.variant_id)
        return {
            "id": gid("LineItem", line.id),
            "quantity": line.quantity,
            "variant": self.variant(variant) if variant else None,
        }

    def refund(self, refund: Refund) -> View:
        """A refund."""

        def lines(_: Any, **given: Any) -> View:
            numbered = list(enumerate(refund.lines))
            return connection(numbered, given, lambda pair: self._refund_line(pair[1]), lambda pair: (pair[0],))

        return {
            "__typename": "Refund",
            "id": gid("Refund", refund.id),
            "createdAt": api_time(refund.created_at),
            "refundLineItems": lines,
        }

    def _refund_line(self, one: Any) -> View:
        return {
            "quantity": one.quantity,
            "restockType": one.restock_type,
            "restocked": one.location is not None,
            "location": self.location(one.location) if one.location else None,
            "lineItem": self.line(one.line),
        }


def event(row: Event) -> View:
    """An entry of the history."""
    return {
        "__typename": "BasicEvent",
        "id": gid("BasicEvent", row.id),
        "action": row.action,
        "createdAt": api_time(row.created_at),
        "subjectId": row.subject_id,
        "subjectType": row.subject_type,
    }


def _metafield(owner: Product | Variant, key: str, namespace: str | None = None) -> View | None:
    value = owner.metafields.get((namespace or "app", key))
    return None if value is None else {"namespace": namespace, "key": key, "value": value}
