"""Removal of secrets from anything that may be shown."""

from __future__ import annotations

import re

# Every repetition is bounded or cannot be tried from two places: texts of any length take linear time.
_QUERY_SECRET = re.compile(
    r"(?i)\b(consumer_key|consumer_secret|oauth_[a-z_]{1,40}|client_secret|refresh_token|access_token|token|password|"
    r"signature|api_?key)(\"?\s{0,5}[=:]\s{0,5}\"?)"
    # Words with which our own messages go on; a secret has neither blank nor ends in a colon.
    r"(?!the\s|missing:)([^\s&\"',}]+)"
)
_AUTH_HEADER = re.compile(r"(?i)\b(basic|bearer)\s{1,5}[a-z0-9+/=._~-]{6,}")
_URL_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://)[^\s/@:]{0,200}:[^\s/@]{1,400}@")
_SIGNS = ("consumer_", "oauth_", "secret", "token", "password", "signature", "api", "basic", "bearer", "://")
"""Each pattern above needs one of these. (Letters beyond ASCII have more than one lower case.)"""
_SHORTEST = 4
"""Shorter values are no secrets, and replacing them would garble every text."""


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return ``text`` without known secrets and without anything that looks like one.

    Args:
        text: Any text that is about to be shown or stored.
        secrets: Exact values to remove, wherever they stand.
    """
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "***")
    if text.isascii() and not _has_sign(text.lower()):
        return text  # nearly every text; the patterns below would look for all words at every place
    text = _QUERY_SECRET.sub(r"\1\2***", text)
    text = _AUTH_HEADER.sub(r"\1 ***", text)
    return _URL_USERINFO.sub(r"\1***@", text)


def _has_sign(lower: str) -> bool:
    return any(sign in lower for sign in _SIGNS)


def shorten(text: str, length: int = 300) -> str:
    """Cut a foreign text to what a person reads."""
    return text if len(text) <= length else f"{text[:length]}…"
