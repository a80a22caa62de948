"""One field of one product on two sides: who changed it, who may, and what to write (design 4, rule 1). Pure.

Values are canonical texts: what a side showed, brought into one spelling (numbers without an exponent, lists sorted
where order means nothing). A side may store something else than it was given: HTML is filtered, letters are dropped
from codes. So what counts as unchanged is not what we sent, but the pair that both sides showed after the last
write: a side that still shows its half of the pair was not edited, however little the halves resemble each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from html import unescape
from typing import TYPE_CHECKING

from syncd.core.attributes import carried, merely_renamed, same_values

if TYPE_CHECKING:
    from collections.abc import Sequence

EMPTY = ""

NAME = "name"
"""Name for customers, of a product that is no variation."""
PRICE = "price"
"""Gross price of one unit in the account's currency, with two places."""
DESCRIPTION = "description"
"""Text for customers, of a product that is no variation: plain, or HTML."""
SKU = "sku"
"""Merchant's code of a sellable unit."""
GTIN = "gtin"
"""EAN/GTIN/UPC of a sellable unit."""
CODES = (SKU, GTIN)
"""Fields that a side may refuse because another product has the value."""
BRAND = "brand"
"""Who makes it, of a product that is no variation."""
CATEGORIES = "categories"
"""Categories of a product that is no variation (``core.paths``)."""
IMAGES = "images"
"""Images of a product or of a variation (of that the first), by the hub's keys in order (``core.images``)."""
TAX_RATE = "tax_rate"
"""Tax rate of a sellable unit in per cent, without trailing zeros (``core.prices.canonical_rate``)."""
ATTRIBUTES = "attributes"
"""What makes a variation differ from its siblings (``core.attributes``)."""
PUBLISHED = "published"
"""Whether a product that is no variation is meant for customers of a shop: ``YES`` or ``NO``."""

YES, NO = "yes", "no"

ALL = (NAME, DESCRIPTION, BRAND, CATEGORIES, IMAGES, SKU, GTIN, PRICE, TAX_RATE, ATTRIBUTES, PUBLISHED)
"""Fields that are kept the same so far, as people read them."""

AS_FOUND = frozenset({ATTRIBUTES, PUBLISHED})
"""Fields whose first difference is none: sides call attributes by names of their own, and what a shop's owner has not
published yet was never hidden. Only what changes from then on is carried over."""

_LONGEST_KEPT = 200
_DIGEST = "sha256:"
_MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|</?[a-z][^>]*>", re.IGNORECASE | re.DOTALL)


def kept(value: str, field: str = "") -> str:
    """What is remembered of a value to see later whether it is the same: a long one's digest (design 4, rule 3).

    Attributes are remembered whole: what changed of them is to be known.

    >>> kept("Mug")
    'Mug'
    >>> kept("long " * 100)[:14]
    'sha256:b55d24f'
    """
    if len(value) <= _LONGEST_KEPT or field == ATTRIBUTES:
        return value
    return f"{_DIGEST}{sha256(value.encode()).hexdigest()}"


def says_the_same(field: str, one: str, other: str) -> bool:
    """Whether two spellings of a field tell customers the same: of a text, its words without its tags.

    >>> says_the_same(DESCRIPTION, '<p class="x">Mug</p>', "Mug")
    True
    >>> says_the_same(DESCRIPTION, "5 < 6 > 4", "5 &lt; 6 &gt; 4")
    True
    >>> says_the_same(CATEGORIES, "wool", "Wool"), says_the_same(NAME, "wool", "Wool")
    (True, False)
    """
    if field == DESCRIPTION:
        return _words(one) == _words(other)
    if field == ATTRIBUTES:
        return same_values(one, other)
    return one == other or (field in (BRAND, CATEGORIES) and one.casefold() == other.casefold())


def _words(text: str) -> list[str]:
    return unescape(_MARKUP.sub(" ", text)).split()


def brief(value: str) -> str:
    """A value for people, in one line; a long text by its beginning."""
    line = " ".join(value.split())
    return line if len(line) <= _LONGEST_KEPT else f"{line[:_LONGEST_KEPT]}…"


