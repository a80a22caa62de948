"""Products and variations as JSON; only the asked fields are computed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote_plus

from syncd.simulators.woocommerce import dates, text
from syncd.simulators.woocommerce.rows import Product
from syncd.simulators.woocommerce.state import Shop

Field = Callable[["View", Product], Any]

ITEM_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

STORED: dict[str, Any] = {
    "featured": False,
    "catalog_visibility": "visible",
    "description": "",
    "short_description": "",
    "virtual": False,
    "downloadable": False,
    "downloads": [],
    "download_limit": -1,
    "download_expiry": -1,
    "external_url": "",
    "button_text": "",
    "tax_status": "taxable",
    "low_stock_amount": None,
    "sold_individually": False,
    "weight": "",
    "dimensions": {"length": "", "width": "", "height": ""},
    "shipping_class": "",
    "reviews_allowed": True,
    "upsell_ids": [],
    "cross_sell_ids": [],
    "purchase_note": "",
    "tags": [],
    "default_attributes": [],
    "grouped_products": [],
    "menu_order": 0,
    "post_password": "",
}
"""Fields that are kept and given back without meaning here, with their defaults."""


class View:
    """Renders for one request: ``root`` is the address up to ``/wp-json``; ``edit`` as in answers to writes."""

    def __init__(self, shop: Shop, root: str, *, edit: bool = False) -> None:
        self.shop = shop
        self.root = root
        self.edit = edit

    @property
    def site(self) -> str:
        """Address of the shop."""
        return self.root.removesuffix("/wp-json").removesuffix("/index.php")

    def product(self, product: Product, wanted: Collection[str] | None = None) -> dict[str, Any]:
        """As ``/products`` shows it, variations too."""
        return {
            name: field(self, product)
            for name, field in PRODUCT_FIELDS.items()
            if (wanted is None or name in wanted) and (self.edit or name not in _EDIT_ONLY)
        }

    def variation(self, product: Product, wanted: Collection[str] | None = None) -> dict[str, Any]:
        """As the variations routes show it."""
        return {
            name: field(self, product) for name, field in VARIATION_FIELDS.items() if wanted is None or name in wanted
        }

    def item_links(self, path: str, collection: str, up: str = "", methods: list[str] | None = None) -> dict[str, Any]:
        """The ``_links`` object of one row."""
        base = f"{self.root}/wc/v3"
        allow = methods or ITEM_METHODS
        links = {
            "self": [{"href": f"{base}/{path}", "targetHints": {"allow": allow}}],
            "collection": [{"href": f"{base}/{collection}"}],
        }
        return {**links, "up": [{"href": f"{base}/{up}"}]} if up else links


def _name(view: View, product: Product) -> str:
    parent = view.shop.parent(product)
    return product.name if parent is None else f"{parent.name} - {_options(product)}"


def _options(product: Product) -> str:
    return ", ".join(str(attribute["option"]) for attribute in product.attributes)


def _slug(view: View, product: Product) -> str:
    parent = view.shop.parent(product)
    if parent is not None:
        return text.slug(_name(view, product))
    return f"{product.slug}__trashed" if product.status == "trash" else product.slug


def _permalink(view: View, product: Product) -> str:
    owner = view.shop.parent(product) or product
    public = owner.status in {"publish", "private"}
    base = f"{view.site}/product/{owner.slug}/" if public else f"{view.site}/?post_type=product&p={owner.id}"
    if owner is product:
        return base
    pairs = [f"attribute_{a['slug']}={quote_plus(str(a['option']))}" for a in product.attributes]
    return base + ("?" if public else "&") + "&".join(pairs)


def _price(view: View, product: Product) -> str:
    if product.type != "variable":
        return product.price
    prices = [child.price for child in view.shop.children(product) if child.price]
    return min(prices, key=lambda price: (len(price.partition(".")[0]), price), default="")


def _price_html(view: View, product: Product) -> str:
    price = _price(view, product)
    return f'<span class="woocommerce-Price-amount amount">{price}</span>' if price else ""


def stock_status(shop: Shop, product: Product) -> str:
    """As shown: of the unit that keeps the stock, or of the variations."""
    unit = shop.stock_unit(product)
    if unit is not None:
        return unit.stock_status
    if product.type != "variable":
        return product.stock_status
    seen = {stock_status(shop, child) for child in shop.children(product)}
    return next((status for status in ("instock", "onbackorder") if status in seen), "outofstock")


def _stock_quantity(view: View, product: Product) -> int | None:
    unit = view.shop.stock_unit(product)
    return None if unit is None else unit.stock


def _manage_stock(view: View, product: Product) -> bool | str:
    unit = view.shop.stock_unit(product)
    return "parent" if unit is not None and unit is not product else product.manage_stock


def _sku(view: View, product: Product) -> str:
    parent = view.shop.parent(product)
    return product.sku or (parent.sku if parent is not None else "")


def _tax_class(view: View, product: Product) -> str:
    parent = view.shop.parent(product)
    if product.tax_class != "parent" or parent is None or view.edit:
        return product.tax_class
    return parent.tax_class


def _categories(view: View, product: Product) -> list[dict[str, Any]]:
    found = (view.shop.categories.get(category_id) for category_id in product.categories)
    return [{"id": c.id, "name": c.name, "slug": c.slug} for c in found if c is not None]


def _images(view: View, product: Product) -> list[dict[str, Any]]:
    """What was uploaded is served by this shop, what was loaded from elsewhere by nobody."""
    site = view.site
    return [
        {**image, "src": site + image["src"] if image["src"][:1] == "/" else image["src"]} for image in product.images
    ]


def _brands(view: View, product: Product) -> list[dict[str, Any]]:
    found = (view.shop.brands.get(brand_id) for brand_id in product.brands)
    return [{"id": b.id, "name": b.name, "slug": b.slug} for b in found if b is not None]


def _product_links(view: View, product: Product) -> dict[str, Any]:
    up = f"products/{product.parent_id}" if product.is_variation else ""
    return view.item_links(f"products/{product.id}", "products", up)


def _variation_links(view: View, product: Product) -> dict[str, Any]:
    parent = f"products/{product.parent_id}"
    return view.item_links(f"{parent}/variations/{product.id}", f"{parent}/variations", parent)


def _stored(name: str) -> Field:
    return lambda view, product: product.extra.get(name, STORED[name])


def _description(view: View, product: Product) -> str:
    stored = str(product.extra.get("description", STORED["description"]))
    return stored if view.edit else text.paragraphs(stored)


def _value(value: Any) -> Field:
    return lambda view, product: value


def _children(view: View, product: Product) -> list[int]:
    return [child.id for child in view.shop.children(product)]


_EDIT_ONLY = {"permalink_template", "generated_slug"}

_DATES: dict[str, Field] = {
    "date_created": lambda view, product: dates.render(product.created, view.shop.offset_s),
    "date_created_gmt": lambda view, product: dates.render(product.created),
    "date_modified": lambda view, product: dates.render(product.modified, view.shop.offset_s),
    "date_modified_gmt": lambda view, product: dates.render(product.modified),
}

_PRICES: dict[str, Field] = {
    "price": _price,
    "regular_price": lambda view, product: "" if product.type == "variable" else product.regular_price,
    "sale_price": lambda view, product: "" if product.type == "variable" else product.sale_price,
    "date_on_sale_from": _value(None),
    "date_on_sale_from_gmt": _value(None),
    "date_on_sale_to": _value(None),
    "date_on_sale_to_gmt": _value(None),
    "on_sale": lambda view, product: bool(product.sale_price),
}

_GOODS: dict[str, Field] = {
    "purchasable": lambda view, product: _price(view, product) != "",
    "virtual": _stored("virtual"),
    "downloadable": _stored("downloadable"),
    "downloads": _stored("downloads"),
    "download_limit": _stored("download_limit"),
    "download_expiry": _stored("download_expiry"),
}

_STOCK: dict[str, Field] = {
    "manage_stock": _manage_stock,
    "stock_quantity": _stock_quantity,
    "stock_status": lambda view, product: stock_status(view.shop, product),
    "backorders": lambda view, product: product.backorders,
    "backorders_allowed": lambda view, product: product.backorders != "no",
    "backordered": lambda view, product: product.backorders != "no" and (product.stock or 0) < 0,
    "low_stock_amount": _stored("low_stock_amount"),
}

VARIATION_FIELDS: dict[str, Field] = {
    "id": lambda view, product: product.id,
    "type": lambda view, product: product.type,
    **_DATES,
    "description": _stored("description"),
    "permalink": _permalink,
    "sku": _sku,
    "global_unique_id": lambda view, product: product.gtin,
    **_PRICES,
    "status": lambda view, product: product.status,
    **_GOODS,
    "tax_status": _stored("tax_status"),
    "tax_class": _tax_class,
    **_STOCK,
    "weight": _stored("weight"),
    "dimensions": _stored("dimensions"),
    "shipping_class": _stored("shipping_class"),
    "shipping_class_id": _value(0),
    "image": lambda view, product: next(iter(_images(view, product)), None),
    "attributes": lambda view, product: product.attributes,
    "menu_order": _stored("menu_order"),
    "meta_data": lambda view, product: [dict(entry) for entry in product.meta],
    "name": lambda view, product: _options(product),
    "parent_id": lambda view, product: product.parent_id,
    "_links": _variation_links,
}

PRODUCT_FIELDS: dict[str, Field] = {
    "id": lambda view, product: product.id,
    "name": _name,
    "slug": _slug,
    "permalink": _permalink,
    **_DATES,
    "type": lambda view, product: product.type,
    "status": lambda view, product: product.status,
    "featured": _stored("featured"),
    "catalog_visibility": _stored("catalog_visibility"),
    "description": _description,
    "short_description": _stored("short_description"),
    "sku": _sku,
    **_PRICES,
    "purchasable": _GOODS["purchasable"],
    "total_sales": lambda view, product: "0" if product.is_variation else 0,
    **_GOODS,
    "external_url": _stored("external_url"),
    "button_text": _stored("button_text"),
    "tax_status": _stored("tax_status"),
    "tax_class": _tax_class,
    **{name: field for name, field in _STOCK.items() if name != "stock_status"},
    "sold_individually": _stored("sold_individually"),
    "weight": _stored("weight"),
    "dimensions": _stored("dimensions"),
    "shipping_required": lambda view, product: not product.extra.get("virtual"),
    "shipping_taxable": _value(True),
    "shipping_class": _stored("shipping_class"),
    "shipping_class_id": _value(0),
    "reviews_allowed": _stored("reviews_allowed"),
    "average_rating": _value("0.00"),
    "rating_count": _value(0),
    "upsell_ids": _stored("upsell_ids"),
    "cross_sell_ids": _stored("cross_sell_ids"),
    "parent_id": lambda view, product: product.parent_id,
    "purchase_note": _stored("purchase_note"),
    "categories": _categories,
    "brands": _brands,
    "tags": _stored("tags"),
    "images": _images,
    "attributes": lambda view, product: product.attributes,
    "default_attributes": _stored("default_attributes"),
    "variations": _children,
    "grouped_products": _stored("grouped_products"),
    "menu_order": _stored("menu_order"),
    "price_html": _price_html,
    "related_ids": _value([]),
    "meta_data": lambda view, product: [dict(entry) for entry in product.meta],
    "stock_status": _STOCK["stock_status"],
    "has_options": lambda view, product: any(attribute.get("variation") for attribute in product.attributes),
    "post_password": _stored("post_password"),
    "global_unique_id": lambda view, product: product.gtin,
    "permalink_template": lambda view, product: f"{view.site}/product/%pagename%/",
    "generated_slug": lambda view, product: text.slug(product.name),
    "_links": _product_links,
}
