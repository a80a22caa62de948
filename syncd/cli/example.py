"""The commented example configuration, and how ``syncd init`` fills it in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import syncd
from syncd.config.explain import is_secret, purpose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.adapters.base import AdapterFactory

SHOP = "main"
"""Name of the shop in the example."""

_BEGIN, _END = "# >>> adapter\n", "# <<< adapter\n"
_TABLE = re.compile(r"^#?\[([^\]]+)\]$")


def example_text() -> str:
    """The example as shipped: inside an installed package, or at the top of a checkout."""
    package = Path(syncd.__file__).parent
    installed = package / "_data" / "config.example.toml"
    return (installed if installed.is_file() else package.parent / "config.example.toml").read_text("utf-8")


def render(
    values: Mapping[str, Mapping[str, str]], shop: str, factory: AdapterFactory, shop_values: Mapping[str, str]
) -> str:
    """Fill the example in.

    Args:
        values: New values by table and key, for tables outside the shop.
        shop: Name of the shop.
        factory: The shop's adapter; its keys are written from its settings model unless the example has them.
        shop_values: Values of the adapter's keys; ``<secret>_file`` for secrets.
    """
    text = example_text()
    for table, pairs in values.items():
        for key, value in pairs.items():
            text = _set(text, table, key, value)
    # At the beginning of a line: a comment of the example may name another adapter.
    if not re.search(rf'(?m)^adapter = "{re.escape(factory.kind)}"$', text):
        head, _, rest = text.partition(_BEGIN)
        text = head + _BEGIN + adapter_block(factory, shop) + _END + rest.partition(_END)[2]
    for key, value in shop_values.items():
        text = _set(text, f"shops.{SHOP}", key, value)
    text = text.replace(_BEGIN, "").replace(_END, "").replace(f"[shops.{SHOP}", f"[shops.{shop}")
    return text.replace(f'# A shop. "{SHOP}" is', f'# A shop. "{shop}" is')


def adapter_block(factory: AdapterFactory, shop: str) -> str:
    """Commented lines for every key of an adapter, from its settings model."""
    lines = ["# The shop system: an installed adapter.", f"adapter = {quoted(factory.kind)}"]
    for key, field in factory.settings_model.model_fields.items():
        lines += ["", f"# {purpose(field.description)}." if field.description else f"# {key}"]
        off = "" if field.is_required() else "#"
        if is_secret(field.annotation):
            lines.append(f"{off}{key}_file = {quoted(f'secrets/{secret_name(shop, key)}')}")
        else:
            lines.append(
                f"{off}{key} = {_literal('' if field.is_required() else field.get_default(call_default_factory=True))}"
            )
    return "\n".join(lines) + "\n"


def secret_name(side: str, key: str) -> str:
    """Name of a secret's file; the same as that of its systemd credential."""
    return f"{side}-{key.replace('_', '-')}"


def quoted(text: str) -> str:
    """A TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _literal(value: Any) -> str:
    return quoted(value or "") if isinstance(value, str | None) else json.dumps(value, default=str)


def _set(text: str, table: str, key: str, value: str) -> str:
    """Give ``key`` of ``table`` a new value, where the example has it (also commented out)."""
    lines = text.split("\n")
    here = ""
    for number, line in enumerate(lines):
        if found := _TABLE.match(line):
            here = found[1]
        elif here == table and re.match(rf"#?{re.escape(key)} = ", line):
            lines[number] = f"{key} = {quoted(value)}"
            return "\n".join(lines)
    raise KeyError(f"{table}.{key}")
