"""Categories and brands of a shop: their paths for readings, their ids for writes (woocommerce-api.md section 6).

Products name their categories by id; what a category is called and which one is above it stands in a list of its own.
Names are escaped like texts ("Bücher &amp; Hefte", recording 05). A category that exists is refused with
``term_exists``, and a product without one is put into the shop's default category (``default_category``).
"""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from loguru import logger

from syncd.adapters.answers import Malformed
from syncd.adapters.woocommerce.client import ListRequest, WooClient
from syncd.adapters.woocommerce.default_category import DefaultCategory
from syncd.adapters.woocommerce.feeds import Query, is_id, whole_list
from syncd.adapters.woocommerce.wire import stored_name
from syncd.core.fields import BRAND, CATEGORIES, EMPTY
from syncd.core.model import Refused
from syncd.core.paths import Path, paths_of, paths_text
from syncd.errors import InvalidResponse, Rejected, SideError, Transient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.adapters.answers import Row
    from syncd.adapters.base import CheckLine

KEPT_S = 600.0
"""How long a list of terms is not read again, also after it could not be read."""
FRESH_S = 60.0
"""How long it is neither read again to write by it, nor for a term that it does not have."""
_MOST_MISSED = 5
"""Terms for which it is read at once all the same: somebody made them just now, and their product is read once only."""

_FIELDS = "id,name,slug,parent"
_MEANWHILE = {
    "term_exists": "somebody made the same one just now",
    "missing_parent": "somebody deleted the one above it just now",
}
"""Refusals of a new term that say that the list is another one by now."""
_DEEPEST = 20


class Terms:
    """One list of terms of the shop, as far as it is needed. Safe to use from several threads.

    Args:
        client: Sends.
        route: ``products/categories`` or ``products/brands``.
    """

    def __init__(self, client: WooClient, route: str) -> None:
        self._client = client
        self._route = route
        self._lock = threading.Lock()
        self._terms: dict[int, tuple[str, int]] = {}
        self._slugs: dict[int, str] = {}
        self._read_at = self._asked_at = -KEPT_S
        self._trouble: SideError | None = None
        self._refused = self._outdated = False
        self._missed: set[int] = set()

    def path(self, number: int) -> Path | None:
        """Names of a term and its ancestors; ``None`` if it is not known, or the list cannot be read now."""
        with self._lock:
            self._read_if_needed(number)
            return self._known(number)

    def oldest(self) -> int | None:
        """Lowest number of all; ``None`` if the list cannot be read now, or is empty."""
        with self._lock:
            self._read_if_needed(None)
            return min(self._terms, default=None)

    def all(self) -> dict[int, tuple[str, str]]:
        """Name and slug by number, read now.

        Raises:
            SideError: The list cannot be read.
        """
        with self._lock:
            self._read()
            return {number: (name, self._slugs[number]) for number, (name, _) in self._terms.items()}

    def ids_of(self, paths: Iterable[Path], *, make: bool = True) -> list[int] | Refused:
        """Ids of the terms with these paths; those that are missing are made, the highest first.

        Raises:
            SideError: The list cannot be read, or a term cannot be made now; no product was touched. Once the route
                failed, it is not asked again before ``try_again``.
        """
        with self._lock:
            if self._trouble is not None:
                raise self._trouble
            if self._outdated or time.monotonic() >= self._read_at + FRESH_S:
                try:
                    self._read()
                except SideError as error:
                    self._trouble = error
                    raise
            ids = []
            for path in paths:
                number = 0
                for depth in range(1, len(path) + 1):
                    found = self._find(path[:depth])
                    if found is None and not make:
                        self._refused = True
                        where = " > ".join(path)
                        return Refused("category_unknown", f"the shop has no category {where}; make it there")
                    number = self._make(path[depth - 1], number) if found is None else found
                ids.append(number)
            return ids

    def try_again(self) -> None:
        """A new call begins: a route that failed may be asked again, and what was lacking may have been made."""
        with self._lock:
            self._trouble = None
            self._outdated, self._refused = self._outdated or self._refused, False

    def forget(self) -> None:
        """Somebody changed the list: it is read again before anything is written by it."""
        with self._lock:
            self._outdated = True

    def _read_if_needed(self, number: int | None) -> None:
        """Read the list if it is old, or lacks a number; if that cannot be done, not again for a while."""
        now = time.monotonic()
        lacks = number not in self._terms if number is not None else not self._terms
        if now < self._asked_at + (FRESH_S if lacks and self._read_at >= self._asked_at else KEPT_S):
            if not lacks or number is None or number in self._missed or self._read_at < self._asked_at:
                return
            if len(self._missed) >= _MOST_MISSED:
                return
            self._missed.add(number)
        else:
            self._missed.clear()
        self._asked_at = now
        try:
            self._read()
        except SideError as error:
            logger.bind(side=error.side, detail=error.detail).debug("woocommerce.terms_not_read")

    def _known(self, number: int) -> Path | None:
        names: list[str] = []
        while number and len(names) < _DEEPEST:
            if number not in self._terms:
                return None
            name, number = self._terms[number]
            names.insert(0, name)
        return tuple(names) or None

    def _find(self, path: Path) -> int | None:
        """The term with this path, whatever the case of its letters; the oldest of several."""
        wanted = [name.casefold() for name in path]
        for number in sorted(self._terms):
            known = self._known(number)
            if known is not None and [name.casefold() for name in known] == wanted:
                return number
        return None

    def _make(self, name: str, parent: int) -> int:
        body: dict[str, object] = {"name": stored_name(name), **({"parent": parent} if parent else {})}
        try:
            answer = self._client.post(self._route, body)
        except SideError as error:
            self._read_at = -KEPT_S  # it may have been made: the next try looks first
            if not isinstance(error, Rejected):
                self._trouble = error
            if not isinstance(error, Rejected) or error.key not in _MEANWHILE:
                raise
            raise Transient(error.side, error.request, _MEANWHILE[error.key]) from error
        number = answer.get("id") if isinstance(answer, Mapping) else None
        if not isinstance(number, int) or not is_id(number):
            self._read_at = -KEPT_S
            raise Transient(self._client.side, f"POST {self._route}", "the answer is no term")
        self._terms[number], self._slugs[number] = (name, parent), str(answer.get("slug") or "")
        logger.bind(side=self._client.side, name=name, route=self._route).info("woocommerce.term_made")
        return number

    def _read(self) -> None:
        terms, slugs = {}, {}
        try:
            for rows in whole_list(ListRequest(self._client, self._route, _FIELDS), Query()):
                for row in rows:
                    parent = row.get("parent")
                    above = parent if isinstance(parent, int) and is_id(parent) else 0
                    terms[int(row["id"])] = (_plain(row.get("name")), above)
                    slugs[int(row["id"])] = str(row.get("slug") or "")
        except Malformed as error:
            raise InvalidResponse(self._client.side, f"GET {self._route}", str(error)) from error
        self._terms, self._slugs, self._read_at, self._outdated = terms, slugs, time.monotonic(), False


