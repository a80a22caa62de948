"""Images of the shop's products (woocommerce-api.md section 6; recording 05-create-and-images).

``images`` replaces the whole list, its first is the cover; an address is loaded anew whenever it is sent, so what is
there is named by its number. Which of them came from the till is kept with the product: as a map from number to key,
or, by the request that lets the shop load them and cannot know their numbers, as a list in the order of the images.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.adapters.woocommerce.feeds import is_id
from syncd.core.fields import IMAGES
from syncd.core.images import keys_of, keys_text
from syncd.core.model import Refused, Unknown
from syncd.errors import NotFound, OutcomeUnknown, Rejected
from syncd.http.session import describe

if TYPE_CHECKING:
    from syncd.adapters.woocommerce.client import WooClient
    from syncd.adapters.woocommerce.feeds import Row
    from syncd.adapters.woocommerce.media import Media
    from syncd.core.model import FieldsWrite

META_KEY = "_syncd_images"
_NOT_LOADED = "woocommerce_product_image_upload_error"
ROW_FIELDS = "id,status,meta_data,images,image"

_ADVICE = "give syncd an application password (media_user, media_password), so that it can bring the images itself"


@dataclass(frozen=True, slots=True)
class Shown:
    """One image of a product: its number, and its key if it came from the till."""

    number: int
    key: str | None


def shown_images(row: Row, *, variation: bool) -> list[Shown] | None:
    """All images of a row, the cover first; a variation has at most one.

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
    numbers = [each.get("id") for each in given]
    if not all(is_id(number) for number in numbers):
        return None
    keys = _keys(row, numbers)
    return None if keys is None else [Shown(number, keys.get(number)) for number in numbers]


def images_field(row: Row, *, variation: bool) -> dict[str, str]:
    """The field ``images``: those that came from the till; nothing where ``shown_images`` says nothing."""
    images = shown_images(row, variation=variation)
    return {} if images is None else {IMAGES: keys_text(image.key for image in images if image.key)}


def _keys(row: Row, numbers: list[Any]) -> dict[int, str] | None:
    """Keys by number; ``None`` for images of which nothing is known."""
    entries = [entry for entry in row["meta_data"] if isinstance(entry, Mapping) and entry.get("key") == META_KEY]
    if not entries:
        return None if numbers else {}
    text = entries[-1].get("value")
    try:
        kept = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if isinstance(kept, dict):
        return {int(number): str(key) for number, key in kept.items() if str(number).isdecimal()}
    if isinstance(kept, list) and len(kept) == len(numbers):
        return {number: str(key) for number, key in zip(numbers, kept, strict=True) if key}
    return None


class ImageWriter:
    """Finds or brings the images that a product is to show.

    Args:
        client: Sends.
        media: The shop's library; ``None`` to let the shop fetch images from their addresses.
    """

    def __init__(self, client: WooClient, media: Media | None) -> None:
        self._client = client
        self._media = media

    def item(self, write: FieldsWrite) -> dict[str, Any] | Refused | Unknown:
        """What a write of images sends; images that are not in the shop yet are brought there first.

        Raises:
            SideError: The shop cannot be asked; the product is as it was.
        """
        variation = write.ref.parent_external_id is not None
        now = self._now(write)
        if isinstance(now, Refused):
            return now
        wanted = keys_of(write.values[IMAGES])[: 1 if variation else None]
        places = _places(now, wanted)
        missing = [place.key for place in places if not place.number and place.key]
        lacking = [key for key in missing if key not in write.images]
        if lacking:
            return Refused("no_image", f"nothing is known of image {lacking[0]}")
        if self._media is None:
            found = self._loaded(write, places, variation=variation) if missing else places
        else:
            found = self._uploaded(self._media, write, places)
        if not isinstance(found, list):
            return found
        kept = {str(place.number): place.key for place in found if place.key}
        entries = [{"id": place.number} for place in found]
        return {**_listed(entries, variation=variation), **_meta(kept)}

    def _now(self, write: FieldsWrite) -> list[Shown] | Refused:
        """What the product shows now."""
        try:
            row = self._client.item(_route(write), ROW_FIELDS, {"context": "edit"})
        except NotFound as error:
            return Refused(error.key, error.detail, gone=True)
        now = shown_images(row, variation=write.ref.parent_external_id is not None)
        if now is None:
            return Refused("own_images", "the product has images of its own in the shop: remove them there first")
        return now

    def _uploaded(self, media: Media, write: FieldsWrite, places: list[Shown]) -> list[Shown] | Refused:
        found = []
        taken = {place.number for place in places}
        for place in places:
            number = place.number or media.upload(write.images[place.key or ""], taken)
            if isinstance(number, Refused):
                return number
            taken.add(number)
            found.append(Shown(number, place.key))
        return found

    def _loaded(self, write: FieldsWrite, places: list[Shown], *, variation: bool) -> list[Shown] | Refused | Unknown:
        """Let the shop fetch what is missing; the same request says which image is which, by its place."""
        entries: list[dict[str, Any]] = []
        for place in places:
            image = write.images.get(place.key or "")
            if place.number or image is None:
                entries.append({"id": place.number})
            else:
                entries.append({"src": image.address, "alt": image.name})
        body = {**_listed(entries, variation=variation), **_meta([place.key for place in places])}
        try:
            row = self._client.post(_route(write), body, {"_fields": ROW_FIELDS})
        except Rejected as error:
            return Refused(error.key, f"{error.detail}; {_ADVICE}" if error.key == _NOT_LOADED else error.detail)
        except OutcomeUnknown as error:
            return Unknown(describe(error))
        shown = shown_images(row, variation=variation) if isinstance(row, Mapping) else None
        if shown is None or len(shown) != len(places):
            return Unknown("the answer does not show the images that were sent")
        return [Shown(image.number, place.key) for image, place in zip(shown, places, strict=True)]


def _places(now: list[Shown], wanted: list[str]) -> list[Shown]:
    """The images that the product is to show, in order; number 0 for those that the shop does not have yet.

    Its own ones stay: before those of the till if they were, else after them.
    """
    numbers = {image.key: image.number for image in now if image.key}
    first = next((at for at, image in enumerate(now) if image.key), 0)
    ours = [Shown(numbers.get(key, 0), key) for key in wanted]
    before = [image for image in now[:first] if not image.key]
    return [*before, *ours, *(image for image in now[first:] if not image.key)]


def _listed(entries: list[dict[str, Any]], *, variation: bool) -> dict[str, Any]:
    if variation:
        return {"image": entries[0] if entries else {}}
    return {"images": entries}


def _meta(value: object) -> dict[str, Any]:
    return {"meta_data": [{"key": META_KEY, "value": json.dumps(value)}]}


def _route(write: FieldsWrite) -> str:
    parent = write.ref.parent_external_id
    own = write.ref.external_id
    return f"products/{own}" if parent is None else f"products/{parent}/variations/{own}"
