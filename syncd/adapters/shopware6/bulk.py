"""Bulk writes: several products in one request, which the shop applies whole or not at all.

Nothing of a refused request was applied, so what it names as wrong is left out and the rest is sent again; where it
names nothing (a number that is taken is found out by the database), it is halved. So each write is applied at most
once. Source: shopware6-api.md section 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.adapters.shopware6.client import ShopError, errors_of
from syncd.core.model import NotSent, Unknown
from syncd.errors import OutcomeUnknown, Rejected, SideError, Stopped
from syncd.http.session import describe

if TYPE_CHECKING:
    from syncd.adapters.shopware6.client import Headers, ShopClient

UPSERT, DELETE = "upsert", "delete"

_ORDER = (
    (UPSERT, "product_manufacturer"),
    (UPSERT, "category"),
    (UPSERT, "property_group"),
    (UPSERT, "property_group_option"),
    (UPSERT, "product"),
    (UPSERT, "product_configurator_setting"),
    (UPSERT, "product_visibility"),
    (UPSERT, "product_media"),
    (DELETE, "product_option"),
    (DELETE, "product_category"),
    (DELETE, "product_media"),
)
"""What refers to something comes after it."""

_SHARED = frozenset(
    {"product_manufacturer", "category", "property_group", "property_group_option", "product_configurator_setting"}
)
"""What several parts may bring; all bring the same."""

STOCK_HEADERS: Headers = {
    "indexing-skip": "product.search-keyword,product.stream,product.seo-url,product.cheapest-price,"
    "product.many-to-many-id-field,product.category-denormalizer,product.variant-listing,product.rating-average",
    "sw-skip-trigger-flow": "1",
}
"""Indexers that have nothing to do with stock are left out; ``product.stock`` keeps what can be bought up to date."""

FIELD_HEADERS: Headers = {"sw-skip-trigger-flow": "1"}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a bulk write."""

    entity: str
    row: Mapping[str, Any]
    action: str = UPSERT


@dataclass(frozen=True, slots=True)
class Part:
    """What belongs together: all of it is applied, or none.

    Attributes:
        lines: Its rows, in any order.
        product_id: The row that the answer must name as written.
        needs: Another part's ``product_id``: without that one this means nothing.
    """

    lines: Sequence[Line]
    product_id: str
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Values of a product's own row, and rows beside it, to become part of a ``Part``."""

    row: Mapping[str, Any]
    lines: Sequence[Line] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """The shop has applied a part."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The shop does not take a part; nothing of it was applied."""

    errors: Sequence[ShopError]


PartResult = Taken | Declined | Unknown | NotSent


def send(client: ShopClient, parts: Sequence[Part], headers: Headers) -> list[PartResult]:
    """Send parts in one request if the shop takes them all; results in the same order.

    After a request without a trustworthy answer, or one that did not get through, the rest is left unsent.

    Raises:
        SideError: Nothing was applied, and nothing is known of any part.
    """
    results: dict[int, PartResult] = {}
    left = [list(range(len(parts)))] if parts else []
    trouble = ""
    while left:
        group = left.pop(0)
        group = _without_orphans(parts, group, results)
        if not group:
            continue
        if trouble:
            results |= dict.fromkeys(group, NotSent(trouble))
            continue
        try:
            results |= _once(client, parts, group, headers)
        except Rejected as error:
            blamed = _blamed(error, parts, group)
            results |= {at: Declined(errors) for at, errors in blamed.items()}
            rest = [at for at in group if at not in blamed]
            half = (len(rest) + 1) // 2 if not blamed else len(rest)
            left = [each for each in (rest[:half], rest[half:]) if each] + left
        except OutcomeUnknown as error:
            trouble = describe(error)
            results |= dict.fromkeys(group, Unknown(trouble))
        except (SideError, Stopped) as error:
            if not results:
                raise
            trouble = str(error)
            results |= dict.fromkeys(group, NotSent(trouble))
    return [results[at] for at in range(len(parts))]


def _without_orphans(parts: Sequence[Part], group: list[int], results: dict[int, PartResult]) -> list[int]:
    """A group without the parts whose product was not taken; those are not sent."""
    failed = {parts[at].product_id for at, result in results.items() if not isinstance(result, Taken)}
    orphans = [at for at in group if parts[at].needs in failed]
    results |= dict.fromkeys(orphans, NotSent("its product was not made"))
    return [at for at in group if at not in orphans]


def _once(client: ShopClient, parts: Sequence[Part], group: Sequence[int], headers: Headers) -> dict[int, PartResult]:
    answer = client.sync([operation for operation, _ in _operations(parts, group)], headers)
    data = answer["data"]
    written = data.get("product") if isinstance(data, Mapping) else None
    ids = set(map(str, written)) if isinstance(written, list) else set()
    found: dict[int, PartResult] = {}
    for at in group:
        named = parts[at].product_id in ids
        found[at] = Taken() if named else Unknown("the answer does not name the product as written")
    return found


def _operations(parts: Sequence[Part], group: Iterable[int]) -> list[tuple[dict[str, Any], list[int]]]:
    """Operations, each with the part that each of its rows belongs to."""
    rows: dict[tuple[str, str], list[tuple[Mapping[str, Any], int]]] = {}
    seen: set[tuple[str, object]] = set()
    for at in group:
        for line in parts[at].lines:
            # Two parts may need the same category: a row that is inserted twice in one request is refused.
            name = (line.entity, line.row.get("id"))
            if line.entity in _SHARED:
                if name in seen:
                    continue
                seen.add(name)
            rows.setdefault((line.action, line.entity), []).append((line.row, at))
    found = []
    for action, entity in _ORDER:
        listed = rows.get((action, entity))
        if listed:
            operation = {
                "key": f"{action}-{entity}",
                "entity": entity,
                "action": action,
                "payload": [row for row, _ in listed],
            }
            found.append((operation, [at for _, at in listed]))
    return found


def _blamed(error: Rejected, parts: Sequence[Part], group: Sequence[int]) -> dict[int, list[ShopError]]:
    """Parts whose rows the shop points at (``/KEY/ROW/FIELD``), with what it says of them; one alone is to blame."""
    errors = errors_of(error) or [ShopError(error.key, error.detail, "")]
    if len(group) == 1:
        return {group[0]: errors}
    owners = {operation["key"]: belongs for operation, belongs in _operations(parts, group)}
    blamed: dict[int, list[ShopError]] = {}
    for each in errors:
        _, key, row, *_ = [*each.pointer.split("/"), "", "", ""]
        belongs = owners.get(key, [])
        if row.isascii() and row.isdigit() and int(row) < len(belongs):
            blamed.setdefault(belongs[int(row)], []).append(each)
    return blamed
