"""A simulated WooCommerce shop (REST API v3 as recorded from 10.5), for demos, tests and dry runs."""

from syncd.simulators.woocommerce.app import WooCommerceSim
from syncd.simulators.woocommerce.cli import main
from syncd.simulators.woocommerce.settings import ApiKey, WooCommerceSettings

__all__ = ["ApiKey", "WooCommerceSettings", "WooCommerceSim", "main"]
