"""Templates to bytes. Everything that is shown passes through here: redacted, without control characters, escaped."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from syncd.core.fields import told
from syncd.log import without_secrets
from syncd.service.freshness import ago

if TYPE_CHECKING:
    from collections.abc import Mapping

_CODE = re.compile(r"`([^`]{1,300})`")
_LONGEST = 240
"""Characters of one value that are shown: names of any length must not push everything else aside."""

LONG = 2000
"""The same of messages, and of commands, which are of no use if their end is missing."""

_PATH = re.compile(r"[MHV0-9. ]*")

# Control characters say nothing; those that turn the direction of writing would turn the words around them as well.
_UNSHOWN = dict.fromkeys(
    (*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    "\N{REPLACEMENT CHARACTER}",
)


def plain(text: object, most: int = _LONGEST) -> str:
    """A value as it may be shown: no secret, no control characters, not longer than ``most`` characters."""
    shown = without_secrets(str(text)).translate(_UNSHOWN)
    return shown if len(shown) <= most else f"{shown[:most]}…"


def _finalize(value: object) -> object:
    if isinstance(value, Markup):
        return value
    return f"{value:f}" if isinstance(value, Decimal) else plain(value)


def _moment(at: datetime | None) -> Markup:
    """A moment in the machine's time zone, as in the commands' output."""
    if at is None:
        return Markup("–")
    local = at.astimezone()
    return Markup('<time datetime="{}">{}</time>').format(
        at.astimezone(UTC).isoformat(timespec="seconds"), f"{local:%Y-%m-%d} {local:%H:%M:%S}"
    )


def _signed(units: Decimal | None) -> str:
    return "–" if units is None else f"{units:+f}"


def _units(units: Decimal | None) -> str:
    return "–" if units is None else f"{units:f}"


def _with_code(text: str) -> Markup:
    """A message in which commands stand between backticks."""
    parts = _CODE.split(plain(text, LONG))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )


def _foreign(text: object, most: int = _LONGEST) -> Markup:
    """A text that others wrote: whichever way it is written, what stands beside it keeps its place."""
    return Markup("<bdi>{}</bdi>").format(plain(text, most))


def _long(text: str) -> Markup:
    """A text of ours that must not lose its end."""
    return escape(plain(text, LONG))


def _path(steps: str) -> Markup:
    """The steps of a line, however many."""
    assert _PATH.fullmatch(steps)  # noqa: S101 - made by the chart, of numbers
    return Markup("{}").format(steps)


def _address(path: str, **query: object) -> str:
    given = {name: value for name, value in query.items() if value not in (None, "", 0, False)}
    return f"{path}?{urlencode(given)}" if given else path


def zone(now: datetime) -> str:
    """The time zone in which times are shown."""
    local = now.astimezone()
    return f"{local.tzname()} (UTC{local:%z})" if local.utcoffset() else "UTC"


@cache
def static(name: str) -> bytes:
    """A file that comes with the program."""
    return files("syncd.page").joinpath("static", name).read_bytes()


@cache
def stamp(name: str) -> str:
    """Changes with the file, so that a browser never shows an old one after an upgrade."""
    return sha256(static(name)).hexdigest()[:12]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("syncd.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "moment": _moment, "signed": _signed, "units": _units, "with_code": _with_code, "foreign": _foreign, "ago": ago,
        "long": _long, "path": _path,
    }  # fmt: skip
    made.globals |= {"LONG": LONG, "address": _address, "stamp": stamp, "told": told}
    return made


def render(template: str, values: Mapping[str, Any]) -> bytes:
    """Fill in a template."""
    # A half of a pair of UTF-16 that a side sent cannot be written in UTF-8.
    return _environment().get_template(template).render(values).encode("utf-8", "replace")
