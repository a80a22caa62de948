"""Everything of a large shop at once: the shop writes it into a file, which costs no points (shopify-api.md section 3).

Lines come in no order that could be relied on: a variant names its product by ``__parentId``. So the file is read
twice, first to learn where each product stands in it, and which inventory items belong to several variants.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO, TYPE_CHECKING

from loguru import logger

from syncd.adapters.answers import Malformed, Row, mapping_of, row_of, rows_of, text_of
from syncd.adapters.shopify.library import BULK_RUN, BULK_STATE
from syncd.adapters.shopify.operations import bulk_products
from syncd.adapters.shopify.wire import gid_of, is_gid
from syncd.errors import SideError, Stopped
from syncd.http.session import describe

if TYPE_CHECKING:
    import threading
    from datetime import datetime

    from syncd.adapters.shopify.client import ShopifyClient

LONGEST_WORK_S = 3600.0
"""A shop that is at work for longer is read page by page."""

WAITS_S = (1.0, 2.0, 5.0, 10.0)
"""Pauses between looks; the last one again and again."""

_ROWS_PER_PAGE = 250
_LOOKS = 10**6
_OVER = frozenset({"FAILED", "CANCELED", "EXPIRED"})


class BulkFailed(Exception):
    """The shop could not write the file; nothing of it is used."""


@dataclass
class Export:
    """The file, and where in it what is."""

    file: IO[bytes]
    began: datetime
    products: dict[str, int] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    items: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self.products) + sum(map(len, self.children.values()))

    def variants(self) -> Iterator[list[Row]]:
        """All variants with their products, as a page of variants has them."""
        page: list[Row] = []
        gid, head = "", {}
        for _, row in _lines(self.file):
            parent = row.get("__parentId")
            if parent is None:
                continue
            if parent != gid:
                gid, head = str(parent), dict(self._head(str(parent)))
            item = row_of(row, "inventoryItem")
            shared: list[Row] = [{}] * min(2, self.items[gid_of(item, "InventoryItem")])
            page.append({**row, "product": head, "inventoryItem": {**item, "variants": {"nodes": shared}}})
            if len(page) == _ROWS_PER_PAGE:
                yield page
                page = []
        yield page

    def heads(self) -> Iterator[list[Row]]:
        """All products."""
        gids = list(self.products)
        for start in range(0, len(gids), _ROWS_PER_PAGE):
            yield [self._head(gid) for gid in gids[start : start + _ROWS_PER_PAGE]]

    def _head(self, gid: str) -> Row:
        at = self.file.tell()
        self.file.seek(self.products[gid])
        row = _parsed(self.file.readline())
        self.file.seek(at)
        return row


class BulkReader:
    """Lets the shop export everything, and waits for it."""

    def __init__(self, client: ShopifyClient, stop: threading.Event) -> None:
        self._client = client
        self._stop = stop

    def export(self, locations: Sequence[str], quantity: str) -> Generator[None, None, Export]:
        """Export all products with all variants; the file vanishes when it is closed. Yields while the shop is at work.

        Raises:
            BulkFailed: It cannot be had this way now.
            Stopped: A stop was requested.
        """
        try:
            file = tempfile.TemporaryFile(prefix="syncd-")  # noqa: SIM115 - closed by whoever reads it
        except OSError as error:
            raise BulkFailed(_no_place(error)) from error
        try:
            return (yield from self._export(file, locations, quantity))
        except (SideError, Malformed) as error:
            file.close()
            raise BulkFailed(describe(error) if isinstance(error, SideError) else str(error)) from error
        except OSError as error:
            file.close()
            raise BulkFailed(_no_place(error)) from error
        except BaseException:
            file.close()
            raise

    def _export(self, file: IO[bytes], locations: Sequence[str], quantity: str) -> Generator[None, None, Export]:
        answer = self._client.query(BULK_RUN, {"query": bulk_products(locations, quantity).text})
        payload = row_of(answer.data, "bulkOperationRunQuery")
        errors = rows_of(payload, "userErrors")
        if errors:
            raise BulkFailed("; ".join(str(one.get("message")) for one in errors)[:300])
        if answer.date is None:
            raise Malformed("an answer without a Date header")
        state = yield from self._finished(gid_of(row_of(payload, "bulkOperation"), "BulkOperation"))
        wanted = _count_in(state)
        export = Export(file, answer.date)
        if state.get("url") is None:
            if wanted:
                raise BulkFailed("the shop names no file")
            return export
        self._client.download(text_of(state, "url"), file)
        found = _index(export)
        if found != wanted:
            raise BulkFailed(f"the file has {found} of {wanted} rows")
        return export

    def _finished(self, gid: str) -> Generator[None, None, Row]:
        until = time.monotonic() + LONGEST_WORK_S
        for looks in range(_LOOKS):
            row = mapping_of(self._client.query(BULK_STATE, {"id": gid}).data.get("bulkOperation"), "bulkOperation")
            status = text_of(row, "status")
            if status == "COMPLETED":
                return row
            if status in _OVER or time.monotonic() > until:
                raise BulkFailed(f"the export ended as {status} ({text_of(row, 'errorCode') or 'no reason given'})")
            yield
            if self._stop.wait(WAITS_S[min(looks, len(WAITS_S) - 1)]):
                raise Stopped("stopped while the shop was exporting")
        raise AssertionError("unreachable")

    def note_failure(self, error: BulkFailed) -> None:
        """Tell that the shop is read page by page."""
        logger.bind(side=self._client.side, error=str(error)).warning("shopify.export_failed")


def _no_place(error: OSError) -> str:
    return f"no place for its file: {error.strerror or type(error).__name__}"


def _count_in(state: Row) -> int:
    count = text_of(state, "objectCount")
    if not (count.isascii() and count.isdigit()):
        raise Malformed("objectCount is no number")
    return int(count)


def _index(export: Export) -> int:
    """Note where products stand, and what belongs to them; returns how many lines there are."""
    count = 0
    for at, row in _lines(export.file):
        count += 1
        parent = row.get("__parentId")
        if parent is None:
            export.products[gid_of(row, "Product")] = at
        else:
            item = gid_of(row_of(row, "inventoryItem"), "InventoryItem")
            export.children.setdefault(str(parent), []).append(gid_of(row, "ProductVariant"))
            export.items[item] += 1
    lost = export.children.keys() - export.products.keys()
    if lost or not all(is_gid(gid, "Product") for gid in export.products):
        raise Malformed("the export has variants without their product")
    return count


def _lines(file: IO[bytes]) -> Iterator[tuple[int, Row]]:
    at = 0
    file.seek(0)
    while line := file.readline():
        if line.strip():
            yield at, _parsed(line)
        at += len(line)
        file.seek(at)


def _parsed(line: bytes) -> Row:
    try:
        return mapping_of(json.loads(line, parse_float=Decimal), "a line of the export")
    except ValueError as error:
        raise Malformed(f"a line of the export cannot be read: {error}") from None
