"""All tables, wherever their models are."""

from __future__ import annotations

from syncd.state import models, product_models

METADATA = models.Base.metadata
"""Complete once both modules are imported."""

__all__ = ["METADATA", "models", "product_models"]
