"""What products name and share: manufacturers, categories, groups of options and options.

What is there is found by its name, whatever the case of its letters, as the shop's database compares. What is missing
is made in the same request as the product that needs it, under an id derived from its name: made twice it is one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syncd.adapters.shopware6.bulk import Line
from syncd.adapters.shopware6.ids import derived
from syncd.adapters.shopware6.paging import Walk, equals, small_list
from syncd.adapters.shopware6.wire import optional_id, plain, row_id
from syncd.core.model import Refused

if TYPE_CHECKING:
    from syncd.adapters.answers import Row
    from syncd.adapters.shopware6.client import ShopClient
    from syncd.adapters.shopware6.paging import Filter
    from syncd.adapters.shopware6.shop import ShopFacts
    from syncd.core.paths import Path

FRESH_S = 60.0
"""How long the list of categories is not read again to write by it."""
LONGEST_NAME = 255

_CATEGORIES: Mapping[str, Any] = {"includes": {"category": ["id", "autoIncrement", "parentId", "name"]}}
_DEEPEST = 20
_MOST_TRIES = 5


@dataclass(frozen=True, slots=True)
class Term:
    """One of them: its id, and the rows that make it, empty if it is there."""

    id: str
    lines: Sequence[Line] = field(default=())


class Names:
    """Finds rows of some entity by their name. Remembers those of one call, so that each name is asked for once."""

    def __init__(self, client: ShopClient) -> None:
        self._client = client
        self._known: dict[tuple[str, str, str], Term] = {}

    def term(self, entity: str, name: str, within: tuple[str, str] | None = None, **more: object) -> Term:
        """The row with a name, or what makes it.

        Args:
            entity: What it is.
            name: In one line.
            within: Field and id of what it belongs to.
            more: Further values of a new row.

        Raises:
            SideError: The shop cannot be asked now.
        """
        place = within[1] if within else ""
        key = (entity, place, name.casefold())
        if key not in self._known:
            self._known[key] = self._find(entity, name, within, more)
        return self._known[key]

    def _find(self, entity: str, name: str, within: tuple[str, str] | None, more: Mapping[str, object]) -> Term:
        belongs, own = {within[0]: within[1]} if within else {}, ""
        for attempt in range(_MOST_TRIES):
            # A row under our id that has another name by now was renamed: it is not ours to take back.
            own = derived(entity, *belongs.values(), name.casefold(), *([str(attempt)] if attempt else []))
            either = [equals("name", name), equals("id", own)]
            filters: list[Filter] = [{"type": "multi", "operator": "or", "queries": either}]
            rows = small_list(self._client, entity, {"includes": {entity: ["id", "name", *belongs]}}, filters)
            same = [row for row in rows if _is_named(row, name, belongs)]
            if same:
                return Term(min(row_id(row) for row in same))
            if own not in {row_id(row) for row in rows}:
                return Term(own, [Line(entity, {"id": own, "name": name, **belongs, **more})])
        return Term(own, [Line(entity, {"id": own, "name": name, **belongs, **more})])


class Categories:
    """The tree of categories below the storefront's root, as far as it is needed to write. Safe for several threads."""

    def __init__(self, client: ShopClient, facts: ShopFacts, *, make: bool) -> None:
        self._client = client
        self._facts = facts
        self._make = make
        self._lock = threading.Lock()
        self._tree: dict[str, tuple[str, str | None]] = {}
        self._read_at = -FRESH_S

    def terms(self, paths: Iterable[Path]) -> list[Term] | Refused:
        """The categories with these paths; those that are missing are made, the highest first.

        Raises:
            SideError: The shop cannot be asked now.
        """
        root = self._facts.root()
        if isinstance(root, Refused):
            return root
        with self._lock:
            if time.monotonic() >= self._read_at + FRESH_S:
                self._read()
            found, tree = [], dict(self._tree)
            for path in paths:
                term = self._term(path, root, tree)
                if isinstance(term, Refused):
                    return term
                found.append(term)
            if any(term.lines for term in found):
                self._read_at = -FRESH_S  # they may be made or not: the next write looks
            return found

    def forget(self) -> None:
        """Read the tree before it is used again."""
        with self._lock:
            self._read_at = -FRESH_S

    def _term(self, path: Path, root: str, tree: dict[str, tuple[str, str | None]]) -> Term | Refused:
        above, lines = root, []
        for depth, name in enumerate(path):
            same = [
                each for each, place in tree.items() if place[1] == above and place[0].casefold() == name.casefold()
            ]
            if same:
                above = min(same)
                continue
            if not self._make:
                where = " > ".join(path)
                return Refused("category_unknown", f"the shop has no category {where}; make it there")
            if len(name) > LONGEST_NAME or depth >= _DEEPEST:
                return Refused("category_too_long", f"Shopware has no place for the category {name[:80]}…")
            own = _free("category", tree, above, name.casefold())
            lines.append(Line("category", {"id": own, "parentId": above, "name": name, "active": True}))
            tree[own] = (name, above)
            above = own
        return Term(above, lines)

    def _read(self) -> None:
        tree = {}
        for rows in Walk(self._client, "category", _CATEGORIES).pages():
            for row in rows:
                tree[row_id(row)] = (plain(row.get("name")), optional_id(row, "parentId"))
        self._tree, self._read_at = tree, time.monotonic()


def _free(kind: str, taken: Mapping[str, object], *parts: str) -> str:
    """A derived id that nothing else has: what was ours and was renamed or moved since stays as it is."""
    own = ""
    for attempt in range(_MOST_TRIES):
        own = derived(kind, *parts, *([str(attempt)] if attempt else []))
        if own not in taken:
            break
    return own


def _is_named(row: Row, name: str, belongs: Mapping[str, str]) -> bool:
    same = plain(row.get("name")).casefold() == plain(name).casefold()
    return same and all(row.get(field) == value for field, value in belongs.items())
