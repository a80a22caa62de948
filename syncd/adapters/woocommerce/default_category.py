"""The category that the shop gives to products without one, and when it counts as none.

WooCommerce has no product without a category (recording 05: an empty list becomes *Uncategorized*). Which category
stands in for none is an option of WordPress, ``default_product_cat``, that no route of ``wc/v3`` tells; the route
``wc-admin/options`` does, to keys of administrators (WooCommerce 10.5: ``src/Admin/API/Options.php``). People rename
the category that the installation made, slug too; or they make one of their real categories the default, and then
products are in it on purpose. So the option alone is not enough: it counts as none where it is the shop's oldest
category as well, which is the one that the installation made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from syncd.adapters.base import CheckLine
from syncd.adapters.woocommerce.asked import Asked
from syncd.adapters.woocommerce.feeds import is_id
from syncd.errors import SideError, Transient

if TYPE_CHECKING:
    from syncd.adapters.woocommerce.client import WooClient

_ROUTE = "../../wc-admin/options"
"""Seen from ``wc/v3``; WooCommerce takes its keys below ``wc-…`` as well."""
_OPTION = "default_product_cat"
_SLUGS = frozenset({"uncategorized", "uncategorised", "unkategorisiert"})
"""What the installation calls it; WooCommerce translates it once."""
_SUBJECT = "categories"
_SETTING = "default_category"


class DefaultCategory:
    """Knows which category stands in for none.

    Args:
        client: Asks the shop.
        chosen: As configured: name or slug; ``""``: none of them does; ``None``: the shop is asked.
    """

    def __init__(self, client: WooClient, chosen: str | None) -> None:
        self._chosen = chosen.strip().casefold() if chosen is not None else None
        self._told = Asked(lambda: _told_by(client))

    def counts_as_none(self, number: int, name: str, slug: str, oldest: Callable[[], int | None]) -> bool | None:
        """Whether a product that is in this category alone is in none; ``None`` while that cannot be known.

        The shop is asked only about its oldest category, and only if that is not called as usual.

        Args:
            number: Id of the category.
            name: Its name, as people read it.
            slug: Its slug.
            oldest: Tells the lowest id among the shop's categories; ``None`` if they cannot be read.
        """
        if self._chosen is not None:
            return self._chosen != "" and self._chosen in {name.casefold(), slug.casefold()}
        if slug in _SLUGS:
            return True
        first = oldest()
        if first is None:
            return None
        if number != first:
            return False
        default = self._told.if_possible()
        return None if default is None else default == number

    def line(self, terms: Mapping[int, tuple[str, str]]) -> CheckLine:
        """What ``syncd check`` says of it.

        Args:
            terms: Name and slug of the shop's categories by id.

        Raises:
            SideError: The shop cannot be asked now.
        """
        names = {number: name for number, (name, _) in terms.items()}
        if self._chosen == "":
            return CheckLine(True, _SUBJECT, f'each counts as a category ({_SETTING} = "")')
        if self._chosen is not None:
            found = any(self._chosen in {name.casefold(), slug.casefold()} for name, slug in terms.values())
            said = "counts as no category" if found else "is no category of the shop: correct it"
            return CheckLine(found, _SUBJECT, f'{_SETTING} = "{self._chosen}" {said}')
        default = self._told.now()
        if default in names:
            usual = terms[default][1] in _SLUGS or default == min(names)
            real = f'; it counts as a category. {_SETTING} = "{terms[default][1]}" if it stands for none'
            none = f' and count as being in no category. {_SETTING} = "" if it is a real one'
            return CheckLine(True, _SUBJECT, f"products without one are in “{names[default]}”{none if usual else real}")
        known = sorted(name for name, slug in terms.values() if slug in _SLUGS)
        if known:
            return CheckLine(True, _SUBJECT, f"“{known[0]}” counts as no category")
        advice = f"set {_SETTING} if it was renamed"
        return CheckLine(True, _SUBJECT, f"the key may not see which one products without a category get: {advice}")


def _told_by(client: WooClient) -> int:
    """The option's value; 0 if this key is not told.

    Raises:
        Transient: The shop cannot be asked now.
    """
    try:
        body = client.get(_ROUTE, {"options": _OPTION}).json(lenient=True)
    except Transient:
        raise
    except SideError:
        return 0
    value = body.get(_OPTION) if isinstance(body, Mapping) else None
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12 else value
    return number if isinstance(number, int) and is_id(number) else 0
