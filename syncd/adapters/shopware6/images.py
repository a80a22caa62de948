"""Images of products: brought as bytes once, and known again by their keys (shopware6-api.md section 6).

An image belongs to the shop's library (``media``); each product that shows it has a row of its own (``product_media``)
with its place and, if it came from the till, its key there. The id in the library is derived from the content, so the
same image is found again, whichever product it was for and whether its answer was lost or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.adapters.shopware6 import bulk, mapping
from syncd.adapters.shopware6.ids import derived
from syncd.adapters.shopware6.mapping import IMAGE_KEY, IMAGES_MARK, Shown
from syncd.adapters.shopware6.paging import by_ids, equals, small_list
from syncd.adapters.shopware6.shop import Asked
from syncd.adapters.shopware6.wire import is_id, row_id, row_of
from syncd.core.fields import IMAGES
from syncd.core.images import keys_of
from syncd.core.model import Refused
from syncd.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.adapters.answers import Row
    from syncd.adapters.shopware6.client import ShopClient
    from syncd.core.images import Image
    from syncd.core.model import FieldsWrite

_MEDIA: Mapping[str, Any] = {"includes": {"media": ["id", "fileName", "fileExtension", "mimeType"]}}
_FOLDER: Mapping[str, Any] = {
    "associations": {"folder": {}},
    "includes": {"media_default_folder": ["id", "folder"], "media_folder": ["id"]},
}
_TAKEN_NAME = "CONTENT__MEDIA_DUPLICATED_FILE_NAME"


class ImageWriter:
    """Finds or brings the images that a product is to show."""

    def __init__(self, client: ShopClient) -> None:
        self._client = client
        self._folder = Asked(self._read_folder)

    def piece(self, write: FieldsWrite, row: Row) -> bulk.Piece | Refused:
        """What a write of images sends; images that are not in the shop yet are brought there first.

        Raises:
            SideError: The shop cannot be asked, or an image was not taken; the product is as it was.
        """
        now = mapping.shown_images(row)
        if now is None:
            return Refused("own_images", "the product has images of its own in the shop: remove them there first")
        variant = mapping.parent_id(row) is not None
        wanted = keys_of(write.values[IMAGES])[: 1 if variant else None]
        known = {image.key for image in now if image.key}
        new = [key for key in wanted if key not in known]
        refused = _unusable(new, write.images)
        if refused is not None:
            return refused
        product = row_id(row)
        media = {key: self._media(write.images[key]) for key in new}
        trouble = next((each for each in media.values() if isinstance(each, Refused)), None)
        if trouble is not None:
            return trouble
        places = _places(now, wanted, product, {key: str(each) for key, each in media.items()})
        lines = [_line(product, place, at) for at, place in enumerate(places)]
        kept = {place.row_id for place in places}
        lines += [
            bulk.Line("product_media", {"id": each.row_id}, bulk.DELETE) for each in now if each.row_id not in kept
        ]
        cover = places[0].row_id if places else None
        return bulk.Piece({"coverId": cover, "customFields": {IMAGES_MARK: True}}, lines)

    def _media(self, image: Image) -> str | Refused:
        """Id in the library of an image that is there, or has been brought there now."""
        kind = image.kind
        if kind is None:
            return Refused("not_an_image", f"image {image.key} is no PNG, JPEG, GIF or WebP")
        own = derived("media", image.digest)
        found = by_ids(self._client, "media", [own], _MEDIA).get(own)
        if found is not None and found.get("mimeType"):
            return own
        if found is None:
            new = {"id": own, "title": image.name or None, "alt": image.name or None, **self._folder.now()}
            self._client.sync([{"key": "media", "entity": "media", "action": bulk.UPSERT, "payload": [new]}])
        try:
            self._client.upload(own, f"syncd-{image.digest[:32]}", kind[1], kind[0], image.content)
        except Rejected as error:
            if error.key == _TAKEN_NAME:
                return Refused(
                    error.key, f"another file of the shop is called syncd-{image.digest[:32]}: remove it there"
                )
            return Refused(error.key or "upload_refused", error.detail)
        return own

    def _read_folder(self) -> dict[str, str]:
        """The folder that the shop keeps images of products in; without one they lie at the top."""
        for row in small_list(self._client, "media_default_folder", _FOLDER, [equals("entity", "product")]):
            folder = row_of(row, "folder")
            if folder is not None and is_id(folder.get("id")):
                return {"mediaFolderId": folder["id"]}
        return {}


def _unusable(new: Sequence[str], images: Mapping[str, Image]) -> Refused | None:
    """Why some image cannot be brought; asked before any is."""
    for key in new:
        if key not in images:
            return Refused("no_image", f"nothing is known of image {key}")
        if images[key].kind is None:
            return Refused("not_an_image", f"image {key} is no PNG, JPEG, GIF or WebP")
    return None


def _places(now: Sequence[Shown], wanted: Sequence[str], product: str, media: Mapping[str, str]) -> list[Shown]:
    """The images that the product is to show, in order.

    Its own ones stay: before those of the till if they were, else after them.
    """
    known = {image.key: image for image in now if image.key}
    first = next((at for at, image in enumerate(now) if image.key), 0)
    ours = [known.get(key) or Shown(derived("image", product, key), media[key], key) for key in wanted]
    before = [image for image in now[:first] if not image.key]
    return [*before, *ours, *(image for image in now[first:] if not image.key)]


def _line(product: str, place: Shown, position: int) -> bulk.Line:
    row: dict[str, Any] = {"id": place.row_id, "position": position}
    if place.key:
        row |= {"productId": product, "mediaId": place.media_id, "customFields": {IMAGE_KEY: place.key}}
    return bulk.Line("product_media", row)
