"""Who is asking: Basic, query-string credentials, or OAuth 1.0a, as WooCommerce decides it.

Source: 07-authentication.json.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from syncd.simulators.woocommerce.problems import ApiError

if TYPE_CHECKING:
    from syncd.simulators.server import SimRequest
    from syncd.simulators.woocommerce.settings import ApiKey, WooCommerceSettings

OAUTH_WINDOW_S = 15 * 60
_OAUTH_NAMES = ("consumer_key", "timestamp", "nonce", "signature", "signature_method")
_DIGESTS = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}


def refused(message: str) -> ApiError:
    """The 401 of credentials that were looked at and found wrong."""
    return ApiError(401, "woocommerce_rest_authentication_error", message)


class Authenticator:
    """Finds the key behind a request; remembers the nonces it has seen. Call under the shop's lock."""

    def __init__(self, settings: WooCommerceSettings) -> None:
        self.settings = settings
        self._nonces: dict[tuple[str, str], int] = {}

    def identify(self, request: SimRequest, now: int) -> ApiKey | None:
        """The key of the request, or ``None`` if it carries none that is looked at.

        Raises:
            ApiError: 401 for credentials that were looked at and are wrong.
        """
        key = self._basic(request) if self.is_https(request) else None
        return key or self._oauth(request, now)

    def is_https(self, request: SimRequest) -> bool:
        """What PHP's ``is_ssl()`` would say."""
        forwarded = request.headers.get("x-forwarded-proto", "") == "https"
        return self.settings.treat_as_https or (self.settings.honour_forwarded_proto and forwarded)

    def check_permission(self, key: ApiKey, method: str) -> None:
        """Refuse a read key that writes, and a write key that reads."""
        need = "read" if method in {"GET", "HEAD", "OPTIONS"} else "write"
        if key.permission not in {need, "read_write"}:
            raise refused(f"The API key provided does not have {need} permissions.")

    def _header(self, request: SimRequest) -> str:
        return "" if self.settings.strip_authorization else request.headers.get("authorization", "")

    def _find(self, consumer_key: str) -> ApiKey | None:
        return next((key for key in self.settings.keys if key.key == consumer_key), None)

    def _basic(self, request: SimRequest) -> ApiKey | None:
        name, secret = request.param("consumer_key"), request.param("consumer_secret")
        if not (name and secret):
            name, secret = _basic_pair(self._header(request))
        key = self._find(name) if name and secret else None
        if key is not None and not hmac.compare_digest(key.secret.encode(), secret.encode()):
            raise refused("Consumer secret is invalid.")
        return key

    def _oauth(self, request: SimRequest, now: int) -> ApiKey | None:
        header = _oauth_header(self._header(request))
        given = dict(request.query) | header
        missing = [f"oauth_{name}" for name in _OAUTH_NAMES if not given.get(f"oauth_{name}")]
        if len(missing) == len(_OAUTH_NAMES):
            return None
        if missing:
            plural = "s" if len(missing) > 1 else ""
            message = f"Missing OAuth parameter{plural} {', '.join(missing)}"
            raise ApiError(401, "woocommerce_rest_authentication_missing_parameter", message)
        key = self._find(given["oauth_consumer_key"])
        if key is None:
            raise refused("Consumer key is invalid.")
        self._check_signature(request, key, header, given)
        self._check_nonce(key, given["oauth_timestamp"], given["oauth_nonce"], now)
        return key

    def _check_signature(self, request: SimRequest, key: ApiKey, header: dict[str, str], given: dict[str, str]) -> None:
        digest = _DIGESTS.get(given["oauth_signature_method"])
        if digest is None:
            raise refused("Invalid signature - signature method is invalid.")
        pairs = [pair for pair in (*request.query, *header.items()) if pair[0] != "oauth_signature"]
        schemes = ["https", "http"] if self.is_https(request) else ["http"]
        for scheme in schemes:
            url = re.sub(r"^https?", scheme, request.url)
            base = "&".join((request.method, _encode(url), _encode(_joined(pairs))))
            made = hmac.new(f"{key.secret}&".encode(), base.encode(), digest).digest()
            if hmac.compare_digest(base64.b64encode(made).decode(), given["oauth_signature"]):
                return
        raise refused("Invalid signature - provided signature does not match.")

    def _check_nonce(self, key: ApiKey, timestamp: str, nonce: str, now: int) -> None:
        if not timestamp.isdigit() or abs(int(timestamp) - now) > OAUTH_WINDOW_S:
            raise refused("Invalid timestamp.")
        self._nonces = {used: at for used, at in self._nonces.items() if abs(at - now) <= OAUTH_WINDOW_S}
        if (key.key, nonce) in self._nonces:
            raise refused("Invalid nonce - nonce has already been used.")
        self._nonces[key.key, nonce] = int(timestamp)


def _basic_pair(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def _oauth_header(header: str) -> dict[str, str]:
    if not header.lower().startswith("oauth "):
        return {}
    return {name: unquote(value) for name, value in re.findall(r'(oauth_\w+)="([^"]*)"', header)}


def _encode(text: str) -> str:
    return quote(text, safe="-._~")


def _joined(pairs: list[tuple[str, str]]) -> str:
    encoded = sorted((_encode(name), _encode(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)
