"""Shops that chaos can happen to, by the name of their adapter."""

from tests.chaos.shops.base import ChaosShop, Event
from tests.chaos.shops.shopify import ShopifyShop
from tests.chaos.shops.shopware6 import Shopware6Shop
from tests.chaos.shops.vendure import VendureChaosShop
from tests.chaos.shops.woocommerce import WooCommerceShop

SHOPS: dict[str, type[ChaosShop]] = {
    "woocommerce": WooCommerceShop,
    "shopware6": Shopware6Shop,
    "shopify": ShopifyShop,
    "vendure": VendureChaosShop,
}
"""A further shop is a class here: what people do in it, what it shows, and what its requests are."""

__all__ = ["SHOPS", "ChaosShop", "Event"]
