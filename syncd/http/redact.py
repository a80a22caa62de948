"""Removal of secrets from anything that may be shown."""

from __future__ import annotations

import base64
import functools
import html
import json
import re
import threading
from collections import OrderedDict
from urllib.parse import quote, quote_plus

# Every repetition is bounded or cannot be tried from two places: texts of any length take linear time.
_QUERY_SECRET = re.compile(
    r"(?i)\b(consumer_key|consumer_secret|oauth_[a-z_]{1,40}|client_secret|refresh_token|access_token|token|password|"
    r"signature|api[_-]?key)(\"?\s{0,5}[=:]\s{0,5}\"?)"
    # Words with which our own messages go on; a secret has neither blank nor ends in a colon.
    r"(?!the\s|missing:)([^\s&\"',}]+)"
)
_AUTH_HEADER = re.compile(r"(?i)\b(basic|bearer)\s{1,5}[a-z0-9+/=._~-]{6,}")
_URL_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://)[^\s/@:]{0,200}:[^\s/@]{1,400}@")
_SIGNS = ("consumer_", "oauth_", "secret", "token", "password", "signature", "api", "basic", "bearer", "://")
"""Each pattern above needs one of these. (Letters beyond ASCII have more than one lower case.)"""
_SHORTEST = 4
"""Shorter values are no secrets, and replacing them would garble every text."""

_SHORTEST_PART = 8
"""Fewer characters of base64 stand by chance in other words."""

_MOST_RECENT = 32


class _Known:
    """Secrets of this process: those of its configuration, and credentials that it used or got lately."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lasting: set[str] = set()
        self._recent: OrderedDict[str, None] = OrderedDict()
        self.all: tuple[str, ...] = ()

    def add(self, *secrets: str) -> None:
        with self._lock:
            self._lasting.update(secret for secret in secrets if len(secret) >= _SHORTEST)
            self._list()

    def note(self, *secrets: str) -> None:
        with self._lock:
            new = [secret for secret in secrets if len(secret) >= _SHORTEST and secret not in self._recent]
            for secret in secrets:
                if secret in self._recent:
                    self._recent.move_to_end(secret)
            self._recent.update(dict.fromkeys(new))
            while len(self._recent) > _MOST_RECENT:
                self._recent.popitem(last=False)
            if new:
                self._list()

    def forget(self) -> None:
        with self._lock:
            self._lasting.clear()
            self._recent.clear()
            self._list()

    def _list(self) -> None:
        found = {form for secret in (*self._lasting, *self._recent) for form in forms(secret)}
        self.all = _longest_first(found)


_known = _Known()

register_secrets = _known.add
"""Remove these values from every text from now on, in all their forms."""

note_credentials = _known.note
"""The same for credentials that come and go, as tokens do: the latest of them are known."""

forget_secrets = _known.forget
"""Know none any more; for tests."""


@functools.lru_cache(maxsize=512)
def forms(secret: str) -> tuple[str, ...]:
    """List how a secret may look in other texts: as it is, in addresses, JSON, HTML, in quotes, and in base64.

    What is in one may be put into another, as a message in JSON into an address. Of base64 it is what stands there
    whatever comes before and behind it, as in the header of Basic authentication.
    """
    once = {secret, *_dressed(secret)}
    twice = {form for each in once for form in _dressed(each)}
    packed = _base64_parts(secret.encode())
    return _longest_first(once | twice | packed | {quote(part, safe="") for part in packed})


def _dressed(text: str) -> set[str]:
    raw = text.encode("utf-8", "replace")
    quoted = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    # Python chooses its quotes by what is inside; in a longer text others may be.
    quoted |= {repr(text)[1:-1], repr(f"'\"{text}")[4:-1], repr(raw)[2:-1], repr(b"'\"" + raw)[5:-1]}
    address = {quote(text, safe=""), quote(text), quote_plus(text)}
    address |= {re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), form) for form in address}
    page = html.escape(text)
    return quoted | address | {page, html.escape(text, quote=False), page.replace("&#x27;", "&#039;")}


def _base64_parts(raw: bytes) -> set[str]:
    found = set()
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw).decode("ascii")
        part = text[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(part) >= _SHORTEST_PART:
            found |= {part, part.replace("+", "-").replace("/", "_")}
    return found


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return ``text`` without the secrets of this process and without anything that looks like one.

    Args:
        text: Any text that is about to be shown or stored.
        secrets: Further values to remove, wherever they stand.
    """
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            for form in forms(secret):
                text = text.replace(form, "***")
    text = hide(text)
    if text.isascii() and not _has_sign(text.lower()):
        return text  # nearly every text; the patterns below would look for all words at every place
    text = _QUERY_SECRET.sub(r"\1\2***", text)
    text = _AUTH_HEADER.sub(r"\1 ***", text)
    return _URL_USERINFO.sub(r"\1***@", text)


def hide(text: str) -> str:
    """Return ``text`` without the secrets of this process, and else as it is."""
    for form in _known.all:
        if form in text:
            text = text.replace(form, "***")
    return text


def _has_sign(lower: str) -> bool:
    return any(sign in lower for sign in _SIGNS)


def shorten(text: str, length: int = 300) -> str:
    """Cut a foreign text to what a person reads."""
    return text if len(text) <= length else f"{text[:length]}…"


def _longest_first(values: set[str]) -> tuple[str, ...]:
    """So that none is left over that hides inside another."""
    return tuple(sorted((value for value in values if len(value) >= _SHORTEST), key=len, reverse=True))
