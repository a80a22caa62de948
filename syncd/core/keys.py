"""Comparison keys for codes that people type."""

from __future__ import annotations

_GTIN_LENGTHS = (8, 12, 13, 14)
GTIN_DIGITS = 14


def sku_key(sku: str | None) -> str | None:
    """SKU as compared: surrounding space removed, lower case; shops treat codes that differ in case as equal.

    >>> sku_key("  Ab-1 ")
    'ab-1'

    Source: woocommerce-recordings/01-listing.json and 04-batch.json (SKU look-up and uniqueness ignore case).
    """
    text = (sku or "").strip().casefold()
    return text or None


def gtin_key(gtin: str | None) -> str | None:
    """EAN, UPC or GTIN as compared: 14 digits, because the shorter forms are the same number with leading zeros.

    The check digit is not demanded: shops number in-house goods with digits of their own, and a code that both sides
    carry digit for digit is the same code. Text that does not have 8, 12, 13 or 14 digits has no key.

    >>> gtin_key("4006381333931")
    '04006381333931'
    >>> gtin_key("1234") is None
    True
    """
    digits = "".join(character for character in (gtin or "") if character not in " -")
    if len(digits) not in _GTIN_LENGTHS or not (digits.isascii() and digits.isdigit()) or not int(digits):
        return None
    return digits.zfill(GTIN_DIGITS)
