"""A simulated Shopware 6 shop (Admin API of 6.6 and 6.7), for demos, tests and dry runs."""

from syncd.simulators.shopware6.app import Shopware6Sim
from syncd.simulators.shopware6.cli import main
from syncd.simulators.shopware6.settings import Shopware6Settings

__all__ = ["Shopware6Settings", "Shopware6Sim", "main"]
