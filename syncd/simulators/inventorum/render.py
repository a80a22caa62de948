"""Products, categories and images as the vendor writes them, by version.

Source: contract 6.1 to 6.5, 7.1 and 10; the examples of ``inventorum-examples``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from syncd.simulators.inventorum.model import Category, Image, Override, Product
from syncd.simulators.inventorum.state import State, attribute_values
from syncd.simulators.inventorum.values import shortest, ten_places, to_gross, two_places

_SIZES = ("ipad", "ipad_retina", "thumb", "thumb_retina")
_MORE_SIZES = (*_SIZES, "image", "ebay", "original")


class Renderer:
    """Writes products for one request."""

    def __init__(self, state: State, version: int, base_url: str, zone: tzinfo) -> None:
        self.state = state
        self.version = version
        self.base_url = base_url
        self.zone = zone

    # Products

    def list_row(self, product: Product) -> dict[str, Any]:
        """A row of ``/products/``."""
        if self.version >= 13:
            row = {
                "id": product.id,
                "name": self.state.shown_name(product),
                "quantity": two_places(self.state.quantity(product)),
                "tax_type": product.tax_type,
                "categories": product.categories,
                "time_modified": self.local(product.shown_at),
            }
        else:
            row = self._common(product, list_thumbnail=True)
        if self.state.settings.list_has_codes:
            row |= {"product_code": product.product_code, "ean": product.ean}
        return row

    def delta_row(self, product: Product, since: datetime | None, *, verbose: bool) -> dict[str, Any]:
        """A row of ``/products/delta/modified/``."""
        created = since is None or product.created_at >= since
        row = self._common(product, list_thumbnail=False)
        row |= {
            "ean": product.ean,
            "state": "created" if created else "updated",
            "parent": product.parent,
            "custom_sale": product.custom_sale,
            "categories": self._categories(product),
        }
        if self.version >= 10 and verbose:
            row |= {
                "inv_id": product.inv_id,
                "attributes": product.attributes,
                "attributes_str": ", ".join(attribute_values(product)),
                "description": product.description,
                "product_code": product.product_code,
                "brand": product.brand,
                "meta": self._meta(product),
                "images": self._images(product.images, flat=False),
                "publish_states": list(product.states.values()),
            }
        return row

    def detail(self, product: Product, *, flat_images: bool = False) -> dict[str, Any]:
        """A product in full; ``flat_images`` is the older form that ``adjust_inventory`` answers at every version."""
        is_parent = bool(product.variations)
        row = self._common(product, list_thumbnail=False)
        if is_parent:
            row |= {"reorder_level": None, "safety_stock": None}
        row |= self._written(product, flat_images=flat_images)
        row |= {
            "variations": [self._variation(self.state.products[each], flat_images) for each in product.variations],
            "description": product.description,
            "categories": self._categories(product),
            "custom_sale": product.custom_sale,
            "shipping_services": [],
            "is_favourite": product.is_favourite,
            "brand": product.brand,
            "supplier": product.supplier,
        }
        if self.version >= 10:
            row |= {"states": list(product.states.values()), "attributes_str": ", ".join(attribute_values(product))}
        if self.version >= 13 and self.state.settings.detail_has_time_modified and not flat_images:
            row["time_modified"] = self.local(product.shown_at)
        return row

    def _variation(self, product: Product, flat_images: bool) -> dict[str, Any]:
        return {
            "id": product.id,
            "name": self.state.shown_name(product),
            "quantity": two_places(product.quantity),
            "reorder_level": two_places(product.reorder_level),
            "safety_stock": two_places(product.safety_stock),
            "price": ten_places(product.price),
            "gross_price": two_places(self.state.gross(product)),
            "tax_type": product.tax_type,
            "attributes_str": ", ".join(attribute_values(product)),
            **self._written(product, flat_images=flat_images),
        }

    def _common(self, product: Product, *, list_thumbnail: bool) -> dict[str, Any]:
        """The fields that lists, deltas and details share."""
        return {
            "name": self.state.shown_name(product),
            "id": product.id,
            "quantity": two_places(self.state.quantity(product)),
            "reorder_level": two_places(product.reorder_level),
            "safety_stock": two_places(product.safety_stock),
            "price": ten_places(product.price),
            "gross_price": two_places(self.state.gross(product)),
            "tax_type": product.tax_type,
            "custom_price": product.custom_price,
            "ebay_product_id": None,
            "ebay_url": None,
            "in_shop": product.in_shop,
            "shop_url": None,
            "thumbnail": self._thumbnail(product, in_list=list_thumbnail),
            "variation_count": len(product.variations),
            "is_giftcard": product.is_giftcard,
        }

    def _written(self, product: Product, *, flat_images: bool) -> dict[str, Any]:
        """The fields that details of products and of variations share."""
        row: dict[str, Any] = {
            "attributes": product.attributes,
            "product_code": product.product_code,
            "ean": product.ean,
            "purchase_price": shortest(product.purchase_price),
            "average_purchase_price": shortest(product.average_purchase_price),
            "images": self._images(product.images, flat=flat_images),
            "meta": self._meta(product),
        }
        if self.version >= 10:
            size = product.package_size_value
            row |= {
                "inv_id": product.inv_id,
                "package_size_value": None if size is None else two_places(size),
                "package_size_unit": product.package_size_unit,
                "base_price": None,
                "base_size_value": None,
                "base_size_unit": None,
            }
        if self.version >= 13:
            row["gtin"] = product.gtin
        return row

    def _meta(self, product: Product) -> dict[str, Any]:
        rate = self.state.rate(product)
        return {channel: self._override(each, rate) for channel, each in product.meta.items()}

    def _override(self, override: Override, rate: Decimal) -> dict[str, Any]:
        price = override.price
        return {
            "id": override.id,
            "channel": override.channel,
            "name": override.name,
            "description": override.description,
            "price": None if price is None else ten_places(price),
            "gross_price": None if price is None else two_places(to_gross(price, rate)),
            "images": None if override.images is None else self._images(override.images, flat=False),
        }

    # Categories

    def _categories(self, product: Product) -> list[Any]:
        if self.version >= 13:
            return list(product.categories)
        return [self.category(self.state.categories[each], with_products=False) for each in product.categories]

    def category(self, category: Category, *, in_list: bool = False, with_products: bool = True) -> dict[str, Any]:
        """A category; in the list its image is an address, in the detail an object."""
        image: Any = None
        if category.image is not None:
            stored = self.state.images[category.image]
            urls = self._urls(stored, _MORE_SIZES[:-1])
            image = urls["image"] if in_list else {"id": stored.id, "urls": urls}
        row = {
            "parent": None,
            "is_leaf": True,
            "hint": category.name,
            "tree_id": category.id,
            "id": category.id,
            "channel": None,
            "translations": [{"name": category.name, "language": "de", "id": None}],
            "image": image,
            "name": category.name,
        }
        if with_products:
            row |= {"products_count": len(category.products), "products": list(category.products)}
        return row

    # Images

    def image(self, image: Image, *, new: bool) -> dict[str, Any]:
        """An image as its upload and products from version 10 on answer it."""
        sizes = _MORE_SIZES if self.version >= 12 else _SIZES
        return {"id": image.id, "type": image.type, "new": new, "urls": self._urls(image, sizes)}

    def _images(self, images: Iterable[int], *, flat: bool) -> list[dict[str, Any]]:
        stored = [self.state.images[each] for each in images]
        if flat or self.version < 10:
            return [{"id": self._image_id(each), **self._urls(each, _SIZES)} for each in stored]
        return [self.image(each, new=False) for each in stored]

    def _image_id(self, image: Image) -> int:
        return image.id if self.version >= 8 else -image.id

    def _thumbnail(self, product: Product, *, in_list: bool) -> dict[str, Any] | None:
        if not product.images:
            return None
        image = self.state.images[product.images[0]]
        if not in_list:
            return {"id": self._image_id(image), **self._urls(image, _SIZES)}
        return {"id": -image.id, "new": True, **self._urls(image, _MORE_SIZES)}

    def _urls(self, image: Image, sizes: Iterable[str]) -> dict[str, str]:
        account = self.state.settings.account_id
        ending = "JPEG" if image.content_type == "image/jpeg" else image.content_type.rpartition("/")[2]
        return {size: f"{self.base_url}/uploads/{account}/{image.id}_{size}.{ending}" for size in sizes}

    # Times

    def local(self, at: datetime) -> str:
        """An instant with the account's offset and microseconds."""
        return at.astimezone(self.zone).isoformat(timespec="microseconds")
