"""Mutations of products and variants.

Source: shopify-api.md section 6. A mutation carries out all of its input or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from graphql import GraphQLResolveInfo, get_named_type

from syncd.simulators.shopify.rows import DEFAULT_OPTION, Product, Variant
from syncd.simulators.shopify.search import connection, failed
from syncd.simulators.shopify.state import Shop
from syncd.simulators.shopify.views import View, Views, gid

_MOST_OPTIONS = 3
_LONGEST = 255
_SHOP_NAME = "Simulated shop"


class _Refused(Exception):
    def __init__(self, code: str, message: str, *field: str) -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, list(field)


class ProductWrites:
    """The mutations by name."""

    def __init__(self, shop: Shop, views: Views) -> None:
        self._shop = shop
        self._views = views

    def update(self, info: GraphQLResolveInfo, product: Mapping[str, Any]) -> View:
        """``productUpdate``: what is left out stays."""

        def do() -> View:
            found = self._product(product.get("id"), "id")
            self._head(found, product)
            self._shop.touch(found)
            return {"product": self._views.product(found)}

        return _carried_out(info, "product", do)

    def delete(self, info: GraphQLResolveInfo, input: Mapping[str, Any], synchronous: bool = True) -> View:  # noqa: A002
        """``productDelete``."""

        def do() -> View:
            found = self._product(input["id"], "id")
            self._shop.delete_product(found)
            return {"deletedProductId": input["id"]}

        if not synchronous:
            raise failed("only synchronous deletions are simulated")
        return _carried_out(info, "deletedProductId", do)

    def publish(self, info: GraphQLResolveInfo, id: str, input: Sequence[Mapping[str, Any]]) -> View:  # noqa: A002
        """``publishablePublish``."""
        self._needs_right("write_publications")

        def do() -> View:
            product = self._product(id, "id")
            numbers = [self._views.parse(one.get("publicationId") or "")[1] for one in input]
            for at, number in enumerate(numbers):
                if number not in self._shop.publications:
                    raise _Refused("", "Publication does not exist or is not publishable", "input", str(at))
            product.publications |= set(numbers)
            self._shop.touch(product)
            return {"publishable": self._views.product(product)}

        return _carried_out(info, "publishable", do)

    def publications(self, _: GraphQLResolveInfo, **given: Any) -> View:
        """``publications``: sales channels, each with its catalogue."""
        self._needs_right("read_publications")

        def view(row: tuple[int, str]) -> View:
            own, title = gid("AppCatalog", row[0]), f"Channel Catalog {row[0]}"
            catalog = {"__typename": "AppCatalog", "id": own, "title": title}
            return {"id": gid("Publication", row[0]), "name": row[1], "catalog": catalog}

        return connection(self._shop.publications.items(), given, view, lambda row: (row[0],))

    def _needs_right(self, scope: str) -> None:
        granted = self._shop.settings.scopes.split(",")
        if scope not in granted and f"write_{scope.removeprefix('read_')}" not in granted:
            raise failed(f"Access denied. Required access: `{scope}` access scope.", "ACCESS_DENIED")

    def make(self, info: GraphQLResolveInfo, input: Mapping[str, Any], synchronous: bool = True) -> View:  # noqa: A002
        """``productSet`` without an identifier: a new product with all its variants."""
        if not synchronous:
            raise failed("only synchronous calls are simulated")
        return _carried_out(info, "product", lambda: {"product": self._views.product(self._make(input))})

    def add_variants(self, info: GraphQLResolveInfo, productId: str, variants: Sequence[Mapping[str, Any]]) -> View:  # noqa: N803
        """``productVariantsBulkCreate``: quantities may be given."""

        def do() -> View:
            product = self._product(productId, "productId")
            self._unlike(product, [self._values(product, given) for given in variants])
            made = [self._variant(product, given) for given in variants]
            for variant, given in zip(made, variants, strict=True):
                for row in given.get("inventoryQuantities") or []:
                    self._stock(variant, row["locationId"], row["availableQuantity"])
            return {"product": self._views.product(product), "productVariants": list(map(self._views.variant, made))}

        return _carried_out(info, "productVariants", do)

    def update_variants(self, info: GraphQLResolveInfo, productId: str, variants: Sequence[Mapping[str, Any]]) -> View:  # noqa: N803
        """``productVariantsBulkUpdate``: quantities may not be given."""

        def do() -> View:
            product = self._product(productId, "productId")
            pairs = [(self._variant_of(product, given.get("id")), given) for given in variants]
            for variant, given in pairs:
                if given.get("inventoryQuantities"):
                    code = "NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE"
                    raise _Refused(code, "Inventory quantities cannot be set during update.", "variants")
                _check(given)
                if "optionValues" in given:
                    self._unlike(product, [self._values(product, given, variant)], variant)
            for variant, given in pairs:
                self._fill(variant, given)
                if "optionValues" in given:
                    variant.options = self._values(product, given, variant)
                self._shop.touch(product, variant)
            return {
                "product": self._views.product(product),
                "productVariants": [self._views.variant(one) for one, _ in pairs],
            }

        return _carried_out(info, "productVariants", do)

    def delete_variants(self, info: GraphQLResolveInfo, productId: str, variantsIds: Sequence[str]) -> View:  # noqa: N803
        """``productVariantsBulkDelete``."""

        def do() -> View:
            product = self._product(productId, "productId")
            found = [self._variant_of(product, one) for one in variantsIds]
            if len(found) == len(product.variants):
                raise _Refused(
                    "CANNOT_DELETE_LAST_VARIANT", "Cannot delete the last variant of a product", "variantsIds"
                )
            for variant in found:
                self._shop.delete_variant(variant)
            return {"product": self._views.product(product)}

        return _carried_out(info, "product", do)

    # -- Products

    def _make(self, given: Mapping[str, Any]) -> Product:
        handle, variants = given.get("handle") or "", given.get("variants")
        if handle and any(one.handle == handle for one in self._shop.products.values()):
            raise _Refused("HANDLE_NOT_UNIQUE", f"Handle '{handle}' already in use.", "input", "handle")
        if not (given.get("title") or "").strip():
            raise _Refused("INVALID_PRODUCT", "Title can't be blank", "input", "title")
        options = given.get("productOptions") or []
        if variants and not options:
            words = "Must specify product options when updating variants."
            raise _Refused("PRODUCT_OPTIONS_INPUT_MISSING", words, "input", "productOptions")
        if options and not variants:
            raise _Refused(
                "VARIANTS_INPUT_MISSING", "Must specify variants when updating options.", "input", "variants"
            )
        names = [one["name"] for one in options] or [DEFAULT_OPTION[0]]
        if len(names) > _MOST_OPTIONS:
            raise _Refused("OPTIONS_OVER_LIMIT", "Products can have at most 3 options.", "input", "productOptions")
        for one in variants or []:
            _check(one)
        draft = Product(0, given["title"], handle, 0, 0, option_names=names)
        rows = [self._values(draft, one) for one in variants or []]
        self._unlike(draft, rows)
        self._offered(options, rows)
        product = self._shop.add_product(given["title"], names, handle)
        product.vendor = _SHOP_NAME
        self._head(product, given)
        default = {"optionValues": [{"optionName": DEFAULT_OPTION[0], "name": DEFAULT_OPTION[1]}]}
        for one in variants or [default]:
            variant = self._variant(product, one)
            for row in one.get("inventoryQuantities") or []:
                self._stock(variant, row["locationId"], row["quantity"])
        return product

    @staticmethod
    def _offered(options: Sequence[Mapping[str, Any]], rows: Iterable[Sequence[str]]) -> None:
        offered = [{value["name"] for value in option.get("values") or []} for option in options]
        for row in rows:
            if any(value not in there for value, there in zip(row, offered, strict=True)):
                raise _Refused("OPTION_VALUE_DOES_NOT_EXIST", "Option value does not exist.", "input", "variants")

    def _head(self, product: Product, given: Mapping[str, Any]) -> None:
        if "title" in given and not (given["title"] or "").strip():
            raise _Refused("INVALID_PRODUCT", "Title can't be blank", "title")
        if len(given.get("title") or "") > _LONGEST:
            raise _Refused("INVALID_PRODUCT", "Title is too long (maximum is 255 characters)", "title")
        product.title = given.get("title", product.title)
        product.description = given.get("descriptionHtml", product.description) or ""
        product.vendor = given.get("vendor", product.vendor) or ""
        product.status = given.get("status", product.status)
        product.product_type = given.get("productType", product.product_type) or ""
        product.tags = list(given.get("tags", product.tags))
        product.metafields |= _metafields(given)

    # -- Variants

    def _variant(self, product: Product, given: Mapping[str, Any]) -> Variant:
        _check(given)
        variant = self._shop.add_variant(product, self._values(product, given))
        self._fill(variant, given)
        return variant

    @staticmethod
    def _fill(variant: Variant, given: Mapping[str, Any]) -> None:
        item = given.get("inventoryItem") or {}
        variant.sku = item.get("sku", given.get("sku", variant.sku)) or ""
        variant.tracked = item.get("tracked", variant.tracked)
        variant.barcode = given.get("barcode", variant.barcode) or ""
        variant.price = Decimal(str(given.get("price", variant.price))).quantize(Decimal("0.01"))
        variant.taxable = given.get("taxable", variant.taxable)
        variant.policy = given.get("inventoryPolicy", variant.policy)
        variant.metafields |= _metafields(given)

    @staticmethod
    def _values(product: Product, given: Mapping[str, Any], variant: Variant | None = None) -> list[str]:
        """The value of each option; of a variant that is there those that are left out stay."""
        named = {one["optionName"]: one["name"] for one in given.get("optionValues") or []}
        unknown = named.keys() - set(product.option_names)
        if unknown:
            raise _Refused("OPTION_DOES_NOT_EXIST", f"Option {min(unknown)} does not exist.", "variants")
        there = variant.options if variant else [DEFAULT_OPTION[1] if product.plain else None] * _MOST_OPTIONS
        values = [named.get(name, old) for name, old in zip(product.option_names, there, strict=False)]
        found = [value for value in values if value is not None]
        if len(found) != len(product.option_names):
            raise _Refused("NEED_TO_ADD_OPTION_VALUES", "You need to add option values.", "variants")
        return found

    @staticmethod
    def _unlike(product: Product, rows: Sequence[Sequence[str]], but: Variant | None = None) -> None:
        taken = [tuple(one.options) for one in product.variants if one is not but]
        for row in rows:
            if tuple(row) in taken:
                raise _Refused("VARIANT_ALREADY_EXISTS", f"The variant '{' / '.join(row)}' already exists.", "variants")
            taken.append(tuple(row))

    def _stock(self, variant: Variant, location: str, quantity: int) -> None:
        _, number = self._views.parse(location)
        if number not in self._shop.locations:
            raise failed("The specified location could not be found.", "BAD_REQUEST")
        level = self._shop.level(variant, self._shop.locations[number])
        self._shop.move(level, available=quantity - level.available)

    def _product(self, wanted: str | None, *field: str) -> Product:
        kind, number = self._views.parse(wanted or "")
        found = self._shop.products.get(number) if kind == "Product" else None
        if found is None:
            raise _Refused("PRODUCT_DOES_NOT_EXIST", "Product does not exist", *field)
        return found

    @staticmethod
    def _variant_of(product: Product, wanted: str | None) -> Variant:
        for variant in product.variants:
            if gid("ProductVariant", variant.id) == wanted:
                return variant
        raise _Refused("PRODUCT_VARIANT_DOES_NOT_EXIST", "Product variant does not exist", "variants")


def _check(given: Mapping[str, Any]) -> None:
    try:
        price = Decimal(str(given.get("price", "0")))
    except InvalidOperation:
        raise failed("price is no amount", "INVALID_VARIABLE") from None
    if price < 0:
        raise _Refused("NEGATIVE_PRICE_VALUE", "Price must be greater than or equal to 0", "variants", "price")
    item = given.get("inventoryItem") or {}
    if len(item.get("sku") or "") > _LONGEST or len(given.get("barcode") or "") > _LONGEST:
        raise _Refused("TOO_LONG", "is too long (maximum is 255 characters)", "variants")


def _metafields(given: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    return {(one["namespace"], one["key"]): one["value"] for one in given.get("metafields") or []}


def _carried_out(info: GraphQLResolveInfo, result: str, do: Callable[[], View]) -> View:
    """The payload; of codes that the mutation's errors do not know only the words are left."""
    try:
        return {**do(), "userErrors": []}
    except _Refused as refused:
        payload: Any = get_named_type(info.return_type)
        code: Any = get_named_type(payload.fields["userErrors"].type).fields.get("code")
        known = code is not None and refused.code in get_named_type(code.type).values
        error = {"code": refused.code if known else None, "field": refused.field, "message": refused.message}
        return {result: None, "userErrors": [error]}