def told(field: str, value: str) -> str:
    """A field's value for people, in one line.

    >>> told(IMAGES, "3001\\n3002"), told(CATEGORIES, "Gifts\\nWool > Merino"), told(IMAGES, "")
    ('2 images: 3001, 3002', 'Gifts; Wool > Merino', '')
    """
    lines = value.split("\n")
    if field == IMAGES and value:
        return brief(f"{len(lines)} image{'' if len(lines) == 1 else 's'}: {', '.join(lines)}")
    return brief("; ".join(lines)) if field in (CATEGORIES, ATTRIBUTES) else brief(value)


class Owner(StrEnum):
    """Who may change a field of a product."""

    HUB = "hub"
    """The hub's value is written to the shop; an edit there is overwritten and noted."""
    SHOP = "shop"
    """The shop's value is written to the hub; nothing is ever written to the shop."""
    BOTH = "both"
    """The side that was edited wins; if both were, the hub, and the shop's value is kept in a finding."""
    NONE = "none"
    """The field is left alone."""


class End(StrEnum):
    """The two ends of a link."""

    HUB = "hub"
    SHOP = "shop"

    @property
    def other(self) -> End:
        """The opposite end."""
        return End.SHOP if self is End.HUB else End.HUB


@dataclass(frozen=True, slots=True)
class Pair:
    """What hub and shop showed at one moment."""

    hub: str
    shop: str

    def at(self, end: End) -> str:
        """The value of one end."""
        return self.hub if end is End.HUB else self.shop

    def after(self, end: End, returned: str) -> Pair:
        """The pair after a write to ``end``, which showed ``returned`` in its answer."""
        return Pair(returned, self.shop) if end is End.HUB else Pair(self.hub, returned)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a field from before.

    Attributes:
        agreed: The pair after the last write or agreement; ``None`` before the first.
        refused: The pair at which a side refused the write; it is asked again only when one of the two changes.
        unsure: The end whose last write had no answer: what it shows instead of its half may be our own.
    """

    agreed: Pair | None = None
    refused: Pair | None = None
    unsure: End | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing is to be done."""


@dataclass(frozen=True, slots=True)
class Agree:
    """Nothing is to be written, and what both show now is agreed."""


@dataclass(frozen=True, slots=True)
class WriteField:
    """Write ``value`` to one end.

    Attributes:
        to: Where.
        value: What the other end shows.
        overwritten: What is lost at ``to`` by this and may be a person's words, to be kept; ``None`` if both ends had
            agreed on it.
        conflict: Both ends may change the field, and both did.
    """

    to: End
    value: str
    overwritten: str | None = None
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class Unplaced:
    """One end was edited, and nobody can tell where the other end keeps it: nothing is written, and a person is told.

    Attributes:
        to: Where it would be written.
    """

    to: End


FieldVerdict = Keep | Agree | WriteField | Unplaced


def judge(field: str, owner: Owner, shows: Pair, past: Past, siblings: Sequence[Pair] = ()) -> FieldVerdict:
    """Decide on one field by its kind: ``reconcile``, with a value to write that the other end can show.

    Args:
        field: Which one it is.
        owner: Who may change it.
        shows: What both ends show, whole.
        past: What is known from before.
        siblings: Of attributes, what both ends of other variations of the product showed when they agreed last.

    >>> judge(ATTRIBUTES, Owner.HUB, Pair("Size: L", "Größe: M"), Past(Pair("Size: M", "Größe: M")))
    WriteField(to=<End.SHOP: 'shop'>, value='Größe: L', overwritten=None, conflict=False)
    """
    if field == ATTRIBUTES and past.agreed is not None:
        return _judge_attributes(owner, shows, past, past.agreed, siblings)
    verdict = reconcile(owner, kept(shows.hub), kept(shows.shop), past)
    if not isinstance(verdict, WriteField):
        return verdict
    return Agree() if field in AS_FOUND and past.agreed is None else replace(verdict, value=shows.at(verdict.to.other))


