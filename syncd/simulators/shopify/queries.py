"""Root fields that read."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLResolveInfo

from syncd.simulators.shopify.rows import Event, Order, Product, Variant
from syncd.simulators.shopify.search import Filter, by_number, by_time, by_word, connection, search
from syncd.simulators.shopify.state import Shop
from syncd.simulators.shopify.views import View, Views, by_id, event

_SORTS = {
    "UPDATED_AT": lambda row: (row.updated_at, row.id),
    "CREATED_AT": lambda row: (row.created_at, row.id),
    "PROCESSED_AT": lambda row: (row.created_at, row.id),
    "ID": by_id,
    None: by_id,
}


class Queries:
    """Answers by name of the field."""

    def __init__(self, shop: Shop, views: Views) -> None:
        self._shop = shop
        self._views = views

    def shop(self, _: GraphQLResolveInfo) -> View:
        """The shop itself."""
        settings = self._shop.settings
        return {
            "id": "gid://shopify/Shop/1",
            "name": "Simulated shop",
            "myshopifyDomain": "simulated.myshopify.com",
            "currencyCode": settings.currency,
            "taxesIncluded": settings.taxes_included,
            "plan": {"publicDisplayName": "Basic"},
        }

    def installation(self, _: GraphQLResolveInfo) -> View:
        """What the app may do; ``write_x`` includes ``read_x`` and the list shows both."""
        granted = [one for one in self._shop.settings.scopes.split(",") if one]
        also = [f"read_{one.removeprefix('write_')}" for one in granted if one.startswith("write_")]
        return {"id": "gid://shopify/AppInstallation/1", "accessScopes": [{"handle": one} for one in granted + also]}

    def locations(self, _: GraphQLResolveInfo, **given: Any) -> View:
        """Active locations."""
        active = [one for one in self._shop.locations.values() if one.active]
        return connection(active, given, self._views.location, by_id)

    def location(self, _: GraphQLResolveInfo, id: str | None = None) -> View | None:  # noqa: A002 - the API's name
        """One location; the first if none is named."""
        return self._views.node(id) if id is not None else self._views.location(self._shop.main)

    def node(self, _: GraphQLResolveInfo, id: str) -> View | None:  # noqa: A002 - the API's name
        """Anything by its id."""
        return self._views.node(id)

    def nodes(self, _: GraphQLResolveInfo, ids: list[str]) -> list[View | None]:
        """Several by their ids."""
        return [self._views.node(one) for one in ids]

    def product_by(self, _: GraphQLResolveInfo, identifier: dict[str, Any]) -> View | None:
        """A product by its id or handle."""
        if "id" in identifier:
            return self._views.node(identifier["id"])
        wanted = identifier.get("handle")
        return next((self._views.product(one) for one in self._shop.products.values() if one.handle == wanted), None)

    def products(self, _: GraphQLResolveInfo, **given: Any) -> View:
        """Products by a search."""
        found = self._products(given.get("query"))
        return connection(found, given, self._views.product, _SORTS[given.get("sortKey")])

    def products_count(self, _: GraphQLResolveInfo, **given: Any) -> View:
        """How many products there are."""
        return {"count": len(self._products(given.get("query"))), "precision": "EXACT"}

    def variants(self, _: GraphQLResolveInfo, **given: Any) -> View:
        """Variants by a search."""
        found = self._variants(given.get("query"))
        return connection(found, given, self._views.variant, _SORTS[given.get("sortKey")])

    def variants_count(self, _: GraphQLResolveInfo, **given: Any) -> View:
        """How many variants there are."""
        return {"count": len(self._variants(given.get("query"))), "precision": "EXACT"}

    def orders(self, _: GraphQLResolveInfo, **given: Any) -> View:
        """Orders by a search."""
        lag, now = self._shop.settings.index_lag_seconds, self._shop.now()
        filters: dict[str, Filter[Order]] = {
            "updated_at": by_time(lambda order: order.updated_at, lag, now),
            "created_at": by_time(lambda order: order.created_at, lag, now),
        }
        found = search(self._shop.orders.values(), given.get("query"), filters)
        return connection(found, given, self._views.order, _SORTS[given.get("sortKey")])

    def events(self, _: GraphQLResolveInfo, **given: Any) -> View:
        """The shop's history."""
        lag, now = self._shop.settings.index_lag_seconds, self._shop.now()
        filters: dict[str, Filter[Event]] = {
            "created_at": by_time(lambda row: row.created_at, lag, now),
            "action": by_word(lambda row: [row.action]),
            "subject_type": by_word(lambda row: [row.subject_type]),
        }
        found = search(self._shop.events, given.get("query"), filters)
        return connection(found, given, event, _SORTS[given.get("sortKey")])

    def _products(self, query: str | None) -> list[Product]:
        lag, now = self._shop.settings.index_lag_seconds, self._shop.now()
        filters: dict[str, Filter[Product]] = {
            "id": by_number(lambda product: product.id),
            "updated_at": by_time(lambda product: product.updated_at, lag, now),
            "created_at": by_time(lambda product: product.created_at, lag, now),
            "tag": by_word(lambda product: product.tags),
            "vendor": by_word(lambda product: [product.vendor]),
        }
        return search(self._shop.products.values(), query, filters)

    def _variants(self, query: str | None) -> list[Variant]:
        lag, now = self._shop.settings.index_lag_seconds, self._shop.now()
        filters: dict[str, Filter[Variant]] = {
            "id": by_number(lambda variant: variant.id),
            "product_id": by_number(lambda variant: variant.product.id),
            "product_ids": by_number(lambda variant: variant.product.id),
            "updated_at": by_time(lambda variant: variant.updated_at, lag, now),
            "sku": by_word(lambda variant: [variant.sku]),
            "barcode": by_word(lambda variant: [variant.barcode]),
        }
        return search(self._shop.variants.values(), query, filters)
