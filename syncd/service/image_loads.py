"""Images of the hub for a shop that does not show them yet: addresses, and content where the shop needs it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.core.images import LARGEST_BYTES, Image, keys_of
from syncd.core.model import Refused
from syncd.errors import InvalidResponse

if TYPE_CHECKING:
    from syncd.core.model import ListingRef
    from syncd.core.products import Product
    from syncd.service.field_plan import PlannedField
    from syncd.service.side import SideContext


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


def _known(product: Product | None, source: ListingRef) -> dict[str, Image]:
    """Images of a product, or of one variation, by key."""
    if product is None:
        return {}
    units = {unit.source_id: unit for unit in product.units}
    images = product.images
    if source.parent_external_id is not None:
        images = units[source.external_id].images if source.external_id in units else ()
    return {image.key: image for image in images}


def _loaded(hub: SideContext, image: Image) -> Image | Refused:
    try:
        content = hub.adapter.read_image(image.address) if image.address else None
    except InvalidResponse as error:
        return Refused("image_not_read", f"the till does not hand out image {image.key}: {error.detail}")
    if content is None:
        return Refused("image_not_read", f"the till does not hand out image {image.key}")
    if len(content) > LARGEST_BYTES:
        return Refused("image_too_large", f"image {image.key} has {len(content) // 1024} KB")
    return replace(image, content=content)
