"""Text and prices as WordPress stores them for a user without ``unfiltered_html`` (seen, 05b-text-round-trip)."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

_ALLOWED = "a|abbr|b|blockquote|br|code|div|em|h[1-6]|i|img|li|ol|p|pre|s|span|strong|sub|sup|table|tbody|td|th|tr|u|ul"
_ALLOWED_TAG = re.compile(rf"</?(?:{_ALLOWED})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*(?:>|$)")
_BLOCK = re.compile(r"<(?:p|ul|ol|div|table|h[1-6]|blockquote|pre)[\s>]", re.IGNORECASE)
_BARE_AMPERSAND = re.compile(r"&(?!(?:#\d+|#x[0-9a-f]+|[a-z]\w*);)", re.IGNORECASE)


def html(value: object) -> str:
    """Drop backslashes and forbidden tags (their content stays), escape bare ampersands."""
    text = str(value).replace("\\", "")
    kept: list[str] = []
    last = 0
    for tag in _TAG.finditer(text):
        kept.append(_escape(text[last : tag.start()]))
        if _ALLOWED_TAG.fullmatch(tag[0]):
            kept.append(tag[0])
        last = tag.end()
    kept.append(_escape(text[last:]))
    return "".join(kept)


def _escape(text: str) -> str:
    return _BARE_AMPERSAND.sub("&amp;", text).replace(">", "&gt;")


def paragraphs(text: str) -> str:
    """A text as customers see it: WordPress's ``wpautop``, as far as it matters here (lines seen, 01-listing)."""
    parts = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    made = [part if _BLOCK.match(part) else "<p>" + part.replace("\n", "<br />\n") + "</p>" for part in parts]
    return "".join(f"{part}\n" for part in made)


def title(value: object) -> str:
    """A name: as ``html``, with its ends trimmed."""
    return html(value).strip()


def plain(value: object) -> str:
    """A code such as a SKU: tags cut out, ends trimmed, ``&`` kept."""
    return re.sub(r"<[^>]*>", "", str(value)).replace("\\", "").strip()


def gtin(value: object) -> str:
    """A GTIN keeps digits and hyphens only; letters vanish without an error."""
    return re.sub(r"[^0-9-]", "", str(value))


def slug(name: str) -> str:
    """WordPress's address part of a name, before it is made unique."""
    text = re.sub(r"<[^>]*>", "", name)
    text = re.sub(r"&.+?;", "", text).replace("ß", "s").replace("æ", "ae").replace("ø", "o")
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()
    text = re.sub(r"[.–—\u00a0]", "-", text)
    text = "".join(c if ord(c) < 128 else quote(c).lower() for c in text)
    text = re.sub(r"[^%a-z0-9 _-]", "", text)
    text = re.sub(r"%(?![0-9a-f]{2})", "", text)
    return re.sub(r"-+", "-", text.replace(" ", "-")).strip("-")


def price(value: object, separator: str) -> str:
    """WooCommerce's reading of a price: text without digits becomes empty, extra dots and letters vanish."""
    text = str(value).replace(separator, ".")
    return re.sub(r"\.(?![^.]+$)|[^0-9.-]", "", text.strip())
