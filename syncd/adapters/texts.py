"""Texts of products on their way between sides: one spelling to compare, nothing harmful to show (design 4, rule 6)."""

from __future__ import annotations

import html
import re

import nh3

LONGEST = 200_000
"""In characters; a text that is longer is not compared."""

_NAMES = (
    "a|abbr|article|aside|audio|b|base|blockquote|body|br|button|center|code|dd|div|dl|dt|em|embed|figcaption|figure|font|"
    "footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|label|li|link|main|meta|nav|object|ol|option|p|picture|"
    "pre|s|script|section|select|small|source|span|strike|strong|style|sub|sup|svg|table|tbody|td|textarea|tfoot|th|"
    "thead|title|tr|u|ul|video"
)
_TAG = re.compile(rf"</?(?:{_NAMES})(?=[\s/>])[^<>]*>", re.IGNORECASE)
"""A tag of HTML. "Size <XL" and "x<y and z>q" hold none: they are plain texts."""
_HANDLER = re.compile(r"<[A-Za-z][^<>]*[\s/]on\w+\s*=", re.IGNORECASE)
"""What a browser would carry out in any tag, known or not, ended or not."""


def canonical(text: str) -> str:
    r"""One spelling for texts that say the same: plain ones without entities, all with the same ends of lines.

    >>> canonical("Wolle &amp; Seide\r\n")
    'Wolle & Seide'
    >>> canonical("<p>Wolle &amp; Seide</p>")
    '<p>Wolle &amp; Seide</p>'
    """
    text = text.replace("\r\n", "\n").strip()
    if _TAG.search(text):
        return text
    plain = html.unescape(text)
    # An escaped "<" stays: without its escape it could begin a tag. So does what is escaped twice.
    return text if "<" in plain or ">" in plain or html.unescape(plain) != plain else plain.strip()


def as_html(text: str) -> str:
    """A text as a shop may show it: without scripts, forms, frames and what else could harm its visitors.

    >>> as_html("Größe < 5<script>alert(1)</script> & mehr")
    'Größe &lt; 5 &amp; mehr'
    >>> as_html("Größe <XL und mehr")
    'Größe &lt;XL und mehr'
    """
    return nh3.clean(text) if _TAG.search(text) else html.escape(html.unescape(text), quote=False)


def as_text(text: str) -> str:
    """A text for a side that need not show HTML: a plain one stays plain, in HTML nothing harmful is left.

    >>> as_text("Size <XL"), as_text("Soft <x onclick=alert(1)>mug")
    ('Size <XL', 'Soft mug')
    """
    return nh3.clean(text) if _TAG.search(text) or _HANDLER.search(text) else text
