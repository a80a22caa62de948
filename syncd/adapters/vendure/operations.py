"""Every text that this adapter can send.

Source: schema of Vendure 3.7.3 (``@vendure/core/dist/api/schema``); ``tests/vendure`` sends them to that version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PRODUCTS_PER_PAGE = 50
UNITS_PER_PAGE = 100
ORDERS_PER_PAGE = 50
MOVEMENTS_PER_PAGE = 100
IDS_PER_REQUEST = 50


@dataclass(frozen=True, slots=True)
class Operation:
    """A text with its name; ``write`` for mutations.

    Attributes:
        first: Of a mutation of several parts, which the shop carries out one after the other, the name of the first:
            an error in a later one says nothing of it.
    """

    name: str
    text: str
    write: bool = False
    first: str = ""


LOGIN = Operation(
    "Login",
    """mutation Login($username: String!, $password: String!) {
  login(username: $username, password: $password) { __typename ... on ErrorResult { errorCode } }
}""",
    write=True,
)

KNOWN = Operation("Known", "query Known { activeChannel { id } }")
"""What everybody may ask whom the shop knows; who shows an API key is no administrator, and may not ask for ``me``."""

UPDATE_NOTHING = Operation(
    "UpdateNothing",
    "mutation UpdateNothing { updateProductVariants(input: []) { id } updateProducts(input: []) { id } }",
    write=True,
)
"""Refused to who may not change products."""

WHO = Operation("Who", "query Who { me { id identifier channels { token permissions } } }")

FACTS = Operation(
    "Facts",
    """query Facts {
  globalSettings { trackInventory }
  activeChannel { code token defaultLanguageCode defaultCurrencyCode pricesIncludeTax defaultTaxZone { id } }
  taxRates(options: { take: 100 }) { items { value enabled category { id name } zone { id } } }
  stockLocations(options: { take: 100 }) { items { id name } }
}""",
)

_HEAD = """
fragment Head on Product { id enabled languageCode name slug description optionGroups { id name } }"""


_COUNTS = """
fragment Counts on ProductVariant {
  moved: stockMovements(options: { take: 1 }) { totalItems }
  adjusted: stockMovements(options: { take: 1, type: ADJUSTMENT }) { totalItems }
}"""


class Operations:
    """Texts that depend on what custom fields of variants there are.

    Args:
        gtin_field: The one with the GTIN, or ``None``.
        marker_field: The one with the id of our last stock write, or ``None``.
    """

    def __init__(self, gtin_field: str | None, marker_field: str | None) -> None:
        named = {"gtin": gtin_field, "marker": marker_field}
        fields = " ".join(f"{alias}: {name}" for alias, name in named.items() if name)
        custom = f" customFields {{ {fields} }}" if fields else ""
        self._unit = f"""
