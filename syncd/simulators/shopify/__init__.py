"""A simulated Shopify shop (GraphQL Admin API), for demos, tests and dry runs."""

from syncd.simulators.shopify.app import ShopifySim
from syncd.simulators.shopify.cli import main
from syncd.simulators.shopify.settings import ShopifySettings

__all__ = ["ShopifySettings", "ShopifySim", "main"]
