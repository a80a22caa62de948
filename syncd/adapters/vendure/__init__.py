"""Vendure shops: GraphQL Admin API of 3.6 and later."""

from syncd.adapters.vendure.adapter import FACTORY

__all__ = ["FACTORY"]
