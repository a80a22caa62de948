"""Every text that this adapter can send; each is valid against the schemas of all versions that it supports.

Source: shopify-api.md sections 3, 5, 7 and 10. What a query may cost (1,000 points, section 9) decides the sizes of
pages: an object costs 1, a connection 2 and each of its objects, an alias as much as what it names.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from syncd.adapters.shopify import library
from syncd.adapters.shopify.operation import PAGE, Operation

VERSIONS = ("2026-01", "2026-04", "2026-10")
"""Versions of the API that the texts were checked against."""

MOST_LOCATIONS = 10
MOST_WRITES = 50
"""Of one request: each costs 10 points."""

PRODUCTS_PER_PAGE = 100
LEVELS_PER_PAGE = 100
FIRST_PAGE = 20
"""Rows of the first page of a feed: mostly there is no second one, and all of a page must be paid for in advance."""
ORDERS_PER_PAGE = 20
LINES_PER_ORDER = 10
REFUNDS_PER_REQUEST = 3
EVENTS_PER_PAGE = 100
_POINTS = 850


_HEAD = """id title status vendor descriptionHtml hasOnlyDefaultVariant
  featuredMedia { id } mediaCount { count } pictures: metafield(namespace: "syncd", key: "images") { value }"""

_UNIT = "id title sku barcode price requiresComponents selectedOptions { name value }"

_PRODUCT = f"""
fragment Head on Product {{
  {_HEAD}
}}"""

SHOP = Operation(
    "Shop",
    """query Shop {
  shop { name myshopifyDomain currencyCode taxesIncluded plan { publicDisplayName } }
  currentAppInstallation { accessScopes { handle } }
}""",
)

LOCATIONS = Operation(
    "Locations",
    f"""query Locations($after: String) {{
  locations(first: 50, after: $after) {{
    {PAGE}
    nodes {{ id name isActive isFulfillmentService fulfillsOnlineOrders }}
  }}
}}""",
)

COUNT = Operation("CountVariants", "query CountVariants { total: productVariantsCount(limit: null) { count } }")

PRODUCTS = Operation(
    "Products",
    f"""query Products($first: Int!, $after: String, $query: String) {{
  total: productsCount(limit: null) {{ count }}
  page: products(first: $first, after: $after, query: $query, sortKey: ID) {{ {PAGE} nodes {{ ...Head }} }}
}}{_PRODUCT}""",
)

CHANGED_PRODUCTS = Operation(
    "ChangedProducts",
    f"""query ChangedProducts($first: Int!, $after: String, $query: String!) {{
  page: products(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    {PAGE} nodes {{ updatedAt ...Head }}
  }}
}}{_PRODUCT}""",
)

CHILDREN = Operation(
    "Children",
    f"""query Children($id: ID!, $after: String) {{
  product(id: $id) {{ variants(first: 250, after: $after) {{ {PAGE} nodes {{ id }} }} }}
}}""",
)

CHANGED_LEVELS = Operation(
    "ChangedLevels",
    f"""query ChangedLevels($location: ID!, $first: Int!, $after: String, $query: String!) {{
  location(id: $location) {{
    page: inventoryLevels(first: $first, after: $after, query: $query) {{
      {PAGE} nodes {{ id updatedAt item {{ id variants(first: 3) {{ nodes {{ id }} }} }} }}
    }}
  }}
}}""",
)

DESTROYED = Operation(
    "Destroyed",
    f"""query Destroyed($first: Int!, $after: String, $query: String!) {{
  page: events(first: $first, after: $after, query: $query, sortKey: CREATED_AT) {{
    {PAGE} nodes {{ id action ... on BasicEvent {{ subjectId subjectType }} }}
  }}
}}""",
)

_LINES = "nodes { id quantity variant { id product { id hasOnlyDefaultVariant } } }"

ORDERS = Operation(
    "Orders",
    f"""query Orders($first: Int!, $after: String, $query: String!) {{
  page: orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    {PAGE}
    nodes {{
      id name createdAt updatedAt cancelledAt
      lineItems(first: {LINES_PER_ORDER}) {{ {PAGE} {_LINES} }}
      refunds {{ id createdAt }}
    }}
  }}
}}""",
)

ORDER_LINES = Operation(
    "OrderLines",
    f"""query OrderLines($id: ID!, $after: String) {{
  order(id: $id) {{ lineItems(first: 100, after: $after) {{ {PAGE} {_LINES} }} }}
}}""",
)

REFUND_LINES = Operation(
    "RefundLines",
    f"""query RefundLines($ids: [ID!]!, $after: String) {{
  nodes(ids: $ids) {{
    ... on Refund {{
      id
      refundLineItems(first: 60, after: $after) {{
        {PAGE} nodes {{ quantity restockType restocked location {{ id }} lineItem {{ id }} }}
      }}
    }}
  }}
}}""",
)

TRACK = Operation(
    "Track",
    """mutation Track($id: ID!, $input: InventoryItemInput!) {
  inventoryItemUpdate(id: $id, input: $input) { inventoryItem { id tracked } userErrors { field message } }
}""",
    write=True,
)

SET = Operation(
    "SetQuantity",
    """mutation SetQuantity($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}""",
    write=True,
)

ACTIVATE = Operation(
    "Activate",
    """mutation Activate($item: ID!, $location: ID!, $available: Int, $onHand: Int, $key: String!) {
  inventoryActivate(inventoryItemId: $item, locationId: $location, available: $available, onHand: $onHand)
    @idempotent(key: $key) { inventoryLevel { id } userErrors { field message } }
}""",
    write=True,
)

UPDATE_PRODUCT = Operation(
    "UpdateProduct",
    f"""mutation UpdateProduct($product: ProductUpdateInput!) {{
  productUpdate(product: $product) {{ product {{ ...Head }} userErrors {{ field message }} }}
}}{_PRODUCT}""",
    write=True,
)

UPDATE_VARIANTS = Operation(
    "UpdateVariants",
    """mutation UpdateVariants($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants) {
    productVariants { id sku barcode price selectedOptions { name value } }
    userErrors { code field message }
  }
}""",
    write=True,
)

DELETE_PRODUCT = Operation(
    "DeleteProduct",
    """mutation DeleteProduct($input: ProductDeleteInput!) {
  productDelete(input: $input, synchronous: true) { deletedProductId userErrors { field message } }
}""",
    write=True,
)

DELETE_VARIANTS = Operation(
    "DeleteVariants",
    """mutation DeleteVariants($product: ID!, $variants: [ID!]!) {
  productVariantsBulkDelete(productId: $product, variantsIds: $variants) {
    product { id }
    userErrors { code field message }
  }
}""",
    write=True,
)

MAKE_PRODUCT = Operation(
    "MakeProduct",
    """mutation MakeProduct($input: ProductSetInput!) {
  productSet(input: $input, synchronous: true) { product { id } userErrors { code field message } }
}""",
    write=True,
)

MAKE_VARIANTS = Operation(
    "MakeVariants",
    """mutation MakeVariants($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkCreate(productId: $product, variants: $variants) {
    productVariants { id }
    userErrors { code field message }
  }
}""",
    write=True,
)

_MARK = """mark: metafield(namespace: "syncd", key: "made") { value }"""

BY_HANDLE = Operation(
    "ByHandle",
    f"""query ByHandle($handle: String!) {{
  product: productByIdentifier(identifier: {{ handle: $handle }}) {{ id {_MARK} }}
}}""",
)

NEWEST = Operation(
    "Newest",
    f"""query Newest($first: Int!, $after: String, $query: String!) {{
  page: products(first: $first, after: $after, query: $query, sortKey: CREATED_AT) {{ {PAGE} nodes {{ id {_MARK} }} }}
}}""",
)


@functools.cache
def whole_product(locations: int) -> Operation:
    """A product with its variants, their quantities and the marks of their making."""
    return Operation(
        "WholeProduct",
        f"""query WholeProduct($id: ID!, $first: Int!, $after: String, {_stock_variables(locations)}) {{
  product(id: $id) {{
    ...Head
    isGiftCard
    productType
    options {{ name }}
    page: variants(first: $first, after: $after) {{ {PAGE} nodes {{ ...Unit taxable {_MARK} }} }}
  }}
}}{_unit(locations)}{_PRODUCT}""",
    )


@functools.cache
def variants(locations: int) -> Operation:
    """All variants by id, with their quantities at so many locations."""
    return Operation(
        "Variants",
        f"""query Variants($first: Int!, $after: String, $query: String, {_stock_variables(locations)}) {{
  total: productVariantsCount(limit: null) {{ count }}
  page: productVariants(first: $first, after: $after, query: $query, sortKey: ID) {{ {PAGE} nodes {{ ...Unit }} }}
}}{_unit(locations)}{_PRODUCT}""",
    )


@functools.cache
def variants_of(locations: int) -> Operation:
    """Variants that a search finds, by id."""
    return Operation(
        "VariantsOf",
        f"""query VariantsOf($first: Int!, $after: String, $query: String!, {_stock_variables(locations)}) {{
  page: productVariants(first: $first, after: $after, query: $query, sortKey: ID) {{ {PAGE} nodes {{ ...Unit }} }}
}}{_unit(locations)}{_PRODUCT}""",
    )


@functools.cache
def product_nodes(locations: int) -> Operation:
    """Products by id, with their first variant."""
    return Operation(
        "ProductNodes",
        f"""query ProductNodes($ids: [ID!]!, {_stock_variables(locations)}) {{
  nodes(ids: $ids) {{
    __typename
    ... on Product {{ ...Head variants(first: 1) {{ nodes {{ ...Unit }} }} }}
  }}
}}{_unit(locations)}{_PRODUCT}""",
    )


@functools.cache
def variant_nodes(locations: int) -> Operation:
    """Variants by id."""
    return Operation(
        "VariantNodes",
        f"""query VariantNodes($ids: [ID!]!, {_stock_variables(locations)}) {{
  nodes(ids: $ids) {{
    __typename
    ... on ProductVariant {{ ...Unit }}
  }}
}}{_unit(locations)}{_PRODUCT}""",
    )


def bulk_products(locations: Sequence[str], quantity: str) -> Operation:
    """All products with all variants, for an export: it takes no variables, and connections without sizes."""
    levels = " ".join(
        f'level{at}: inventoryLevel(locationId: "{gid}") {{ quantities(names: ["{quantity}"]) {{ name quantity }} }}'
        for at, gid in enumerate(locations)
    )
    return Operation(
        "BulkProducts",
        f"""query BulkProducts {{
  products {{ edges {{ node {{
    {_HEAD}
    variants {{ edges {{ node {{
      {_UNIT}
      inventoryItem {{ id tracked {levels} }}
    }} }} }}
  }} }} }}
}}""",
    )


@functools.cache
def adjust(writes: int) -> Operation:
    """Several differences, each under its own key, applied or refused alone."""
    variables = ", ".join(f"$i{at}: InventoryAdjustQuantitiesInput!, $k{at}: String!" for at in range(writes))
    fields = "\n".join(
        f"""  w{at}: inventoryAdjustQuantities(input: $i{at}) @idempotent(key: $k{at}) {{
    inventoryAdjustmentGroup {{ changes(quantityNames: $names) {{
      name delta quantityAfterChange item {{ id }} location {{ id }}
    }} }}
    userErrors {{ code field message }}
  }}"""
        for at in range(writes)
    )
    text = f"mutation Adjust({variables}, $names: [String!]!) {{\n{fields}\n}}"
    return Operation("Adjust", text, write=True, points=10.0 * writes)


def variants_per_page(locations: int) -> int:
    """Most variants in one request, by id or as a page."""
    return min(100, _POINTS // (12 + 2 * locations))


def products_per_request(locations: int) -> int:
    """Most products by id in one request."""
    return min(100, _POINTS // (19 + 2 * locations))


def every_operation() -> Iterator[Operation]:
    """All texts, in all sizes."""
    yield from (value for value in [*globals().values(), *vars(library).values()] if isinstance(value, Operation))
    for locations in range(1, MOST_LOCATIONS + 1):
        yield from (variants(locations), variants_of(locations), whole_product(locations))
        yield from (product_nodes(locations), variant_nodes(locations))
        yield bulk_products([f"gid://shopify/Location/{at}" for at in range(locations)], "available")
    for writes in range(1, MOST_WRITES + 1):
        yield adjust(writes)


def _stock_variables(locations: int) -> str:
    return "$names: [String!]!, " + ", ".join(f"$l{at}: ID!" for at in range(locations))


def _unit(locations: int) -> str:
    levels = "\n    ".join(
        f"level{at}: inventoryLevel(locationId: $l{at}) {{ quantities(names: $names) {{ name quantity }} }}"
        for at in range(locations)
    )
    return f"""
fragment Unit on ProductVariant {{
  {_UNIT}
  product {{ ...Head }}
  inventoryItem {{
    id tracked variants(first: 2) {{ nodes {{ id }} }}
    {levels}
  }}
}}"""