def _judge_attributes(owner: Owner, shows: Pair, past: Past, agreed: Pair, siblings: Sequence[Pair]) -> FieldVerdict:
    """What is edited is placed where the other end keeps it; names alone are no edit."""
    if shows == past.refused:
        return Keep()
    hub, shop = (agreed.at(end) if _says_what_it_said(agreed.at(end), shows.at(end)) else shows.at(end) for end in End)
    verdict = reconcile(owner, hub, shop, replace(past, refused=None))
    if isinstance(verdict, Keep) and Pair(hub, shop) == agreed != shows and owner is not Owner.NONE:
        return Agree()
    if not isinstance(verdict, WriteField):
        return verdict
    to = verdict.to
    before, there = _remembered(agreed.at(to.other)), _remembered(agreed.at(to))
    others = [(pair.at(to.other), pair.at(to)) for pair in siblings if not is_cut(pair)]
    value = carried(before, shows.at(to.other), shows.at(to) if there is None else there, others, shows.at(to))
    if value is None and past.refused is not None:
        if _has_other_names(past.refused.at(to), shows.at(to)):
            value = carried(before, shows.at(to.other), shows.at(to), others)  # a person may have called them alike
        elif _was_answered(shows, past.refused, agreed, to):
            return Agree()
    if value is None:
        return Unplaced(to)
    return Agree() if value == shows.at(to) else replace(verdict, value=value)


def _says_what_it_said(agreed: str, shown: str) -> bool:
    before = _remembered(agreed)
    return kept(shown) == agreed if before is None else merely_renamed(before, shown)


def _has_other_names(told: str, shown: str) -> bool:
    return told != shown and merely_renamed(told, shown)


def _was_answered(now: Pair, told: Pair, agreed: Pair, to: End) -> bool:
    """Whether a person, told of an edit that could not be placed, has since edited the other end alone."""
    changed = [end for end in End if now.at(end) != told.at(end)]
    return changed == [to] or (changed == [to.other] and told.at(to.other) == agreed.at(to.other))


def _remembered(value: str) -> str | None:
    """Attributes that were agreed on; ``None`` if only a digest is known, of long ones in an older database."""
    return None if value.startswith(_DIGEST) else value


def is_cut(pair: Pair) -> bool:
    """Whether of one of the two values only a digest is remembered."""
    return _remembered(pair.hub) is None or _remembered(pair.shop) is None


def reconcile(owner: Owner, hub: str | None, shop: str | None, past: Past) -> FieldVerdict:
    """Decide on one field.

    Args:
        owner: Who may change it.
        hub: What the hub shows; ``None`` if it says nothing of the field.
        shop: The same of the shop.
        past: What is known from before.

    >>> reconcile(Owner.HUB, "new", "old", Past(Pair("old", "old")))
    WriteField(to=<End.SHOP: 'shop'>, value='new', overwritten=None, conflict=False)
    >>> reconcile(Owner.HUB, "<b>x</b>", "x", Past(Pair("<b>x</b>", "x")))
    Keep()
    """
    if owner is Owner.NONE or hub is None or shop is None:
        return Keep()
    now = Pair(hub, shop)
    if hub == shop or now == past.agreed:
        # Whatever became of an unanswered write, both are as agreed: the next change is an edit like any other.
        return Keep() if now == past.agreed and past.unsure is None else Agree()
    if now == past.refused:
        return Keep()
    if past.agreed is None:
        return _first(owner, now, past)
    changed = {end for end in End if now.at(end) != past.agreed.at(end)}
    edited = changed - {past.unsure}
    to = _follower(owner)
    if owner is Owner.BOTH and (edited == {End.SHOP} or (not edited and past.unsure is End.HUB)):
        to = End.HUB
    return _overwrite(to, now, changed, conflict=owner is Owner.BOTH and edited == set(End))


def _first(owner: Owner, now: Pair, past: Past) -> FieldVerdict:
    """Nothing is agreed yet: a value is never replaced by the lack of one, for nobody took it away."""
    to = _follower(owner)
    if now.at(to.other) == EMPTY:
        if owner is not Owner.BOTH:
            return Keep()
        to = to.other
    filled = {end for end in End if now.at(end) != EMPTY}
    return _overwrite(to, now, filled, conflict=owner is Owner.BOTH and filled - {past.unsure} == set(End))


def _follower(owner: Owner) -> End:
    """The end that is written to if nothing else decides."""
    return End.HUB if owner is Owner.SHOP else End.SHOP


def _overwrite(to: End, now: Pair, changed: set[End], *, conflict: bool) -> WriteField:
    return WriteField(to, now.at(to.other), overwritten=now.at(to) if to in changed else None, conflict=conflict)
