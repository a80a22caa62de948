"""Images that one side has and another is to show: addresses, and content where it needs it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.core.fields import IMAGES
from syncd.core.images import LARGEST_BYTES, Image, keys_of
from syncd.core.model import Refused
from syncd.errors import InvalidResponse, Transient

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Sequence

    from syncd.core.model import ListingRef
    from syncd.core.products import Product
    from syncd.service.field_plan import PlannedField
    from syncd.service.side import SideContext


_MOST = 50
"""Most images that go with one product that is made."""
_MOST_BYTES = 100 * 1024 * 1024
"""They are all held in memory until it is made; the one that goes beyond is the last."""
_BUDGET_S = 60.0
"""How long they are loaded: stock waits meanwhile, and a daemon whose pass achieves nothing for long is ended."""


def images_for(side: SideContext, field: PlannedField) -> dict[str, Image] | Refused | None:
    """Load what a write of images needs; ``None`` if the hub shows other images by now: its next reading says so.

    What the shop shows already is neither asked for nor loaded.

    Raises:
        SideError: The hub cannot be asked now.
    """
    present = set(keys_of(field.shows))
    missing = [key for key in keys_of(field.wants) if key not in present]
    if not missing:
        return {}
    (hub,) = side.sources
    product = hub.adapter.read_product(field.source.parent_external_id or field.source.external_id)
    known = _known(product, field.source)
    if any(key not in known for key in missing):
        return None
    found = {}
    for key in missing:
        image = _loaded(hub, known[key]) if side.adapter.capabilities.image_content else known[key]
        if isinstance(image, Refused):
            return image
        found[key] = image
    return found


def with_images(side: SideContext, source: SideContext, product: Product) -> tuple[Product, dict[str, Refused]]:
    """A product of ``source`` with the content of its images, and why some are missing.

    Without any image where ``side`` makes products without. What cannot be had holds up nothing: a product that sells
    matters more than what it looks like.
    """
    if not side.adapter.capabilities.makes_images or IMAGES not in source.owners_of(source.id):
        return _without_images(product), {}
    loaded: dict[str, Image | Refused] = {}
    until = time.monotonic() + _BUDGET_S

    def with_content(images: Sequence[Image]) -> tuple[Image, ...]:
        for image in images:
            if image.key not in loaded:
                loaded[image.key] = _tried(source, image, loaded.values(), until)
        return tuple(found for image in images if isinstance(found := loaded[image.key], Image))

    units = tuple(replace(unit, images=with_content(unit.images)) for unit in product.units)
    filled = replace(product, images=with_content(product.images), units=units)
    return filled, {key: found for key, found in loaded.items() if isinstance(found, Refused)}


def without(product: Product, keys: Container[str]) -> Product:
    """A product without some of its images, by key."""

    def left(images: Sequence[Image]) -> tuple[Image, ...]:
        return tuple(image for image in images if image.key not in keys)

    units = tuple(replace(unit, images=left(unit.images)) for unit in product.units)
    return replace(product, images=left(product.images), units=units)


def _without_images(product: Product) -> Product:
    return replace(product, images=(), units=tuple(replace(unit, images=()) for unit in product.units))


def _tried(source: SideContext, image: Image, loaded: Collection[Image | Refused], until: float) -> Image | Refused:
    if len(loaded) >= _MOST:
        return Refused("too_many_images", f"no more than {_MOST} images go with a product")
    if sum(len(found.content) for found in loaded if not isinstance(found, Refused)) > _MOST_BYTES:
        return Refused("too_many_images", f"no more than {_MOST_BYTES // 1024**2} MB of images go with a product")
    if time.monotonic() > until:
        return Refused("image_not_read", f"the images of a product have {_BUDGET_S:.0f} s, and they are over")
    try:
        return _loaded(source, image)
    except Transient as error:
        return Refused("image_not_read", f"image {image.key} could not be had: {error.detail}")


def _known(product: Product | None, source: ListingRef) -> dict[str, Image]:
    """Images of a product, or of one variation, by key."""
    if product is None:
        return {}
    units = {unit.source_id: unit for unit in product.units}
    images = product.images
    if source.parent_external_id is not None:
        images = units[source.external_id].images if source.external_id in units else ()
    return {image.key: image for image in images}


def _loaded(source: SideContext, image: Image) -> Image | Refused:
    owner = "the till" if source.is_hub else source.name
    try:
        content = source.adapter.read_image(image.address) if image.address else None
    except InvalidResponse as error:
        return Refused("image_not_read", f"{owner} does not hand out image {image.key}: {error.detail}")
    if content is None:
        return Refused("image_not_read", f"{owner} does not hand out image {image.key}")
    if len(content) > LARGEST_BYTES:
        return Refused("image_too_large", f"image {image.key} has {len(content) // 1024} KB")
    return replace(image, content=content)
