"""A real Vendure shop for tests: its process, and the people who work and buy there."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import httpx

from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "tests" / "vendure" / "server.cjs"
MODULES = ROOT / ".vendure" / "node_modules"
OLDEST_NODE = 20
GTIN_FIELD, MARKER_FIELD = "ean", "syncdOperation"

_LOGIN = "mutation($u: String!, $p: String!) { login(username: $u, password: $p) { __typename } }"
_ADD = """
mutation($items: [AddItemInput!]!) {
  addItemsToOrder(inputs: $items) { order { id } errorResults { __typename ... on ErrorResult { message } } }
}"""
_PAY = """
mutation($address: CreateAddressInput!, $shipping: [ID!]!, $customer: CreateCustomerInput!) {
  customer: setCustomerForOrder(input: $customer) { __typename ... on ErrorResult { message } }
  address: setOrderShippingAddress(input: $address) { __typename ... on ErrorResult { message } }
  shipping: setOrderShippingMethod(shippingMethodId: $shipping) { __typename ... on ErrorResult { message } }
  arrange: transitionOrderToState(state: "ArrangingPayment") { __typename ... on ErrorResult { message } }
  paid: addPaymentToOrder(input: { method: "prepaid", metadata: {} }) {
    __typename ... on Order { id state } ... on ErrorResult { message }
  }
}"""
_ADDRESS = {"streetLine1": "Street 1", "city": "Town", "postalCode": "12345", "countryCode": "DE"}
_CUSTOMER = {"firstName": "Some", "lastName": "Body", "emailAddress": "somebody@shop.example"}


@functools.cache
def missing() -> str:
    """Why no real shop can be started here; empty if one can."""
    node = shutil.which("node")
    if node is None:
        return f"no Node on this machine: install Node {OLDEST_NODE} or newer, then make vendure"
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if not told.startswith("v") or int(told[1:].partition(".")[0]) < OLDEST_NODE:
        return f"Node is {told}: install {OLDEST_NODE} or newer, then make vendure"
    if not (MODULES / "@vendure" / "core").is_dir():
        return "Vendure is not installed: make vendure"
    return ""


class Refusal(Exception):
    """The shop does not do what a person asked for."""


class VendureShop:
    """A running shop. Its people may be called from several threads.

    Attributes:
        url: Address without the name of an API.
        user: Name of its administrator.
        password: That one's password.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "NODE_PATH": str(MODULES)},
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"Vendure did not start: node ended with {self._process.wait()}")
        told = json.loads(line)
        self.url, self.user, self.password = str(told["url"]), str(told["user"]), str(told["password"])
        self._client = httpx.Client(base_url=self.url, timeout=60)
        self._customer = threading.Lock()
        answer = self._client.post(
            "/admin-api", json={"query": _LOGIN, "variables": {"u": self.user, "p": self.password}}
        )
        self.session = answer.headers["vendure-auth-token"]
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _open(self) -> None:
        """Sell in euros with tax, and know what is needed for orders and products."""
        self.admin(
            "mutation($c: UpdateChannelInput!) "
            "{ updateChannel(input: $c) { __typename ... on ErrorResult { message } } }",
            c={"id": "1", "pricesIncludeTax": True, "defaultCurrencyCode": "EUR", "availableCurrencyCodes": ["EUR"]},
        )
        answer = self._client.post("/shop-api", json={"query": "{ activeOrder { id } }"})
        self.shopper = answer.headers["vendure-auth-token"]
        data = self.admin(
            "{ taxRates { items { value category { id } } } stockLocations { items { id } } "
            "shippingMethods { items { id } } }"
        )
        self.taxes = {Decimal(str(row["value"])): row["category"]["id"] for row in data["taxRates"]["items"]}
        self.location = data["stockLocations"]["items"][0]["id"]
        self._shipping = data["shippingMethods"]["items"][0]["id"]

    # -- calls

    def control(self, action: str, **arguments: Any) -> Any:
        answer = self._client.post(f"/_control/{action}", json=arguments)
        answer.raise_for_status()
        return answer.json()

    def sql(self, text: str, *values: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("sql", text=text, values=list(values))
        return found

    def admin(self, text: str, **variables: Any) -> dict[str, Any]:
        return self._ask("/admin-api", self.session, text, variables)

    def buyer(self, text: str, **variables: Any) -> dict[str, Any]:
        return self._ask("/shop-api", self.shopper, text, variables)

    def _ask(self, path: str, token: str, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        answer = self._client.post(path, json={"query": text, "variables": variables}, headers=headers).json()
        if answer.get("errors"):
            raise Refusal(answer["errors"])
        data: dict[str, Any] = answer["data"]
        refused = [row["message"] for row in data.values() if isinstance(row, dict) and "message" in row]
        if refused:
            raise Refusal(refused)
        return data

    # -- what is there

    def stock(self) -> dict[str, int]:
        """What can still be sold of all that is counted, by SKU: on hand less allocated."""
        rows = self.sql(
            "SELECT v.sku, COALESCE(SUM(s.stockOnHand - s.stockAllocated), 0) AS units FROM product_variant v "
            "LEFT JOIN stock_level s ON s.productVariantId = v.id "
            "WHERE v.deletedAt IS NULL AND v.trackInventory <> 'FALSE' GROUP BY v.id"
        )
        return {row["sku"]: row["units"] for row in rows}

    def variant(self, sku: str) -> str:
        """Id of a variant."""
        return self._id("SELECT id FROM product_variant WHERE sku = ? ORDER BY deletedAt IS NOT NULL, id DESC", sku)

    def product(self, sku: str) -> str:
        """Id of the product that has a variant, or that is a parent called so."""
        rows = self.sql("SELECT productId AS id FROM product_variant WHERE sku = ? ORDER BY id DESC", sku)
        if rows:
            return str(rows[0]["id"])
        return self._id("SELECT baseId AS id FROM product_translation WHERE slug = ?", sku.lower())

    def is_parent(self, sku: str) -> bool:
        """Whether a product with options is called so."""
        return not self.sql("SELECT id FROM product_variant WHERE sku = ?", sku)

    def is_plain(self, product: str) -> bool:
        """Whether a product has no options."""
        query = "SELECT productId FROM product_option_groups_product_option_group WHERE productId = ?"
        return not self.sql(query, product)

    def _id(self, text: str, value: str) -> str:
        rows = self.sql(text, value)
        if not rows:
            raise LookupError(value)
        return str(rows[0]["id"])

    # -- the shop's people

    def seed(self, catalogue: Sequence[CatalogueProduct], quantities: Mapping[str, int] | None = None) -> None:
        """Create products; ``quantities`` differ from the catalogue's."""
        if not catalogue:
            return
        lines, values = [], {}
        for at, product in enumerate(catalogue):
            lines.append(f"p{at}: createProduct(input: $p{at}) {{ id }}")
            words = {"languageCode": "en", "name": product.name, "slug": product.sku.lower(), "description": ""}
            values[f"p{at}"] = {"enabled": True, "translations": [words]}
        made = self.admin(_mutation(lines, dict.fromkeys(values, "CreateProductInput!")), **values)
        inputs: list[dict[str, Any]] = []
        for at, product in enumerate(catalogue):
            product_id = made[f"p{at}"]["id"]
            if not product.variations:
                inputs.append(self._variant(product_id, product, product, [], quantities))
                continue
            options = self._options(product_id, product)
            for variation in product.variations:
                chosen = [options[name, value] for name, value in variation.attributes.items()]
                inputs.append(self._variant(product_id, product, variation, chosen, quantities))
        self.admin("mutation($i: [CreateProductVariantInput!]!) { createProductVariants(input: $i) { id } }", i=inputs)

    def _variant(
        self,
        product_id: str,
        product: CatalogueProduct,
        unit: CatalogueProduct | CatalogueVariation,
        options: Sequence[str],
        quantities: Mapping[str, int] | None,
    ) -> dict[str, Any]:
        units = (quantities or {}).get(unit.sku, unit.quantity)
        name = product.name if unit is product else f"{product.name} {unit.sku}"
        return {
            "productId": product_id,
            "sku": unit.sku,
            "price": int(product.price * 100),
            "taxCategoryId": self.taxes[product.tax_rate],
            "optionIds": list(options),
            "translations": [{"languageCode": "en", "name": name}],
            "stockLevels": [{"stockLocationId": self.location, "stockOnHand": units}],
            "customFields": {GTIN_FIELD: unit.gtin or None},
        }

    def _options(self, product_id: str, product: CatalogueProduct) -> dict[tuple[str, str], str]:
        """Make a product's option groups; ids of options by group and name."""
        found: dict[tuple[str, str], str] = {}
        names = list(dict.fromkeys(name for one in product.variations for name in one.attributes))
        for name in names:
            values = list(dict.fromkeys(one.attributes[name] for one in product.variations))
            group = {
                "code": f"{product.sku}-{name}".lower(),
                "translations": [{"languageCode": "en", "name": name}],
                "options": [
                    {"code": value.lower(), "translations": [{"languageCode": "en", "name": value}]} for value in values
                ],
            }
            row = self.admin(
                "mutation($i: CreateProductOptionGroupInput!) "
                "{ createProductOptionGroup(input: $i) { id options { id name } } }",
                i=group,
            )["createProductOptionGroup"]
            found |= {(name, option["name"]): option["id"] for option in row["options"]}
            self.admin(
                "mutation($p: ID!, $g: ID!) { addOptionGroupToProduct(productId: $p, optionGroupId: $g) { id } }",
                p=product_id, g=row["id"],
            )  # fmt: skip
        return found

    def add_variation(self, parent: str, variation: CatalogueVariation) -> None:
        """Add a variation to a product that has some, with options of its own."""
        product_id = self.product(parent)
        data = self.admin(
            "query($id: ID!) { product(id: $id) { name optionGroups { id name options { id name } } "
            "variants { priceWithTax taxCategory { id } } } }",
            id=product_id,
        )["product"]
        chosen = []
        for group in data["optionGroups"]:
            value = next(v for name, v in variation.attributes.items() if name.casefold() == group["name"].casefold())
            known = {option["name"]: option["id"] for option in group["options"]}
            chosen.append(known.get(value) or self._option(group["id"], value))
        row = {
            "productId": product_id,
            "sku": variation.sku,
            "price": data["variants"][0]["priceWithTax"],
            "taxCategoryId": data["variants"][0]["taxCategory"]["id"],
            "optionIds": chosen,
            "translations": [{"languageCode": "en", "name": f"{data['name']} {variation.sku}"}],
            "stockLevels": [{"stockLocationId": self.location, "stockOnHand": variation.quantity}],
            "customFields": {GTIN_FIELD: variation.gtin or None},
        }
        self.admin("mutation($i: [CreateProductVariantInput!]!) { createProductVariants(input: $i) { id } }", i=[row])

    def _option(self, group: str, value: str) -> str:
        text = "mutation($i: CreateProductOptionInput!) { createProductOption(input: $i) { id } }"
        words = [{"languageCode": "en", "name": value}]
        row = {"productOptionGroupId": group, "code": value.lower(), "translations": words}
        return str(self.admin(text, i=row)["createProductOption"]["id"])

    def change(self, sku: str, **values: Any) -> None:
        """Change a variant."""
        row = {"id": self.variant(sku), **values}
        self.admin("mutation($i: UpdateProductVariantInput!) { updateProductVariant(input: $i) { id } }", i=row)

    def count(self, sku: str, units: int) -> None:
        """Take stock: so many can be sold from now on, whatever is allocated."""
        query = "SELECT stockAllocated AS units FROM stock_level WHERE productVariantId = ? AND stockLocationId = ?"
        rows = self.sql(query, self.variant(sku), self.location)
        self.set_on_hand(sku, units + (rows[0]["units"] if rows else 0))

    def set_on_hand(self, sku: str, units: int) -> None:
        """Set what is on hand, as the administration does."""
        self.change(sku, stockLevels=[{"stockLocationId": self.location, "stockOnHand": units}])

    def rename(self, sku: str, name: str) -> None:
        """Change the name of a product."""
        self.change_product(sku, translations=[{"languageCode": "en", "name": name}])

    def change_product(self, sku: str, **values: Any) -> None:
        """Change a product."""
        row = {"id": self.product(sku), **values}
        self.admin("mutation($i: UpdateProductInput!) { updateProduct(input: $i) { id } }", i=row)

    def delete(self, sku: str) -> None:
        """Delete a product with its variants, or one of several variants."""
        if self.is_parent(sku) or self.is_plain(self.product(sku)):
            self.admin("mutation($id: ID!) { deleteProduct(id: $id) { result } }", id=self.product(sku))
        else:
            self.admin("mutation($id: ID!) { deleteProductVariant(id: $id) { result } }", id=self.variant(sku))

    # -- its customers

    def order(self, lines: Mapping[str, int]) -> str:
        """Buy, and pay; returns the order's id.

        Raises:
            Refusal: The shop has not enough, or takes no order; nothing is bought.
        """
        # In one mutation: each of several would find no order yet, and begin its own.
        items = [{"productVariantId": self.variant(sku), "quantity": units} for sku, units in lines.items()]
        with self._customer:
            added = self.buyer(_ADD, items=items)["addItemsToOrder"]
            if added["errorResults"]:
                self.buyer("mutation { removeAllOrderLines { __typename } }")
                raise Refusal(added["errorResults"])
            try:
                data = self.buyer(_PAY, address=_ADDRESS, shipping=[self._shipping], customer=_CUSTOMER)
            except Refusal:
                # Somebody else took the last ones meanwhile: what stays in the cart would be in the next order.
                self.buyer("mutation { removeAllOrderLines { __typename } }")
                raise
        assert data["paid"]["state"] == "PaymentSettled"
        return str(data["paid"]["id"])

    def fulfil(self, order: str) -> None:
        """Send all that is left of an order."""
        rows = self.admin("query($id: ID!) { order(id: $id) { lines { id quantity } } }", id=order)["order"]["lines"]
        given = {
            "lines": [{"orderLineId": row["id"], "quantity": row["quantity"]} for row in rows if row["quantity"]],
            "handler": {
                "code": "manual-fulfillment",
                "arguments": [{"name": "method", "value": "Parcel"}, {"name": "trackingCode", "value": ""}],
            },
        }
        self.admin(
            "mutation($i: FulfillOrderInput!) { addFulfillmentToOrder(input: $i) "
            "{ __typename ... on ErrorResult { message } } }",
            i=given,
        )

    def cancel(self, order: str, lines: Mapping[str, int] | None = None) -> None:
        """Cancel an order, or so many units of some of its lines (by SKU)."""
        given: dict[str, Any] = {"orderId": order}
        if lines is not None:
            query = "query($id: ID!) { order(id: $id) { lines { id productVariant { sku } } } }"
            rows = self.admin(query, id=order)["order"]["lines"]
            ids = {row["productVariant"]["sku"]: row["id"] for row in rows}
            given["lines"] = [{"orderLineId": ids[sku], "quantity": units} for sku, units in lines.items()]
        self.admin(
            "mutation($i: CancelOrderInput!) { cancelOrder(input: $i) { __typename ... on ErrorResult { message } } }",
            i=given,
        )


def _mutation(lines: Sequence[str], variables: Mapping[str, str]) -> str:
    declared = ", ".join(f"${name}: {kind}" for name, kind in variables.items())
    return f"mutation({declared}) {{ {' '.join(lines)} }}"
