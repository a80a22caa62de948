"""Configuration: one TOML file, validated at once, with secrets from where they are safe."""

from syncd.config.load import find_config, load_config
from syncd.config.schema import (
    Config,
    FieldOwners,
    JumpLimit,
    Limit,
    PercentLimit,
    ProductsConfig,
    SafetyConfig,
    Schedule,
    SideConfig,
    StockConfig,
    SyncdConfig,
)

__all__ = [
    "Config",
    "FieldOwners",
    "JumpLimit",
    "Limit",
    "PercentLimit",
    "ProductsConfig",
    "SafetyConfig",
    "Schedule",
    "SideConfig",
    "StockConfig",
    "SyncdConfig",
    "find_config",
    "load_config",
]
