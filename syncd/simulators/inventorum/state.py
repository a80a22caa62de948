"""The simulated account: products, stock, and the indexes that keep requests cheap. Guarded by the simulator's lock."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count

from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation
from syncd.simulators.inventorum.changes import ChangeIndex
from syncd.simulators.inventorum.model import (
    Adjustment,
    Category,
    Deletion,
    Image,
    Product,
    StockChange,
    TaxType,
)
from syncd.simulators.inventorum.settings import InventorumSettings
from syncd.simulators.inventorum.values import ZERO, to_gross, to_net

_FIRST_PRODUCT_ID = 20000001


class Ids:
    """Running numbers, one sequence for each kind of thing."""

    def __init__(self) -> None:
        self.product = count(_FIRST_PRODUCT_ID)
        self.tax = count(4670)
        self.category = count(145091)
        self.image = count(752729)
        self.meta = count(960)
        self.order = count(900001)
        self.basket = count(880001)
        self.item = count(910001)
        self.customer = count(920001)
        self.address = count(930001)
        self.payment = count(940001)
        self.shipment = count(950001)
        self.returned = count(902001)
        self.returned_item = count(9021001)


class State:
    """Products and what belongs to them."""

    def __init__(self, settings: InventorumSettings, clock: Callable[[], datetime]) -> None:
        self.settings = settings
        self._clock = clock
        self.ids = Ids()
        self.products: dict[int, Product] = {}
        self.by_inv_id: dict[str, int] = {}
        self.by_code: dict[str, list[int]] = {}
        self.top_ids: list[int] = []
        self.all_ids: list[int] = []
        self.top_changes = ChangeIndex()
        self.own_changes = ChangeIndex()
        self.all_changes = ChangeIndex()
        self.deletions: list[Deletion] = []
        self.taxes: dict[int, TaxType] = {}
        self.categories: dict[int, Category] = {}
        self.images: dict[int, Image] = {}
        self.attribute_usage: Counter[str] = Counter()
        self.history: list[StockChange] = []
        self.adjustments: list[Adjustment] = []
        for rate in (0, 7, 19):
            self.tax_for(Decimal(rate))

    def now(self) -> datetime:
        """The server's time, which may be ahead of or behind ours."""
        return self._clock() + timedelta(seconds=self.settings.clock_skew_seconds)

    # Taxes and prices

    def tax_for(self, rate: Decimal) -> TaxType:
        """The tax type with this rate in percent, made if there is none."""
        for tax in self.taxes.values():
            if tax.rate == rate:
                return tax
        tax = TaxType(next(self.ids.tax), f"{rate.normalize():f}%", rate)
        self.taxes[tax.id] = tax
        return tax

    def rate(self, product: Product) -> Decimal:
        """Tax rate of a product in percent."""
        return self.taxes[product.tax_type].rate

    def gross(self, product: Product) -> Decimal:
        """Gross price of a product, whole cents."""
        return to_gross(product.price, self.rate(product))

    # Products

    def quantity(self, product: Product) -> Decimal:
        """Stock of a unit; of a parent the sum of its variations."""
        if product.variations:
            return sum((self.products[each].quantity for each in product.variations), ZERO)
        return product.quantity

    def shown_name(self, product: Product) -> str:
        """Name as answered: a variation without own name has its parent's and its values."""
        if product.name or product.parent is None:
            return product.name
        return ", ".join([self.products[product.parent].name, *attribute_values(product)])

    def sku(self, product: Product) -> str:
        """Article number, or the id in place of a missing one."""
        return product.product_code or f"#{product.id}"

    def new_product(self, parent: Product | None = None, tax_type: int | None = None) -> Product:
        """An empty product that is not in the catalogue yet; ``insert`` puts it there."""
        now = self.now()
        number = next(self.ids.product)
        if tax_type is None:
            tax_type = parent.tax_type if parent else self.tax_for(Decimal(19)).id
        inv_id = None if parent else f"1225140{number:012d}"
        return Product(number, inv_id, now, now, now, tax_type, parent=parent.id if parent else None)

    def insert(self, product: Product) -> None:
        """Put a product into the catalogue; a variation is added to its parent, which must be there."""
        self._register(product)
        self.touch(product)
        if not product.variations and product.quantity:
            self._note(product, product.quantity, "opening", "")

    def _register(self, product: Product) -> None:
        self.products[product.id] = product
        self.all_ids.append(product.id)
        if product.parent is None:
            self.top_ids.append(product.id)
        else:
            self.products[product.parent].variations.append(product.id)
        if product.inv_id:
            self.by_inv_id[product.inv_id] = product.id
        if product.product_code:
            self.by_code.setdefault(product.product_code, []).append(product.id)
        self.attribute_usage.update(product.attributes.keys())
        for category in product.categories:
            self.categories[category].products[product.id] = None

    def change_code(self, product: Product, code: str | None) -> None:
        """Set the article number and keep the index."""
        if product.product_code and product.id in self.products:
            self.by_code[product.product_code].remove(product.id)
        product.product_code = code
        if code and product.id in self.products:
            self.by_code.setdefault(code, []).append(product.id)

    def change_categories(self, product: Product, categories: list[int]) -> None:
        """Set the categories and keep the index."""
        if product.id in self.products:
            for number in product.categories:
                self.categories[number].products.pop(product.id, None)
            for number in categories:
                self.categories[number].products[product.id] = None
        product.categories = categories

    def change_attributes(self, product: Product, attributes: dict[str, list[str]]) -> None:
        """Set the attributes and keep their usage count."""
        if product.id in self.products:
            self.attribute_usage.subtract(product.attributes.keys())
            self.attribute_usage.update(attributes.keys())
        product.attributes = attributes

    def touch(self, product: Product) -> None:
        """Note a change of a product now, and of its parent."""
        now = self.now()
        product.changed_at = product.shown_at = now
        self.own_changes.put(product.id, now)
        self.all_changes.put(product.id, now)
        if product.parent is None:
            self.top_changes.put(product.id, now)
            return
        parent = self.products[product.parent]
        parent.shown_at = now
        self.top_changes.put(parent.id, now)
        self.all_changes.put(parent.id, now)

    def delete(self, product: Product) -> None:
        """Delete a product with its variations, or one variation."""
        for variation in list(product.variations):
            self.delete(self.products[variation])
        now = self.now()
        del self.products[product.id]
        for index in (self.top_changes, self.own_changes, self.all_changes):
            index.drop(product.id)
        _remove_sorted(self.all_ids, product.id)
        if product.inv_id:
            del self.by_inv_id[product.inv_id]
        if product.product_code:
            self.by_code[product.product_code].remove(product.id)
        self.attribute_usage.subtract(product.attributes.keys())
        for category in product.categories:
            self.categories[category].products.pop(product.id, None)
        if product.parent is None:
            _remove_sorted(self.top_ids, product.id)
        else:
            parent = self.products[product.parent]
            parent.variations.remove(product.id)
            self.touch(parent)
        self.deletions.append(Deletion(now, product.id, product.parent is not None))

    def find(self, key: str | int) -> Product:
        """A product by article number or id; of several with the number, a sellable one.

        Raises:
            ValueError: There is none.
        """
        rows = [self.products[each] for each in self.by_code.get(str(key), ())]
        if rows:
            return min(rows, key=lambda row: (bool(row.variations), row.id))
        number = int(key) if str(key).isdecimal() else -1
        if number not in self.products:
            raise ValueError(f"no product {key!r}")
        return self.products[number]

    def find_unit(self, key: str | int) -> Product:
        """Like ``find``, but refuses a parent, which has no stock of its own.

        Raises:
            ValueError: There is none, or it has variations.
        """
        product = self.find(key)
        if product.variations:
            raise ValueError(f"{key!r} has variations and no stock of its own")
        return product

    # Stock

    def move(self, product: Product, quantity: Decimal, kind: str, reference: str = "") -> None:
        """Change the stock of a unit by a signed quantity; it may fall below zero."""
        product.quantity += quantity
        self._note(product, quantity, kind, reference)
        self.touch(product)

    def _note(self, product: Product, quantity: Decimal, kind: str, reference: str) -> None:
        self.history.append(StockChange(self.now(), product.id, self.sku(product), quantity, kind, reference))

    # Seeding

    def seed(self, catalogue: Sequence[CatalogueProduct]) -> None:
        """Add a catalogue, one product a millisecond, beginning ``seed_age_seconds`` ago."""
        at = self.now() - timedelta(seconds=self.settings.seed_age_seconds)
        top: list[tuple[datetime, int]] = []
        rows: list[tuple[datetime, int]] = []
        for position, item in enumerate(catalogue):
            parent = self._seed_product(item, at, position)
            top.append((at, parent.id))
            rows += [(at, parent.id), *((at, each) for each in parent.variations)]
            at += timedelta(milliseconds=1)
        self.top_changes.put_many(top)
        self.own_changes.put_many(rows)
        self.all_changes.put_many(rows)

    def _seed_product(self, item: CatalogueProduct, at: datetime, position: int) -> Product:
        tax = self.tax_for(item.tax_rate)
        product = self.new_product(tax_type=tax.id)
        product.created_at = product.changed_at = product.shown_at = at
        product.name, product.product_code, product.ean = item.name, item.sku, item.gtin
        net = to_net(item.price, tax.rate)
        # Whole tens make the exponent forms "1E+1", "2E+1" that the vendor sends.
        purchase = Decimal(10 * (position % 5))
        product.purchase_price = product.average_purchase_price = purchase
        if not item.variations:
            product.price, product.quantity = net, Decimal(item.quantity)
            self._register(product)
            self._seed_note(product)
            return product
        self._register(product)
        for each in item.variations:
            self._seed_variation(product, each, net, purchase)
        return product

    def _seed_variation(self, parent: Product, item: CatalogueVariation, net: Decimal, purchase: Decimal) -> None:
        product = self.new_product(parent)
        product.created_at = product.changed_at = product.shown_at = parent.created_at
        product.product_code, product.ean, product.quantity = item.sku, item.gtin, Decimal(item.quantity)
        product.attributes = {name: [value] for name, value in item.attributes.items()}
        product.price, product.purchase_price, product.average_purchase_price = net, purchase, purchase
        self._register(product)
        self._seed_note(product)

    def _seed_note(self, product: Product) -> None:
        if product.quantity:
            sku = self.sku(product)
            self.history.append(StockChange(product.created_at, product.id, sku, product.quantity, "opening", ""))


def attribute_values(product: Product) -> list[str]:
    """All attribute values in order."""
    return [value for values in product.attributes.values() for value in values]


def _remove_sorted(numbers: list[int], number: int) -> None:
    del numbers[bisect_left(numbers, number)]
