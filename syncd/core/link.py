"""Matching of a shop's listings with the hub's (design 3, rule 6; 4, rule 4). Pure.

By SKU, then by GTIN; variations of one product then by what makes them differ. Ambiguity is refused.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from syncd.core.attributes import can_be_the_same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class MatchClass(StrEnum):
    """What matching says about an unlinked shop listing."""

    LINKABLE = "linkable"
    AMBIGUOUS = "ambiguous"
    DUPLICATE = "duplicate_sku"
    MISSING_CODE = "missing_sku"
    ONLY_HERE = "only_here"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sellable listing, as matching sees it.

    Attributes:
        id: Row id.
        sku_key: Compared SKU or ``None``.
        gtin_key: Compared GTIN or ``None``.
        taken: Already linked (for a hub listing: linked to a listing of this very shop).
    """

    id: int
    sku_key: str | None
    gtin_key: str | None
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """Result for one shop listing; ``hub_id`` and ``rule`` (``sku`` or ``gtin``) are set if linkable."""

    shop_id: int
    kind: MatchClass
    hub_id: int | None = None
    rule: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Variation:
    """A variation, as matching within a product sees it; ``attributes`` as ``core.attributes`` writes them."""

    id: int
    sku_key: str | None
    gtin_key: str | None
    attributes: str


def match_variations(shop: Sequence[Variation], hub: Sequence[Variation]) -> list[tuple[int, int]]:
    """Match unlinked variations of one product by what makes them differ: each with the only one that it can be.

    Args:
        shop: Of the shop.
        hub: Of the hub.

    >>> match_variations([Variation(1, None, None, "Size: M")], [Variation(7, "m", None, "Größe: m")])
    [(1, 7)]
    >>> match_variations([Variation(1, None, None, "L: 32\\nW: 34")], [Variation(7, None, None, "L: 34\\nW: 32")])
    []
    """
    by_name = _only_pairs(shop, hub, lambda one, other: one.attributes.casefold() == other.attributes.casefold())
    done = {each for pair in by_name for each in pair}
    left = [one for one in shop if one.id not in done], [one for one in hub if one.id not in done]
    return by_name + _only_pairs(*left, lambda one, other: can_be_the_same(one.attributes, other.attributes))


def _only_pairs(
    shop: Sequence[Variation], hub: Sequence[Variation], same: Callable[[Variation, Variation], bool]
) -> list[tuple[int, int]]:
    fits = [(one.id, other.id) for one in shop for other in hub if one.attributes and same(one, other)]
    often = Counter(each for pair in fits for each in (("shop", pair[0]), ("hub", pair[1])))
    agree = {(one.id, other.id) for one in shop for other in hub if _codes_agree(one, other)}
    return [pair for pair in fits if often["shop", pair[0]] == often["hub", pair[1]] == 1 and pair in agree]


def _codes_agree(one: Variation, other: Variation) -> bool:
    """Two codes that differ are two products, whatever their attributes say."""
    codes = (one.sku_key, other.sku_key), (one.gtin_key, other.gtin_key)
    return not any(mine and theirs and mine != theirs for mine, theirs in codes)


def match_listings(shop: Sequence[Candidate], hub: Iterable[Candidate], same_code: Iterable[Candidate]) -> list[Match]:
    """Match unlinked shop listings with hub listings.

    Args:
        shop: Unlinked listings of one shop.
        hub: Hub listings that share a code with any of them.
        same_code: All sellable listings of the shop that share a code with any of ``shop`` (including those).

    Returns:
        One match per shop listing, in order. A hub listing is given to at most one shop listing.
    """
    hub_list = list(hub)
    twins = list(same_code)
    index = {
        "sku": (_by_key(hub_list, "sku_key"), _by_key(twins, "sku_key")),
        "gtin": (_by_key(hub_list, "gtin_key"), _by_key(twins, "gtin_key")),
    }
    matches = [_match_one(candidate, index) for candidate in shop]
    return _refuse_double(matches)


def _by_key(candidates: Sequence[Candidate], attribute: str) -> dict[str, list[Candidate]]:
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        key = getattr(candidate, attribute)
        if key is not None:
            groups[key].append(candidate)
    return groups


def _match_one(
    candidate: Candidate, index: dict[str, tuple[dict[str, list[Candidate]], dict[str, list[Candidate]]]]
) -> Match:
    if candidate.sku_key is None and candidate.gtin_key is None:
        return Match(candidate.id, MatchClass.MISSING_CODE, reason="it has neither SKU nor GTIN")
    for rule, key in (("sku", candidate.sku_key), ("gtin", candidate.gtin_key)):
        if key is None:
            continue
        hub_by_key, shop_by_key = index[rule]
        found = hub_by_key.get(key, [])
        if not found:
            continue
        if len({twin.id for twin in shop_by_key.get(key, [])} | {candidate.id}) > 1:
            return Match(candidate.id, MatchClass.DUPLICATE, reason=f"several listings of the shop share its {rule}")
        if len(found) > 1:
            return Match(candidate.id, MatchClass.AMBIGUOUS, reason=f"{len(found)} hub products share its {rule}")
        if found[0].taken:
            return Match(
                candidate.id, MatchClass.AMBIGUOUS, reason=f"the hub product with its {rule} is linked already"
            )
        return Match(candidate.id, MatchClass.LINKABLE, hub_id=found[0].id, rule=rule)
    return Match(candidate.id, MatchClass.ONLY_HERE, reason="no hub product has its SKU or GTIN")


def _refuse_double(matches: list[Match]) -> list[Match]:
    """Two shop listings that reach one hub listing by different codes (one by SKU, one by GTIN) are ambiguous."""
    claims: dict[int, list[Match]] = defaultdict(list)
    for match in matches:
        if match.hub_id is not None:
            claims[match.hub_id].append(match)
    return [
        Match(match.shop_id, MatchClass.AMBIGUOUS, reason="another listing of the shop matches the same hub product")
        if match.hub_id is not None and len(claims[match.hub_id]) > 1
        else match
        for match in matches
    ]
