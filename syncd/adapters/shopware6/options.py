"""Options of variants: what tells a variant from its siblings (shopware6-api.md section 6).

A variant has options, each of a group. Its product lists all of them (``configuratorSettings``): one that is not listed
could not be chosen. A group that the product uses already is preferred to another of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.adapters.shopware6.bulk import Line
from syncd.adapters.shopware6.ids import derived
from syncd.adapters.shopware6.paging import by_ids
from syncd.adapters.shopware6.terms import Term
from syncd.adapters.shopware6.wire import is_id, plain, row_id, row_of, rows_of
from syncd.core.model import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.adapters.answers import Row
    from syncd.adapters.shopware6.client import ShopClient
    from syncd.adapters.shopware6.terms import Names

LONGEST = 255

_FAMILY: Mapping[str, Any] = {
    "associations": {
        "configuratorSettings": {"associations": {"option": {"associations": {"group": {}}}}},
    },
    "includes": {
        "product": ["id", "configuratorSettings"],
        "product_configurator_setting": ["id", "optionId", "option"],
        "property_group_option": ["id", "name", "groupId", "group"],
        "property_group": ["id", "name"],
    },
}


@dataclass(frozen=True, slots=True)
class Family:
    """What a product's variants may choose from.

    Attributes:
        groups: Ids of the groups that it uses, by name in small letters.
        options: Ids of the options that it lists.
    """

    groups: Mapping[str, str]
    options: frozenset[str]


NO_FAMILY = Family({}, frozenset())


def families(client: ShopClient, parents: Iterable[str]) -> dict[str, Family]:
    """Read what products list."""
    return {each: _family(row) for each, row in by_ids(client, "product", parents, _FAMILY).items()}


def _family(row: Row) -> Family:
    groups: dict[str, str] = {}
    options: set[str] = set()
    for setting in rows_of(row, "configuratorSettings") or ():
        option = row_of(setting, "option")
        group = row_of(option, "group") if option is not None else None
        if group is not None:
            groups.setdefault(plain(group.get("name")).casefold(), row_id(group))
        if is_id(setting.get("optionId")):
            options.add(setting["optionId"])
    return Family(groups, frozenset(options))


def chosen(names: Names, family: Family, product: str, attributes: Mapping[str, str]) -> list[Term] | Refused:
    """The options of a variant, with the rows that make what is missing and list them at the product.

    Raises:
        SideError: The shop cannot be asked now.
    """
    terms = []
    for name, value in attributes.items():
        if max(len(name), len(value)) > LONGEST:
            return Refused("option_too_long", f"Shopware keeps {LONGEST} characters of an option: {value[:80]}…")
        known = family.groups.get(name.casefold())
        group = Term(known) if known else names.term("property_group", name)
        option = names.term("property_group_option", value, ("groupId", group.id))
        lines = [*group.lines, *option.lines]
        if option.id not in family.options:
            own = derived("configurator", product, option.id)
            lines.append(Line("product_configurator_setting", {"id": own, "productId": product, "optionId": option.id}))
        terms.append(Term(option.id, lines))
    return terms
