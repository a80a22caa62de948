"""Parts of a product that need a look-up: categories, attributes, images."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from syncd.simulators.woocommerce import dates, php, text
from syncd.simulators.woocommerce.problems import ApiError
from syncd.simulators.woocommerce.state import UNCATEGORIZED

if TYPE_CHECKING:
    from syncd.simulators.woocommerce.state import Shop

_UPLOAD_ERROR = "woocommerce_product_image_upload_error"
_WEB_PORTS = {None, 80, 443, 8080}
_HIDDEN = {"slug", "loaded_from"}


class Parts:
    """Reads parts of a request into what a product stores. Expects the lock."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def categories(self, sent: Any) -> list[int]:
        """Known ids; none at all becomes Uncategorized, a name alone counts for nothing (seen, 05 #9)."""
        ids = [php.intval(item.get("id")) for item in php.as_list(sent) if isinstance(item, dict)]
        return [category_id for category_id in ids if category_id in self.shop.categories] or [UNCATEGORIZED]

    def brands(self, sent: Any) -> list[int]:
        """Known ids, as objects or bare; there is no default one."""
        ids = [php.intval(item.get("id") if isinstance(item, dict) else item) for item in php.as_list(sent)]
        return [brand_id for brand_id in ids if brand_id in self.shop.brands]

    def attributes(self, sent: Any, *, options: bool) -> list[dict[str, Any]]:
        """A product's attributes with their options, or a variation's with its one option."""
        made: list[dict[str, Any]] = []
        for position, item in enumerate(i for i in php.as_list(sent) if isinstance(i, dict)):
            shared = self.shop.attributes.get(php.intval(item.get("id")))
            name = shared["name"] if shared else str(item.get("name") or "")
            slug = shared["slug"] if shared else name
            head = {"id": shared["id"] if shared else 0, "name": name}
            if not options:
                slug = slug if shared else text.slug(slug)
                made.append({**head, "slug": slug, "option": text.plain(item.get("option") or "")})
                continue
            split = [part.strip() for option in php.as_list(item.get("options")) for part in str(option).split("|")]
            visible, variation = (php.string_to_bool(item.get(key)) for key in ("visible", "variation"))
            tail = {"visible": visible, "variation": variation, "options": split}
            made.append({**head, "slug": slug, "position": php.intval(item.get("position", position)), **tail})
        return made

    def images(self, sent: Any) -> list[dict[str, Any]] | None:
        """The new list of images; ``None`` if none was sent. Nothing is downloaded: the address alone decides.

        Raises:
            ApiError: 400, and then nothing of the request is written (seen, 05 #36).
        """
        if sent is None:
            return None
        return [self._image(item) for item in php.as_list(sent) if isinstance(item, dict)]

    def _image(self, item: dict[str, Any]) -> dict[str, Any]:
        image_id = php.intval(item.get("id"))
        if image_id:
            if image_id not in self.shop.image_ids:
                message = f"#{image_id} is an invalid image ID."
                raise ApiError(400, "woocommerce_product_invalid_image_id", message)
            found = self.shop.attachments.get(image_id)
            if found is not None:
                return {
                    **{name: value for name, value in found.items() if name not in _HIDDEN},
                    "alt": text.plain(item.get("alt", found["alt"])),
                }
        return self._loaded(str(item.get("src") or ""), text.plain(item.get("alt") or ""), image_id)

    def _may_ask(self, address: SplitResult) -> bool:
        """WordPress asks hosts of the web only, unless the test says that it can reach another one."""
        return address.port in _WEB_PORTS or address.netloc == self.shop.settings.reachable_host

    def _loaded(self, src: str, alt: str, image_id: int) -> dict[str, Any]:
        address = urlsplit(src)
        host = address.hostname or ""
        if address.scheme not in {"http", "https"} or host.endswith(".invalid") or not self._may_ask(address):
            message = f"Error getting remote image {src}. Error: A valid URL was not provided."
            raise ApiError(400, _UPLOAD_ERROR, message)
        name = address.path.rpartition("/")[2]
        if not re.fullmatch(r".+\.(png|jpe?g|gif|webp)", name, re.IGNORECASE):
            raise ApiError(400, _UPLOAD_ERROR, "Invalid image: Sorry, you are not allowed to upload this file type.")
        image_id = image_id or self.shop.take_id()
        self.shop.image_ids.add(image_id)
        now = self.shop.now()
        stamps = {
            "date_created": dates.render(now, self.shop.offset_s),
            "date_created_gmt": dates.render(now),
            "date_modified": dates.render(now, self.shop.offset_s),
            "date_modified_gmt": dates.render(now),
        }
        url = f"http://shop.example/wp-content/uploads/{image_id}/{name}"
        image = {"id": image_id, **stamps, "src": url, "name": name, "alt": alt}
        self.shop.attachments[image_id] = {**image, "slug": name.rpartition(".")[0], "loaded_from": src}
        return image
