"""Parts of a product that need a look-up: categories, attributes, images."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from syncd.simulators.woocommerce import dates, php, text
from syncd.simulators.woocommerce.problems import ApiError

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
        """Known ids; none at all becomes the default one, a name alone counts for nothing (seen, 05 #9)."""
        ids = [php.intval(item.get("id")) for item in php.as_list(sent) if isinstance(item, dict)]
        return [category_id for category_id in ids if category_id in self.shop.categories] or [
            self.shop.default_category
        ]

    def brands(self, sent: Any) -> list[int]:
        """Known ids, as objects or bare; there is no default one."""
        ids = [php.intval(item.get("id") if isinstance(item, dict) else item) for item in php.as_list(sent)]
        return [brand_id for brand_id in ids if brand_id in self.shop.brands]

    def attributes(self, sent: Any) -> list[dict[str, Any]]:
        """A product's attributes with their options. Of a shared one they are terms, which differ by more than case."""
        made: list[dict[str, Any]] = []
        for position, item in enumerate(i for i in php.as_list(sent) if isinstance(i, dict)):
            head, shared = self._attribute(item)
            options = [part.strip() for option in php.as_list(item.get("options")) for part in str(option).split("|")]
            if shared:
                terms = self.shop.terms.setdefault(head["id"], [])
                for option in options:
                    if _term(option, terms) is None:
                        terms.append(option)
                options = list(dict.fromkeys(_term(option, terms) or option for option in options))
            visible, variation = (php.string_to_bool(item.get(key)) for key in ("visible", "variation"))
            tail = {"visible": visible, "variation": variation, "options": options}
            made.append({**head, "position": php.intval(item.get("position", position)), **tail})
        return made

    def chosen(self, sent: Any, parent: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A variation's one option of each attribute that its product uses for variations; others count for nothing.

        Of a shared attribute it is a term, found whatever its letters, else what an address would be made of. (Source:
        the variations controller, ``set_attributes``; an option that the product does not list is taken, seen, 05 #20.)
        """
        made: list[dict[str, Any]] = []
        for item in (i for i in php.as_list(sent) if isinstance(i, dict)):
            head, shared = self._attribute(item)
            slug = head["slug"] if shared else text.slug(head["slug"])
            own = next(
                (a for a in parent if a["id"] == head["id"] and text.slug(a["name"]) == text.slug(head["name"])), None
            )
            if own is None or not own["variation"]:
                continue
            option = text.plain(item.get("option") or "")
            if shared:
                known = [*self.shop.terms.get(head["id"], []), *own["options"]]
                option = _term(option, known) or text.slug(option)
            made.append({**head, "slug": slug, "option": option})
        return made

    def _attribute(self, item: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        shared = self.shop.attributes.get(php.intval(item.get("id")))
        name = shared["name"] if shared else str(item.get("name") or "")
        slug = shared["slug"] if shared else name
        return {"id": shared["id"] if shared else 0, "name": name, "slug": slug}, bool(shared)

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
                return self._said(found, item)
        loaded = self._loaded(str(item.get("src") or ""), "", image_id)
        return self._said(self.shop.attachments[loaded], item)

    def _said(self, image: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        """What is said of an image is kept with the image, whichever products show it; empty words say nothing.

        Source: WooCommerce 10.5, ``set_product_images``.
        """
        for name, spelled in (("alt", text.plain), ("name", text.title)):
            if item.get(name):
                image[name] = spelled(item[name])
        return {name: value for name, value in image.items() if name not in _HIDDEN}

    def _may_ask(self, address: SplitResult) -> bool:
        """WordPress asks hosts of the web only, unless the test says that it can reach another one."""
        return address.port in _WEB_PORTS or address.netloc == self.shop.settings.reachable_host

    def _loaded(self, src: str, alt: str, image_id: int) -> int:
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
        return image_id


def _term(option: str, terms: list[str]) -> str | None:
    """The database compares names of terms without regard to case."""
    return next((term for term in terms if term.casefold() == option.casefold()), None)