class ShopTerms:
    """The fields ``categories`` and ``brand`` of a shop's products.

    Args:
        client: Sends.
        make_categories: Whether categories that the shop lacks are made.
        default_category: See ``DefaultCategory``.
    """

    def __init__(self, client: WooClient, *, make_categories: bool = True, default_category: str | None = None) -> None:
        self._default = DefaultCategory(client, default_category)
        self._categories = Terms(client, "products/categories")
        self._brands = Terms(client, "products/brands")
        self._make_categories = make_categories

    def of(self, row: Row) -> dict[str, str]:
        """Both fields, as far as the row says them and its categories can be named."""
        fields = {}
        brands = _entries(row, "brands")
        if brands is not None:
            fields[BRAND] = ", ".join(sorted(_plain(each.get("name")) for each in brands))
        paths = self._paths(row)
        if paths is not None:
            fields[CATEGORIES] = paths_text(paths)
        return fields

    def item(self, values: Mapping[str, str]) -> dict[str, object] | Refused:
        """What a write of these fields sends.

        Raises:
            SideError: As ``Terms.ids_of``.
        """
        item: dict[str, object] = {}
        if CATEGORIES in values:
            ids = self._categories.ids_of(paths_of(values[CATEGORIES]), make=self._make_categories)
            if isinstance(ids, Refused):
                return ids
            item["categories"] = [{"id": number} for number in ids]
        if BRAND in values:
            brand = values[BRAND]
            ids = self._brands.ids_of([(brand,)]) if brand != EMPTY else []
            if isinstance(ids, Refused):
                return ids
            item["brands"] = [{"id": number} for number in ids]
        return item

    def begin(self) -> None:
        """A call that writes products begins: a route that fails is asked once for all of them."""
        self._categories.try_again()
        self._brands.try_again()

    def stored(self, row: Row, sent: Mapping[str, object]) -> tuple[dict[str, str], frozenset[str]]:
        """Which fields of ``item`` lost a term, and which were stored whole.

        WooCommerce leaves out ids that it does not have, without a word (recording 05, #9): somebody deleted the term
        after the list was read.
        """
        lost, kept = {}, set()
        for name, field, terms in (("categories", CATEGORIES, self._categories), ("brands", BRAND, self._brands)):
            if name not in sent:
                continue
            missing = _ids(sent, name) - _ids(row, name)
            if missing:
                terms.forget()
                lost[field] = f"the shop does not have {name} {', '.join(map(str, sorted(missing)))} any more"
            elif _ids(sent, name) == _ids(row, name):
                kept.add(field)
        return lost, frozenset(kept)

    def _paths(self, row: Row) -> list[Path] | None:
        given = _entries(row, "categories")
        if given is None:
            return None
        if len(given) == 1:
            none = self._is_default(given[0])
            if none is not False:
                return [] if none else None
        paths = []
        for each in given:
            number = each.get("id")
            path = self._categories.path(number) if isinstance(number, int) else None
            if path is None:
                return None
            paths.append(path)
        return paths

    def _is_default(self, entry: Mapping[str, object]) -> bool | None:
        """Whether a product in this category alone is in none. Beside others it is one that a person chose."""
        number, name, slug = entry.get("id"), _plain(entry.get("name")), str(entry.get("slug") or "")
        if not isinstance(number, int):
            return False
        return self._default.counts_as_none(number, name, slug, self._categories.oldest)

    def default_line(self) -> CheckLine:
        """What ``syncd check`` says of the category that stands for none.

        Raises:
            SideError: The shop cannot be asked.
        """
        return self._default.line(self._categories.all())


def _entries(row: Mapping[str, object], name: str) -> list[Mapping[str, object]] | None:
    value = row.get(name)
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        return None
    return value


def _ids(row: Mapping[str, object], name: str) -> set[int]:
    return {number for each in _entries(row, name) or () if isinstance(number := each.get("id"), int)}


def _plain(name: object) -> str:
    return " ".join(html.unescape(name).split()) if isinstance(name, str) else ""
