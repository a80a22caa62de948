"""How a WooCommerce key travels: Basic, query string, or an OAuth 1.0a signature.

Source: woocommerce-api.md section 1; recording 07-authentication.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, SIGNATURE_TYPE_QUERY, Client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from syncd.adapters.woocommerce.settings import AuthMode

_TOLERATED_SKEW_S = 300.0
"""The shop accepts 15 minutes; correcting at 5 leaves room for a clock that drifts on."""


class KeyAuth:
    """Adds the key to a request, in the way that this shop was found to accept.

    Args:
        key: Consumer key.
        secret: Consumer secret.
        mode: As configured.
        secure: Whether we speak TLS.
        now: Our clock; OAuth needs the time.
    """

    def __init__(self, key: str, secret: str, mode: AuthMode, *, secure: bool, now: Callable[[], datetime]) -> None:
        self._key = key
        self._secret = secret
        self._now = now
        self._clock_offset_s = 0.0
        self._may_switch = mode == "auto" and secure
        self.mode: AuthMode = mode
        if mode == "auto":
            self.mode = "basic" if secure else "oauth"

    def sign(self, method: str, url: str) -> tuple[str, Mapping[str, str]]:
        """Return the address to call and the headers to add; every call makes a new nonce."""
        if self.mode == "basic":
            pair = base64.b64encode(f"{self._key}:{self._secret}".encode()).decode("ascii")
            return url, {"Authorization": f"Basic {pair}"}
        if self.mode == "query":
            separator = "&" if "?" in url else "?"
            return url + separator + urlencode({"consumer_key": self._key, "consumer_secret": self._secret}), {}
        client = Client(
            self._key,
            client_secret=self._secret,
            signature_method=SIGNATURE_HMAC_SHA256,
            signature_type=SIGNATURE_TYPE_QUERY,
            timestamp=str(int(self._now().timestamp() + self._clock_offset_s)),
        )
        # The JSON body is not part of the signature, so it is not given here.
        verbs: dict[str, Literal["POST", "DELETE"]] = {"POST": "POST", "DELETE": "DELETE"}
        signed, _, _ = client.sign(url, http_method=verbs.get(method, "GET"))
        return str(signed), {}

    def switch_to_query(self) -> bool:
        """Send the key in the query from now on, if that is allowed and new.

        Some web servers drop the ``Authorization`` header; the shop then answers as if no key had been sent.
        """
        if not self._may_switch or self.mode != "basic":
            return False
        self.mode = "query"
        return True

    def switch_back(self) -> None:
        """Return to Basic after the query string did not help either."""
        self.mode = "basic"

    def adopt_clock(self, server_now: datetime | None) -> bool:
        """Sign with the server's time if ours is far off; returns whether that changed anything."""
        if self.mode != "oauth" or server_now is None:
            return False
        offset_s = (server_now - self._now()).total_seconds()
        if abs(offset_s - self._clock_offset_s) <= _TOLERATED_SKEW_S:
            return False
        self._clock_offset_s = offset_s
        return True
