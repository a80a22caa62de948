"""A simulated INVENTORUM / Shore POS account.

It follows the contract and its examples, with a setting for every doubtful behaviour (``settings``), and a control
interface to act as cashier and merchant (``control``).
"""

from syncd.simulators.inventorum.cli import main
from syncd.simulators.inventorum.settings import InventorumSettings
from syncd.simulators.inventorum.simulator import InventorumSim

__all__ = ["InventorumSettings", "InventorumSim", "main"]
