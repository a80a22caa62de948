"""How the key travels; OAuth signatures are checked against a second implementation written from the rules."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from syncd.adapters.woocommerce.auth import KeyAuth
from syncd.adapters.woocommerce.settings import WooCommerceSettings

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def auth(mode: str = "auto", *, secure: bool) -> KeyAuth:
    return KeyAuth("ck_sim", "cs_sim", mode, secure=secure, now=lambda: NOW)  # type: ignore[arg-type]  # table of modes


def expected_signature(method: str, url: str, secret: str) -> str:
    """woocommerce-api.md section 1, step by step."""
    parts = urlsplit(url)
    pairs = [(name, value) for name, value in parse_qsl(parts.query, True) if name != "oauth_signature"]
    joined = "&".join(f"{k}={v}" for k, v in sorted((quote(n, safe="~"), quote(v, safe="~")) for n, v in pairs))
    address = f"{parts.scheme}://{parts.netloc}{parts.path}"
    base = "&".join([method, quote(address, safe="~"), quote(joined, safe="~")])
    digest = hmac.new(f"{secret}&".encode(), base.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/wp-json/wc/v3/products",
        "http://127.0.0.1:8080/shop/wp-json/wc/v3/products?per_page=100&_fields=id%2Csku&page=2",
        "http://shop.example/wp-json/wc/v3/orders?modified_after=2026-11-23T11%3A45%3A54&dates_are_gmt=true",
        "http://shop.example/wp-json/wc/v3/products/batch?sku=a+b%26c%3D%C3%A4",
    ],
)
def test_oauth_signatures_agree_with_the_written_rules(method: str, url: str) -> None:
    signed, headers = auth(secure=False).sign(method, url)
    query = dict(parse_qsl(urlsplit(signed).query))
    assert headers == {}
    assert query["oauth_consumer_key"] == "ck_sim"
    assert query["oauth_signature_method"] == "HMAC-SHA256"
    assert query["oauth_timestamp"] == str(int(NOW.timestamp()))
    assert query["oauth_signature"] == expected_signature(method, signed, "cs_sim")
    assert "cs_sim" not in signed
    for name, value in parse_qsl(urlsplit(url).query):
        assert query[name] == value


@given(st.dictionaries(st.text("abcxyz_", min_size=1), st.text(max_size=20), max_size=5))
def test_oauth_signatures_agree_for_any_value(params: dict[str, str]) -> None:
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params.items())
    signed, _ = auth(secure=False).sign("GET", f"http://shop.example/wp-json/wc/v3/products?{query}")
    assert dict(parse_qsl(urlsplit(signed).query, True))["oauth_signature"] == expected_signature(
        "GET", signed, "cs_sim"
    )


def test_every_signature_has_its_own_nonce() -> None:
    signer = auth(secure=False)
    nonces = {
        dict(parse_qsl(urlsplit(signer.sign("GET", "http://shop.example/x")[0]).query))["oauth_nonce"]
        for _ in range(20)
    }
    assert len(nonces) == 20


def test_over_tls_the_key_goes_as_basic_and_may_move_to_the_query_once() -> None:
    signer = auth(secure=True)
    url, headers = signer.sign("GET", "https://shop.example/x")
    assert url == "https://shop.example/x"
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"ck_sim:cs_sim"
    assert signer.switch_to_query()
    assert not signer.switch_to_query()
    url, headers = signer.sign("GET", "https://shop.example/x?page=1")
    assert url == "https://shop.example/x?page=1&consumer_key=ck_sim&consumer_secret=cs_sim"
    assert headers == {}


@pytest.mark.parametrize("mode", ["basic", "query", "oauth"])
def test_a_configured_way_is_not_left(mode: str) -> None:
    assert not auth(mode, secure=True).switch_to_query()


def test_a_clock_that_is_far_off_is_corrected_for_signatures_only() -> None:
    signer = auth(secure=False)
    assert not signer.adopt_clock(NOW + timedelta(minutes=2))
    assert signer.adopt_clock(NOW + timedelta(minutes=20))
    assert not signer.adopt_clock(NOW + timedelta(minutes=20))
    stamp = dict(parse_qsl(urlsplit(signer.sign("GET", "http://s.example/x")[0]).query))["oauth_timestamp"]
    assert stamp == str(int(NOW.timestamp()) + 1200)
    assert not auth(secure=True).adopt_clock(NOW + timedelta(minutes=20))


# -- settings


def settings(**values: object) -> WooCommerceSettings:
    return WooCommerceSettings.model_validate(
        {"url": "https://shop.example", "consumer_key": "ck_1", "consumer_secret": "cs_1", **values}
    )


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://shop.example", "https://shop.example/wp-json/wc/v3/"),
        ("https://shop.example/", "https://shop.example/wp-json/wc/v3/"),
        ("https://example.org/shop/", "https://example.org/shop/wp-json/wc/v3/"),
        ("https://example.org/index.php/wp-json", "https://example.org/index.php/wp-json/wc/v3/"),
        ("https://example.org/index.php/wp-json/wc/v3/", "https://example.org/index.php/wp-json/wc/v3/"),
        (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080/wp-json/wc/v3/"),
    ],
)
def test_the_api_address(url: str, api: str) -> None:
    assert settings(url=url).api_url == api
    assert settings(url=url).secure == url.strip().startswith("https")


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "shop.example"},
        {"url": "ftp://shop.example"},
        {"url": "https://me:secret@shop.example"},
        {"url": "https://shop.example/?rest_route=/wc/v3"},
        {"consumer_key": "cs_1"},
        {"consumer_secret": " "},
        {"batch_size": 101},
        {"batch_size": 0},
        {"auth": "digest"},
        {"requests_per_second": 0},
        {"konsumer_key": "ck_1"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_secrets_are_masked_and_stripped() -> None:
    made = settings(consumer_secret=" cs_hidden\n")
    assert made.consumer_secret.get_secret_value() == "cs_hidden"
    assert "cs_hidden" not in repr(made)
    assert "ck_1" not in repr(made)
