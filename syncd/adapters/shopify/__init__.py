"""Shopify shops: GraphQL Admin API."""

from syncd.adapters.shopify.adapter import FACTORY

__all__ = ["FACTORY"]
