"""Removal of secrets from anything that may be shown."""

from __future__ import annotations

import re

_QUERY_SECRET = re.compile(
    r"(?i)\b(consumer_key|consumer_secret|oauth_[a-z_]+|client_secret|refresh_token|access_token|token|password|"
    r"signature|api_?key)(\"?\s*[=:]\s*\"?)([^\s&\"',}]+)"
)
_AUTH_HEADER = re.compile(r"(?i)\b(basic|bearer)\s+[a-z0-9+/=._~-]{6,}")
_URL_USERINFO = re.compile(r"(?i)([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]+@")


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return ``text`` without known secrets and without anything that looks like one.

    Args:
        text: Any text that is about to be shown or stored.
        secrets: Exact values to remove, wherever they stand.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = _QUERY_SECRET.sub(r"\1\2***", text)
    text = _AUTH_HEADER.sub(r"\1 ***", text)
    return _URL_USERINFO.sub(r"\1***@", text)
