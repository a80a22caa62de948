"""Which images a product shows, and which of them came from the till. Pure.

Images are files of the shop that products refer to (shopify-api.md section 6). A metafield of the product says which
order was written last, and the keys of all files that came from the till. It is written before files are attached or
taken away, so it may name some that are not there, and what is there is never mistaken for the shop's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from syncd.adapters.answers import Malformed, Row, mapping_of, row_of, text_of
from syncd.adapters.shopify.wire import gid_of, is_gid, nodes_of, number_in
from syncd.core.fields import IMAGES
from syncd.core.images import keys_text

NAMESPACE, KEY, TYPE = "syncd", "images", "json"
LISTED = "listed"
"""Where a head keeps the ids of its images after they were asked for."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One image of a product, and its key if it came from the till."""

    gid: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What the metafield says: numbers of files in the order last written, and keys by number."""

    order: Sequence[int] = ()
    keys: Mapping[int, str] = field(default_factory=dict)


def kept_in(head: Row) -> Kept | None:
    """What the metafield of a product says; ``None`` if there is none, or none that can be read."""
    if head.get("pictures") is None:
        return None
    try:
        value = json.loads(text_of(mapping_of(head["pictures"], "pictures"), "value"))
        order = [int(number) for number in value["order"]]
        return Kept(order, {int(number): str(key) for number, key in value["keys"].items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def kept_text(order: Sequence[str], keys: Mapping[str, str]) -> str:
    """The metafield for images in this order, by their ids."""
    numbers = {str(number_in(gid)): key for gid, key in keys.items()}
    return json.dumps({"order": [number_in(gid) for gid in order], "keys": numbers}, separators=(",", ":"))


def shown_images(head: Row) -> list[Shown] | None:
    """All images of a product in order.

    ``None`` if it does not say, or if they are not for syncd to change: a product that has images of its own, and never
    had one from the till, keeps them as they are.
    """
    kept = kept_in(head)
    if kept is None:
        empty = head.get("pictures") is None and _count(head) == 0
        return [] if empty else None
    listed = head.get(LISTED)
    if isinstance(listed, list):
        return [Shown(gid, kept.keys.get(number_in(gid))) for gid in listed]
    if not _as_written(head, kept):
        return None
    return [Shown(f"gid://shopify/MediaImage/{number}", kept.keys.get(number)) for number in kept.order]


def is_listing_needed(head: Row, *, exact: bool) -> bool:
    """Whether images of a product have to be listed: always if it must be exact and any came from the till.

    Otherwise it is enough that the shop counts as many as were written last, and shows the same one first.
    """
    kept = kept_in(head)
    return kept is not None and (exact or not _as_written(head, kept))


def images_field(head: Row) -> dict[str, str]:
    """The field ``images``: those that came from the till; nothing where ``shown_images`` says nothing."""
    images = shown_images(head)
    return {} if images is None else {IMAGES: keys_text(image.key for image in images if image.key)}


def listed_in(row: Row) -> list[str] | None:
    """Ids of all that a product shows, of ``operations.MEDIA``; ``None`` if there is more than one page.

    Raises:
        Malformed: It is no list.
    """
    media = row_of(row, "media")
    if row_of(media, "pageInfo").get("hasNextPage"):
        return None
    found = [node.get("id") for node in nodes_of(row, "media")]
    if not all(isinstance(gid, str) and gid.startswith("gid://shopify/") for gid in found):
        raise Malformed("media without ids")
    return [str(gid) for gid in found]


def _as_written(head: Row, kept: Kept) -> bool:
    if _count(head) != len(kept.order):
        return False
    first = head.get("featuredMedia")
    if first is None or not kept.order:
        return first is None and not kept.order
    gid = mapping_of(first, "featuredMedia").get("id")
    return isinstance(gid, str) and is_gid(gid, "MediaImage") and number_in(gid) == kept.order[0]


def _count(head: Row) -> int | None:
    count = head.get("mediaCount")
    found = None if count is None else mapping_of(count, "mediaCount").get("count")
    return found if isinstance(found, int) else None


def file_of(row: Row) -> tuple[str, str]:
    """Id and state of an image file.

    Raises:
        Malformed: It is none.
    """
    return gid_of(row, "MediaImage"), text_of(row, "fileStatus")
