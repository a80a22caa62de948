"""An in-memory side that keeps every promise of the contract, with faults on demand; for tests and property checks."""

from syncd.adapters.memory.adapter import FACTORY, MemorySide
from syncd.adapters.memory.world import MemoryWorld, Writing

__all__ = ["FACTORY", "MemorySide", "MemoryWorld", "Writing"]