fragment Unit on ProductVariant {{
  id enabled sku name trackInventory priceWithTax taxRateApplied {{ value }}
  stockLevels {{ stockLocationId stockOnHand stockAllocated }}
  options {{ id name group {{ id name }} }}{custom}
}}"""
        fragments, counted = _HEAD + self._unit, _HEAD + self._unit + _COUNTS
        self.products = Operation(
            "Products",
            f"""query Products($options: ProductListOptions!) {{
  page: products(options: $options) {{ totalItems items {{ ...Head variants {{ ...Unit }} }} }}
  units: productVariants(options: {{ take: 1 }}) {{ totalItems }}
}}{fragments}""",
        )
        self.units = Operation(
            "Units",
            f"""query Units($options: ProductVariantListOptions!) {{
  page: productVariants(options: $options) {{ totalItems items {{ ...Unit product {{ ...Head }} }} }}
}}{fragments}""",
        )
        self.counted_units = Operation(
            "CountedUnits",
            f"""query CountedUnits($options: ProductVariantListOptions!) {{
  page: productVariants(options: $options) {{
    totalItems
    items {{ ...Unit product {{ ...Head }} ...Counts }}
  }}
}}{counted}""",
        )
        self.update = Operation(
            "Update",
            f"""mutation Update($variants: [UpdateProductVariantInput!]!, $products: [UpdateProductInput!]!) {{
  variants: updateProductVariants(input: $variants) {{ id }}
  products: updateProducts(input: $products) {{ ...Head variants {{ ...Unit }} }}
}}{fragments}""",
            write=True,
            first="variants",
        )
        self.update_variants = Operation(
            "UpdateVariants",
            f"""mutation UpdateVariants($variants: [UpdateProductVariantInput!]!) {{
  variants: updateProductVariants(input: $variants) {{ ...Unit product {{ ...Head }} }}
}}{fragments}""",
            write=True,
        )
        self.by_slug = Operation(
            "BySlug",
            f"""query BySlug($slug: String!) {{
  product(slug: $slug) {{ ...Head variants {{ ...Unit }} }}
}}{fragments}""",
        )
        kept = f" customFields {{ marker: {marker_field} }}" if marker_field else ""
        self.movements = Operation(
            "Movements",
            f"""query Movements($id: ID!, $skip: Int!, $take: Int!) {{
  unit: productVariant(id: $id) {{
    id stockLevels {{ stockLocationId stockOnHand stockAllocated }}{kept} ...Counts
    page: stockMovements(options: {{ skip: $skip, take: $take }}) {{
      totalItems items {{ ... on StockMovement {{ id type quantity }} }}
    }}
  }}
}}{_COUNTS}""",
        )
        self.set_stock = Operation(
            "SetStock",
            f"""mutation SetStock($input: [UpdateProductVariantInput!]!) {{
  rows: updateProductVariants(input: $input) {{
    ...Unit product {{ ...Head }} ...Counts
  }}
}}{counted}""",
            write=True,
        )

    def by_id(self, units: Sequence[str], products: Sequence[str]) -> Operation:
        """Ask for variants and products one by one: what is null is not there. The ids are ids of the shop."""
        lines = [
            f'u{at}: productVariant(id: "{one}") {{ ...Unit product {{ ...Head }} }}' for at, one in enumerate(units)
        ]
        lines += [
            f'p{at}: product(id: "{one}") {{ ...Head variants {{ ...Unit }} }}' for at, one in enumerate(products)
        ]
        return Operation("ById", f"query ById {{\n  {' '.join(lines)}\n}}{_HEAD}{self._unit}")


ORDERS = Operation(
    "Orders",
    """query Orders($options: OrderListOptions!) {
  page: orders(options: $options) {
    totalItems
    items {
      id code updatedAt orderPlacedAt
      lines { id createdAt updatedAt quantity orderPlacedQuantity productVariant { id } }
    }
  }
}""",
)

OPTIONS = Operation(
    "Options",
    """query Options($id: ID!) {
  product(id: $id) { id optionGroups { id name options { id name } } }
}""",
)

MAKE_OPTION = Operation(
    "MakeOption",
    "mutation MakeOption($input: CreateProductOptionInput!) { made: createProductOption(input: $input) { id } }",
    write=True,
)

MAKE_GROUP = Operation(
    "MakeGroup",
    """mutation MakeGroup($input: CreateProductOptionGroupInput!) {
  made: createProductOptionGroup(input: $input) { id options { id name } }
}""",
    write=True,
)

ADD_GROUP = Operation(
    "AddGroup",
    """mutation AddGroup($product: ID!, $group: ID!) {
  made: addOptionGroupToProduct(productId: $product, optionGroupId: $group) { id }
}""",
    write=True,
)

MAKE_PRODUCT = Operation(
    "MakeProduct",
    "mutation MakeProduct($input: CreateProductInput!) { made: createProduct(input: $input) { id slug } }",
    write=True,
)

MAKE_VARIANTS = Operation(
    "MakeVariants",
    """mutation MakeVariants($input: [CreateProductVariantInput!]!) {
  made: createProductVariants(input: $input) { id }
}""",
    write=True,
)

DELETE_PRODUCT = Operation(
    "DeleteProduct",
    "mutation DeleteProduct($id: ID!) { deleted: deleteProduct(id: $id) { result message } }",
    write=True,
)

DELETE_VARIANT = Operation(
    "DeleteVariant",
    "mutation DeleteVariant($id: ID!) { deleted: deleteProductVariant(id: $id) { result message } }",
    write=True,
)
