"""Making products in a shop, each at most once.

Products, groups of options and variants are made one after the other, for each needs the id of what came before. The
slug of a product, the last part of its address, ends in a digest of the mark: by it the product is found again, and
what an earlier attempt left undone is gone on with instead of begun anew. Variations of a product differ in their
options, by the shop's own rule, so they are found by those.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from syncd.adapters import texts
from syncd.adapters.answers import Malformed, Row, row_of, rows_of, text_of
from syncd.adapters.vendure.describing import whole
from syncd.adapters.vendure.fields import LONGEST_NAME, price_of
from syncd.adapters.vendure.mapping import group_id, group_of, is_plain, options_of, unit_of
from syncd.adapters.vendure.operations import ADD_GROUP, MAKE_GROUP, MAKE_PRODUCT, MAKE_VARIANTS
from syncd.adapters.vendure.options import slug_of
from syncd.adapters.vendure.wire import id_of
from syncd.core.attributes import attributes_text
from syncd.core.model import Refused, Unknown
from syncd.core.products import Made, MakeResult, NewProduct, Unit
from syncd.errors import OutcomeUnknown, Rejected, SideError, Stopped

if TYPE_CHECKING:
    from syncd.adapters.vendure.catalogue import Catalogue
    from syncd.adapters.vendure.client import VendureClient
    from syncd.adapters.vendure.facts import ShopFacts
    from syncd.adapters.vendure.operations import Operation
    from syncd.adapters.vendure.options import OptionWriter

_DIGITS = 12


class ProductMaker:
    """Makes products and variations, and finds them again."""

    def __init__(
        self,
        client: VendureClient,
        catalogue: Catalogue,
        facts: ShopFacts,
        options: OptionWriter,
        gtin_field: str | None,
    ) -> None:
        self._client = client
        self._catalogue = catalogue
        self._facts = facts
        self._options = options
        self._gtin_field = gtin_field

    def make(self, new: NewProduct) -> MakeResult:
        """Make it, or what is lacking of it; what was made is read again.

        Raises:
            SideError: Nothing was made. OutcomeUnknown: It may have been made, or in part.
            Malformed: The shop could not be read; nothing was made.
        """
        units = self._units(new)
        if isinstance(units, Refused):
            return units
        head = whole(self._catalogue, new.into) if new.into is not None else self._catalogue.by_slug(slug_for(new))
        if new.into is not None and head is None:
            return Refused("not_found", "the shop does not have the product any more", gone=True)
        if new.into is not None and head is not None and is_plain(head):
            return Refused("not_variable", f"product {text_of(head, 'name')} of the shop has no variations")
        steps = _Steps(self._client)
        try:
            return self._carry_out(new, units, head, steps)
        except Rejected as error:
            if steps.done:
                raise OutcomeUnknown(
                    self._client.side, self._client.request, f"made in part: {error.detail}"
                ) from error
            return Refused(error.key.lower() or "refused", error.detail)
        except (SideError, Stopped, Malformed) as error:
            if isinstance(error, OutcomeUnknown) or not steps.done:
                raise
            raise OutcomeUnknown(self._client.side, self._client.request, f"made in part: {error}") from error

    def find(self, new: NewProduct) -> Made | None:
        """Look for what was made: the product by its slug, its variations by their options.

        Raises:
            Malformed: An answer is not what the contract says. SideError: It cannot be asked now.
        """
        head = whole(self._catalogue, new.into) if new.into is not None else self._catalogue.by_slug(slug_for(new))
        made = self._made(new, head) if head is not None else None
        return made if made is not None and made.units else None

    def _carry_out(self, new: NewProduct, units: list[dict[str, Any]], head: Row | None, steps: _Steps) -> MakeResult:
        product = id_of(head) if head is not None else steps.take(MAKE_PRODUCT, {"input": self._product(new)})
        there = self._made(new, head).units if head is not None else {}
        left = [
            (unit, given) for unit, given in zip(new.product.units, units, strict=True) if unit.source_id not in there
        ]
        if new.product.is_group and left:
            names = {name.casefold() for unit in new.product.units for name in unit.attributes}
            known = {text_of(group, "name").casefold() for group in rows_of(head, "optionGroups")} if head else set()
            if new.into is None:
                self._groups(new, product, names - known, steps)
            for unit, given in left:
                options = self._options.ids(product, unit.attributes)
                if isinstance(options, Refused):
                    return options
                given["optionIds"] = options
        if left:
            variants = [{"productId": product, **given} for _, given in left]
            steps.take(MAKE_VARIANTS, {"input": variants}, many=True)
        made = self._catalogue.whole(product)
        return Unknown("the shop made it and does not show it") if made is None else self._made(new, made)

    def _product(self, new: NewProduct) -> dict[str, Any]:
        language = self._options.words("")[0]["languageCode"]
        words = {
            "languageCode": language,
            "name": new.product.name,
            "slug": slug_for(new),
            "description": texts.as_html(new.product.description),
        }
        return {"enabled": new.publish, "translations": [words]}

    def _groups(self, new: NewProduct, product: str, missing: set[str], steps: _Steps) -> None:
        """Make groups of options with all their values, and give them to the product."""
        for name, values in values_of(new.product.units).items():
            if name.casefold() not in missing:
                continue
            given = {
                "code": slug_of(f"{slug_for(new)}-{name}"),
                "translations": self._options.words(name),
                "options": [{"code": slug_of(value), "translations": self._options.words(value)} for value in values],
            }
            group = steps.take(MAKE_GROUP, {"input": given})
            steps.take(ADD_GROUP, {"product": product, "group": group})

    def _units(self, new: NewProduct) -> list[dict[str, Any]] | Refused:
        """What is sent of each unit, without its options; or why the shop cannot store the product as it is."""
        names = set(values_of(new.product.units))
        if len(new.product.name) > LONGEST_NAME:
            return Refused("too_long", f"the shop takes names of up to {LONGEST_NAME} characters")
        if new.product.is_group and not names:
            return Refused("options", "nothing tells its variations apart")
        found = []
        for unit in new.product.units:
            if new.product.is_group and set(unit.attributes) != names:
                return Refused("options", f"{unit.label} lacks an option that its siblings have")
            given = self._unit(new, unit)
            if isinstance(given, Refused):
                return given
            found.append(given)
        return found

    def _unit(self, new: NewProduct, unit: Unit) -> dict[str, Any] | Refused:
        facts = self._facts.now()
        price, category = price_of(unit.price or "", gross=facts.gross), self._facts.tax_category(unit.tax_rate)
        if isinstance(price, Refused):
            return price
        if isinstance(category, Refused):
            return category
        given: dict[str, Any] = {
            "sku": unit.sku or "",
            "price": price,
            "taxCategoryId": category,
            "trackInventory": "INHERIT" if facts.tracked else "TRUE",
            "translations": self._options.words(" ".join([new.product.name, *unit.attributes.values()])[:LONGEST_NAME]),
            "stockLevels": [{"stockLocationId": facts.location, "stockOnHand": 0}],
        }
        if self._gtin_field is not None:
            given["customFields"] = {self._gtin_field: unit.gtin or None}
        return given

    def _made(self, new: NewProduct, head: Row) -> Made:
        """Units of a product, by their options; a product without variations has one."""
        facts = self._facts.now()
        rows = [(row, unit_of(row, head, facts)) for row in rows_of(head, "variants")]
        if not new.product.is_group:
            key = new.product.units[0].source_id
            if not rows or not is_plain(head):
                return Made(group_id(id_of(head)), {}, {key: Unknown("the shop shows nothing of it")})
            return Made(rows[0][1].listing.ref.external_id, {key: rows[0][1].listing})
        by_options = {attributes_text(options_of(row)).casefold(): unit.listing for row, unit in rows}
        wanted = {unit.source_id: attributes_text(unit.attributes).casefold() for unit in new.product.units}
        units = {key: by_options[text] for key, text in wanted.items() if text in by_options}
        missing = {key: Unknown("the shop shows nothing of it") for key in wanted if key not in units}
        parent = group_of(head, [unit.variant for _, unit in rows])
        return Made(parent.ref.external_id, units, missing, parent)


class _Steps:
    """Writes that are sent one after the other.

    Attributes:
        done: How many were.
    """

    def __init__(self, client: VendureClient) -> None:
        self._client = client
        self.done = 0

    def take(self, operation: Operation, variables: dict[str, Any], *, many: bool = False) -> str:
        """Send one; the id of what it made (of the first, if of many).

        Raises:
            OutcomeUnknown: The answer does not show it.
            SideError: As from one mutation.
        """
        answer = self._client.mutate(operation, variables)
        self.done += 1
        try:
            return id_of(rows_of(answer.data, "made")[0] if many else row_of(answer.data, "made"))
        except (Malformed, IndexError) as error:
            raise OutcomeUnknown(self._client.side, self._client.request, f"the answer: {error}") from error


def slug_for(new: NewProduct) -> str:
    """The last part of a new product's address: its name, and a digest of its mark."""
    return f"{slug_of(new.product.name)}-m{sha256(new.mark.encode()).hexdigest()[:_DIGITS]}"


def values_of(units: Sequence[Unit]) -> dict[str, list[str]]:
    """Values of each option, in the order of the units."""
    options: dict[str, list[str]] = {}
    for unit in units:
        for name, value in unit.attributes.items():
            values = options.setdefault(name, [])
            if value not in values:
                values.append(value)
    return options
