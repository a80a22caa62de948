"""Every key that the configuration knows, from the schema itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from syncd.adapters.inventorum import InventorumSettings
from syncd.adapters.woocommerce.settings import WooCommerceSettings
from syncd.config.explain import is_secret
from syncd.config.schema import (
    Age,
    HubSection,
    NotifyConfig,
    PingConfig,
    RetentionConfig,
    Schedule,
    Section,
    ShopSection,
    SyncdConfig,
)

NOT_SET = "—"
REQUIRED = "required"


@dataclass(frozen=True)
class Key:
    """A key of the configuration: its table, its name, its default as it is typed, its description."""

    table: str
    name: str
    default: str
    description: str
    secret: bool


def all_keys() -> set[Key]:
    """Keys of all tables; the shop is called ``main`` and is a WooCommerce shop."""
    parts = (
        ("syncd", SyncdConfig),
        ("ping", PingConfig),
        ("notify", NotifyConfig),
        ("retention", RetentionConfig),
        ("inventorum", InventorumSettings),
        ("inventorum", HubSection),
        ("shops.main", WooCommerceSettings),
        ("shops.main", ShopSection),
    )
    return {key for table, model in parts for key in keys_of(table, model)}


def keys_of(table: str, model: type[BaseModel]) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section) and not _is_value(name):
            yield from keys_of(f"{table}.{name}", field.annotation)
            continue
        secret = is_secret(field.annotation) or (table, name) == ("syncd", "database")
        value = field.get_default(call_default_factory=True)
        yield Key(table, name, _typed(value), field.description or "", secret)


def _is_value(name: str) -> bool:
    """Limits are written as one inline table."""
    return name.startswith("max_")


def _typed(value: Any) -> str:
    """A default as it is written in TOML."""
    if value is PydanticUndefined:
        return REQUIRED
    if value is None:
        return NOT_SET
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        return f"{value:g}"
    if isinstance(value, BaseModel):
        parts = [f"{name} = {_typed(item)}" for name, item in value if item is not None]
        return f"{{ {', '.join(parts)} }}"
    if isinstance(value, dict):
        return "{ }"
    if isinstance(value, list):
        return f"[{', '.join(_typed(each) for each in value)}]"
    assert isinstance(value, str | Schedule | Age)
    return f'"{value}"'
