"""An invented catalogue, the same for both simulators: deterministic by seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

_THINGS = (
    "Merino yarn",
    "Sock yarn",
    "Linen thread",
    "Wooden button",
    "Knitting needle",
    "Felt sheet",
    "Zip",
    "Ribbon",
)
_ADJECTIVES = ("Nordic", "Alpine", "Soft", "Fine", "Classic", "Handdyed", "Organic", "Vintage")
_COLOURS = ("Red", "Blue", "Green", "Black", "Ochre", "Plum")
_SIZES = ("S", "M", "L", "XL")


@dataclass(frozen=True, slots=True)
class CatalogueVariation:
    """One variation: its attributes, code, barcode and stock in pieces."""

    sku: str
    gtin: str
    attributes: dict[str, str]
    quantity: int


@dataclass(frozen=True, slots=True)
class CatalogueProduct:
    """A product; ``quantity`` counts only if there are no variations. Prices are gross EUR at ``tax_rate`` percent."""

    sku: str
    gtin: str
    name: str
    price: Decimal
    tax_rate: Decimal
    quantity: int
    variations: tuple[CatalogueVariation, ...] = ()


def make_catalogue(products: int, variable: int, seed: int = 1) -> list[CatalogueProduct]:
    """Invent ``products`` products, the last ``variable`` of them with 2 to 5 variations each.

    About one product in twenty has stock zero. SKUs and GTINs are unique; GTINs carry a valid check digit.
    """
    rng = random.Random(seed)  # noqa: S311 - invented goods, not secrets
    made: list[CatalogueProduct] = []
    serial = 0
    for number in range(1, products + 1):
        name = f"{rng.choice(_ADJECTIVES)} {rng.choice(_THINGS)} No. {number}"
        variations: list[CatalogueVariation] = []
        if number > products - variable:
            pairs = [(colour, size) for colour in _COLOURS for size in _SIZES]
            for colour, size in rng.sample(pairs, rng.randint(2, 5)):
                serial += 1
                sku = f"V-{number:05d}-{colour[:3].upper()}-{size}"
                attributes = {"color": colour, "size": size}
                variations.append(CatalogueVariation(sku, _gtin(serial), attributes, _stock(rng)))
        serial += 1
        price = Decimal(rng.randint(100, 9999)) / 100
        tax_rate = Decimal(rng.choice(("19", "19", "19", "7")))
        made.append(
            CatalogueProduct(f"S-{number:05d}", _gtin(serial), name, price, tax_rate, _stock(rng), tuple(variations))
        )
    return made


def _stock(rng: random.Random) -> int:
    return 0 if rng.random() < 0.05 else rng.randint(3, 60)


def _gtin(serial: int) -> str:
    digits = f"400{serial:09d}"
    total = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits))
    return f"{digits}{(10 - total % 10) % 10}"
