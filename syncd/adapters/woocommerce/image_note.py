"""Which images of a product came from the till: a note in its metadata, and what can be known from it.

The note is a map from the image's number to its key. Where the shop loads images by itself nobody knows their numbers
before it answers, so the request that names the addresses leaves a note of another kind: which keys are on their way,
which images were there before, and each new image gets its key as its title. If that answer is lost, the images are
found by their titles, never by their places: a person may have moved them meanwhile. What has such a title is not done
yet: it is written once more, with the map and a title for people.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.adapters.woocommerce.feeds import is_id
from syncd.core.fields import IMAGES
from syncd.core.images import keys_text

if TYPE_CHECKING:
    from syncd.adapters.answers import Row

META_KEY = "_syncd_images"
_UNDONE, _UNSURE = "?", "??"
"""Keys that no image has: with one the field is another than any that the till can show, and is written again."""
_LOADING, _THERE, _KNOWN = "loading", "there", "known"


@dataclass(frozen=True, slots=True)
class Shown:
    """One image of a product: its number (0: not in the shop yet), and its key if it came from the till."""

    number: int
    key: str | None


@dataclass(frozen=True, slots=True)
class Showing:
    """All images of a product, the cover first.

    Attributes:
        images: In order.
        undone: The last write of them did not come to its end.
        unsure: It is not known which of them came from the till.
        titled: Keys of those that are known by their titles, which are not for people.
    """

    images: tuple[Shown, ...]
    undone: bool = False
    unsure: bool = False
    titled: frozenset[str] = frozenset()


def title_of(key: str) -> str:
    """Title of an image that is on its way into the shop."""
    return f"syncd-{key}"


def note_of(images: Iterable[Shown]) -> dict[str, Any]:
    """The note of a product whose images are all in the shop."""
    return _meta({str(image.number): image.key for image in images if image.key})


def loading_note(places: Sequence[Shown]) -> dict[str, Any]:
    """The note that goes with the request that lets the shop load what is missing."""
    return _meta(
        {
            _LOADING: [place.key for place in places if not place.number],
            _KNOWN: {str(place.number): place.key for place in places if place.number and place.key},
            _THERE: [place.number for place in places if place.number and not place.key],
        }
    )


def showing(row: Row, *, variation: bool) -> Showing | None:
    """The images of a row; a variation has at most one.

    ``None`` if it does not say, or if they are not for syncd to change: a product that has images of its own, and never
    had one from the till, keeps them as they are.
    """
    name = "image" if variation else "images"
    value = row.get(name)
    if name not in row or not isinstance(row.get("meta_data"), list):
        return None
    given = ([value] if value else []) if variation else value
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        return None
    if not all(is_id(each.get("id")) for each in given):
        return None
    entries = [entry for entry in row["meta_data"] if isinstance(entry, Mapping) and entry.get("key") == META_KEY]
    if not entries:
        return None if given else Showing(())
    return _read(_kept(entries[-1].get("value")), given)


def images_field(row: Row, *, variation: bool) -> dict[str, str]:
    """The field ``images``: those that came from the till; nothing where ``showing`` says nothing."""
    found = showing(row, variation=variation)
    if found is None:
        return {}
    keys = [image.key for image in found.images if image.key]
    state = [_UNSURE] if found.unsure else [_UNDONE] if found.undone else []
    return {IMAGES: keys_text([*keys, *state])}


def _read(kept: Mapping[str, Any] | None, given: Sequence[Mapping[str, Any]]) -> Showing:
    numbers = [each["id"] for each in given]
    if kept is None:  # damaged: of a product without images it says enough
        return Showing(tuple(Shown(number, None) for number in numbers), undone=bool(given), unsure=bool(given))
    if _LOADING not in kept:
        keys = _by_number(kept)
        return Showing(tuple(Shown(number, keys.get(number)) for number in numbers))
    loading, there, keys = kept[_LOADING], kept.get(_THERE), _by_number(kept.get(_KNOWN))
    if not isinstance(loading, list) or not isinstance(there, list):
        return _read(None, given)
    titles = {title_of(str(key)): str(key) for key in loading}
    new = {each["id"]: titles[str(each.get("name"))] for each in given if str(each.get("name")) in titles}
    new = {number: key for number, key in new.items() if number not in keys}
    keys |= new
    missing = set(titles.values()) - set(keys.values())
    strange = [number for number in numbers if number not in keys and number not in there]
    images = tuple(Shown(number, keys.get(number)) for number in numbers)
    return Showing(images, True, bool(missing and strange), frozenset(new.values()))


def _kept(text: object) -> Mapping[str, Any] | None:
    try:
        kept = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return kept if isinstance(kept, dict) else None


def _by_number(kept: object) -> dict[int, str]:
    pairs = kept.items() if isinstance(kept, Mapping) else ()
    return {int(number): str(key) for number, key in pairs if str(number).isascii() and str(number).isdecimal()}


def _meta(value: object) -> dict[str, Any]:
    return {"meta_data": [{"key": META_KEY, "value": json.dumps(value)}]}
