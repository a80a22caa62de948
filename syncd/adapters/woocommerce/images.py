"""Images of the shop's products are found or brought (woocommerce-api.md section 6; recording 05-create-and-images).

``images`` replaces the whole list, its first is the cover; an address is loaded anew whenever it is sent, so what is
there is named by its number. Which of them came from the till is kept with the product (``image_note``).
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.adapters.woocommerce.image_note import Showing, Shown, loading_note, note_of, showing, title_of
from syncd.adapters.woocommerce.wire import stored_name
from syncd.core.fields import IMAGES
from syncd.core.images import keys_of
from syncd.core.model import Refused, Unknown
from syncd.errors import NotFound, OutcomeUnknown, Rejected
from syncd.http.session import describe

if TYPE_CHECKING:
    from syncd.adapters.woocommerce.client import WooClient
    from syncd.adapters.woocommerce.media import Media
    from syncd.core.model import FieldsWrite

_NOT_LOADED = "woocommerce_product_image_upload_error"
_ROW_FIELDS = "id,name,status,meta_data,images,image"

_TITLE = "Image"
_ADVICE = "give syncd an application password (media_user, media_password), so that it can bring the images itself"
_UNSURE = Refused(
    "images_unknown",
    "it is not known which of the product's images came from the till: remove in the shop those that the till has too",
)


@dataclass(frozen=True, slots=True)
class _Product:
    """What a product shows now.

    Attributes:
        showing: Its images.
        name: Its name, for the titles of images.
    """

    showing: Showing
    name: str


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
        places = _places(now.showing.images, wanted)
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
        titled = {*now.showing.titled, *(missing if self._media is None else ())}
        entries = [{"id": each.number, **({"name": now.name} if each.key in titled else {})} for each in found]
        return {**_listed(entries, variation=variation), **note_of(found)}

    def _now(self, write: FieldsWrite) -> _Product | Refused:
        """What the product shows now, if it is known which of its images came from the till."""
        try:
            row = self._client.item(_route(write), _ROW_FIELDS, {"context": "edit"})
        except NotFound as error:
            return Refused(error.key, error.detail, gone=True)
        now = showing(row, variation=write.ref.parent_external_id is not None)
        if now is None:
            return Refused("own_images", "the product has images of its own in the shop: remove them there first")
        return _UNSURE if now.unsure else _Product(now, stored_name(html.unescape(str(row.get("name") or _TITLE))))

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
        """Let the shop fetch what is missing; the same request says which image is which, by its title."""
        entries: list[dict[str, Any]] = []
        for place in places:
            image = write.images.get(place.key or "")
            if place.number or image is None or place.key is None:
                entries.append({"id": place.number})
            else:
                entries.append({"src": image.address, "alt": image.name, "name": title_of(place.key)})
        body = {**_listed(entries, variation=variation), **loading_note(places)}
        try:
            row = self._client.post(_route(write), body, {"_fields": _ROW_FIELDS})
        except Rejected as error:
            return Refused(error.key, f"{error.detail}; {_ADVICE}" if error.key == _NOT_LOADED else error.detail)
        except OutcomeUnknown as error:
            return Unknown(describe(error))
        now = showing(row, variation=variation) if isinstance(row, Mapping) else None
        numbers = [image.number for image in now.images] if now is not None else []
        # This is the answer to our own list, in our order: here, and only here, a place says which image it is.
        if len(numbers) != len(places) or any(p.number not in (0, n) for p, n in zip(places, numbers, strict=True)):
            return Unknown("the answer does not show the images that were sent")
        return [Shown(number, place.key) for number, place in zip(numbers, places, strict=True)]


def _places(now: tuple[Shown, ...], wanted: list[str]) -> list[Shown]:
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


def _route(write: FieldsWrite) -> str:
    parent = write.ref.parent_external_id
    own = write.ref.external_id
    return f"products/{own}" if parent is None else f"products/{parent}/variations/{own}"
