"""WooCommerce shops: REST API v3."""

from syncd.adapters.woocommerce.adapter import FACTORY

__all__ = ["FACTORY"]
