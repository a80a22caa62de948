"""INVENTORUM (today sold as Shore POS), the hub. Facts and assumptions: docs/inventorum.md."""

from syncd.adapters.base import AdapterFactory
from syncd.adapters.inventorum.adapter import InventorumAdapter
from syncd.adapters.inventorum.settings import InventorumSettings

__all__ = ["FACTORY", "InventorumAdapter", "InventorumSettings"]

FACTORY = AdapterFactory(
    kind="inventorum",
    title="INVENTORUM (Shore POS)",
    settings_model=InventorumSettings,
    build=InventorumAdapter,
    uses_tokens=True,
    role="hub",
)
