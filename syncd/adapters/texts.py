"""Texts of products on their way between sides: one spelling to compare, nothing harmful to show (design 4, rule 6)."""

from __future__ import annotations

import html
import re

import nh3

LONGEST = 200_000
"""In characters; a text that is longer is not compared."""

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


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
    # An escaped "<" stays: without its escape it could begin a tag.
    return text if "<" in plain or ">" in plain else plain.strip()


def as_html(text: str) -> str:
    """A text as a shop may show it: without scripts, forms, frames and what else could harm its visitors.

    >>> as_html("Größe < 5<script>alert(1)</script> & mehr")
    'Größe &lt; 5 &amp; mehr'
    """
    return nh3.clean(text)


def as_text(text: str) -> str:
    """A text for a side that need not show HTML: a plain one stays plain, in HTML nothing harmful is left."""
    return nh3.clean(text) if _TAG.search(text) else text
