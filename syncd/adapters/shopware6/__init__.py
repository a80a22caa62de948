"""Shopware 6 shops: Admin API of 6.6 and later."""

from syncd.adapters.shopware6.adapter import FACTORY

__all__ = ["FACTORY"]
