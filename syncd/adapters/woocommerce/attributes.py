"""Attributes of variations, and the options that their product offers (woocommerce-api.md section 6; recording 05).

A variation has one option of each attribute, or none, which leaves it to customers. Its product lists all options; one
that is not listed could not be chosen. Both lists are replaced by what is sent, so they are sent whole. An attribute
with a number is one of the shop's own, without one it belongs to the product alone.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.core.attributes import attributes_of, attributes_text
from syncd.core.fields import ATTRIBUTES
from syncd.core.model import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.adapters.answers import Row
    from syncd.adapters.woocommerce.client import WooClient
    from syncd.core.model import FieldsWrite

NOT_AN_OPTION = Refused("not_an_option", "the shop takes | for the end of an option; use another sign at the till")


def attributes_field(row: Row) -> dict[str, str]:
    """The field ``attributes`` of a variation; nothing where it leaves all of them to customers."""
    text = attributes_text(options_of(row))
    return {ATTRIBUTES: text} if text else {}


def options_of(row: Row) -> dict[str, str]:
    """A variation's options by name of the attribute, in the order of the row."""
    return {
        name: option
        for each in _entries(row)
        if (name := _text(each.get("name"))) and (option := _text(each.get("option")))
    }


def is_storable(attributes: Mapping[str, str]) -> bool:
    """Whether the shop keeps names and options as they are."""
    return not any("|" in text for pair in attributes.items() for text in pair)


def extended(row: Row, options: Mapping[str, Sequence[str]]) -> list[dict[str, Any]] | None:
    """A product's attributes with more options, as they are to be sent; ``None`` if it has them all.

    Options of the product alone are compared letter by letter, as the page of the product does; of a shared attribute
    they are terms of the shop, of which two never differ by their case alone.
    """
    known = [dict(each) for each in _entries(row)]
    before = repr(known)
    for name, values in options.items():
        same = next((each for each in known if _text(each.get("name")).casefold() == name.casefold()), None)
        if same is None:
            known.append({"name": name, "visible": True, "variation": True, "options": list(values)})
            continue
        present = [str(option) for option in same.get("options") or []]
        spelled = str.casefold if same.get("id") else str
        there = {spelled(_text(option)) for option in present}
        same["options"] = [*present, *(value for value in values if spelled(value) not in there)]
        same["variation"] = True
    return known if repr(known) != before else None


def chosen(options: Mapping[str, str], *rows: Row) -> list[dict[str, Any]]:
    """A variation's options as they are sent, with the numbers that attributes have in these rows.

    Of an attribute that products share a name alone would be another attribute, which the product does not have.
    """
    numbers = {_text(each.get("name")).casefold(): each.get("id") for row in rows for each in _entries(row)}
    return [
        {"id": numbers.get(name.casefold()) or 0, "name": name, "option": option} for name, option in options.items()
    ]


class AttributeWriter:
    """Prepares writes of variations' attributes."""

    def __init__(self, client: WooClient) -> None:
        self._client = client

    def item(self, write: FieldsWrite) -> dict[str, Any] | Refused:
        """What is sent of a variation's attributes; its product is given the options that it lacks before.

        Raises:
            SideError: The shop cannot be read, or does not take the options.
        """
        wanted = attributes_of(write.values[ATTRIBUTES])
        if not is_storable(wanted):
            return NOT_AN_OPTION
        product = f"products/{write.ref.parent_external_id}"
        parent = self._client.item(product, "id,attributes")
        row = self._client.item(f"{product}/variations/{write.ref.external_id}", "id,attributes")
        more = extended(parent, {name: [value] for name, value in wanted.items()})
        if more is not None:
            # Its numbers are needed beside their names, also of what was added.
            answer = self._client.post(product, {"attributes": more}, {"_fields": "id,attributes"})
            parent = answer if isinstance(answer, Mapping) else parent
        return {"attributes": chosen(wanted, parent, row)}


def _entries(row: Row) -> list[Mapping[str, Any]]:
    value = row.get("attributes")
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return " ".join(html.unescape(value).split()) if isinstance(value, str) else ""
