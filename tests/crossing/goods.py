"""Products that are hard to carry over: recorded ones, the vendors' examples, and made-up ones.

Names of the first part stand in the recordings of WooCommerce 10.5 (01-listing, 05b-text-round-trip), those of the
second in INVENTORUM's examples (product-simple, product-with-variations, category, product-create-request).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Good:
    """One product; ``variations`` by SKU."""

    sku: str
    name: str
    price: str = "9.90"
    gtin: str = ""
    text: str = ""
    brand: str = ""
    categories: tuple[str, ...] = ()
    variations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


RECORDED = [
    Good("PUL-040", "Strickpullover „Amrum“", variations={"PUL-040-S": {"Größe": "S"}, "PUL-040-M": {"Größe": "M"}}),
    Good("ALP-039", "Schachenmühle Alpaka-Garn 39", brand="Schachenmühle"),
    Good("WOL-0001", "Moorwolle Merino extrafein 50 g – Weinrot", "5.95", "4012345678901"),
    Good("SOC-0002", "Sockenwolle 4-fach „Nordlicht“ Rost", categories=("Häkelnadeln", "Bücher & Hefte")),
    Good("KNO-0003", "Knopf Holz Ø 12 mm (10er-Karte)", "0.50"),
    Good(
        "ALP-001",
        "Hansegarn Alpaka-Garn 1",
        variations={f"ALP-001-{name.upper()}": {"Farbe": name} for name in ("Natur", "Moosgrün", "Flieder", "Altrosa")},
    ),
    Good("R-AMP", "Wolle & Seide", text="Wolle & Seide"),
    Good("R-ENT", "Wolle &amp; Seide", text="Wolle &amp; Seide"),
    Good("R-LT", "Größe < 5 > 3", text="Größe < 5 > 3"),
    Good("R-TAG", "<b>Fett</b> Garn", text="<b>Fett</b> Garn"),
    Good("R-INCH", "\"Zoll\" 5''", text="\"Zoll\" 5''"),
    Good("R-EMO", "Emoji 🧶 Garn", text="Emoji 🧶 Garn"),
    Good("R-DASH", "Garn – Gedankenstrich", text="Garn – Gedankenstrich"),
    Good("R-GAP", "  Leerraum  innen  ", text="  Leerraum  innen  "),
    Good("R-BACK", "Back\\slash", text="Back\\slash"),
    Good("R-SCRIPT", "<script>alert(1)</script>Knopf", text="<script>alert(1)</script>Knopf"),
    Good("R-PERCENT", "50% Rabatt", text="50% Rabatt"),
    Good("R-TAB", "Tab\tund\nZeile", text="Tab\tund\nZeile"),
    Good("NEU-0001", "Merino „Föhr“ & Seide 100 g", "12.90", "4012345678901-1", "<p>Weich.</p>"),
]
EXAMPLES = [
    Good("RB-28-001", "Road bike 28", "1999.99", "4000000000017", "Example description"),
    Good(
        "JEANS", "Example jeans", "150.00", brand="Example brand",
        variations={
            "JEANS-1": {"color": "Red", "material": "Denim", "size": "22"},
            "JEANS-2": {"color": "Blue", "material": "Leather", "size": "50"},
        },
    ),
    Good("TEST-A", "Test product A", "1.99", text="Example", categories=("Drinks",)),
    Good("TEST-B", "Test product B", "2.99"),
]  # fmt: skip
_WORDS = [
    "Äpfel", "Öl & Essig", "Über-Größe", "ß", "naïve café", "Łódź", "Ελιά", "Яблоко", "苹果", "りんご", "تفاح", "תפוח",
    "👩‍👩‍👧 Familie", "🏳️‍🌈", "e\u0301 zusammengesetzt", "Zero\u200bWidth", "a\u00a0b", "“Quotes” ‘single’", "d'Or",
    "100 %", "#1", "@home", "C++ / C#", "a=b&c=d", "&copy; 2026", "&#128512;", "<", ">", "<>", "5 < 6", "a</b>",
    "--", "\\n", "\\\\server\\share", "{{name}}", "%s %d", "${price}", "[gallery]", "'; DROP TABLE products; --",
]  # fmt: skip
MADE_UP = [
    Good(
        f"M-{number:02}",
        word,
        f"{number}.0{number % 10}",
        text=f"<p>{number} g</p>",
        brand=word[:20],
    )
    for number, word in enumerate(_WORDS, 1)
]
SPECIAL = [
    Good("S-FREE", "Für umsonst", "0.00"),
    Good("S-CENT", "Ein Cent", "0.01"),
    Good("S-DEAR", "Teuer", "99999.99"),
    Good("S-LONG", "Sehr lang " * 60, text="<p>Sehr lang.</p>\n" * 2000),
    Good("S/K U.1", "SKU mit Leerzeichen", gtin="4006381333931"),
    Good("s-kü-ß", "SKU mit Umlaut"),
    Good("S-CATS", "Viele Kategorien", categories=tuple(f"Kategorie {number} > {number % 3}" for number in range(12))),
    Good(
        "S-HTML",
        "Tabelle",
        text="<table><tr><td>Länge</td><td>5&nbsp;cm</td></tr></table><h2>Mehr</h2><ul><li>a</li></ul>",
    ),
    Good("S-CRLF", "Zeilen", text="eins\r\nzwei\r\n\r\ndrei"),
    Good("S-BARE", "Ohne alles", ""),
]
GOODS = [*RECORDED, *EXAMPLES, *MADE_UP, *SPECIAL]
