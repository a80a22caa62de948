"""Reading answers: numbers stay exact, damage is named, secrets are gone before anything is shown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.errors import InvalidResponse
from syncd.http import Reply, redact


def reply(body: bytes = b"{}", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply("till", "GET things/", 200, named, body, 1.0)


def test_numbers_with_a_point_are_decimals() -> None:
    value = reply(b'{"a": 0.1, "b": 12345678901234567890, "c": 1E+3}').json()
    assert value == {"a": Decimal("0.1"), "b": 12345678901234567890, "c": Decimal(1000)}
    assert not any(isinstance(number, float) for number in value.values())


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty body"),
        (b'{"total": 3, "data": [{"id"', "no complete JSON"),
        (b"<html><body>Bad gateway</body></html>", "an HTML page"),
        (b'{"quantity": NaN}', "no complete JSON"),
        (b'{"quantity": Infinity}', "no complete JSON"),
        (b'{"quantity": 1e999999999999999999999}', "no complete JSON"),
        (b"[" * 100_000, "no complete JSON"),
        (b"\xff\xfe\x00", "no complete JSON"),
        (b"1" * 5000, "no complete JSON"),
    ],
)
def test_damaged_bodies_are_refused_by_name(body: bytes, says: str) -> None:
    with pytest.raises(InvalidResponse, match=says) as caught:
        reply(body).json()
    assert caught.value.request == "GET things/"
    assert len(caught.value.sample) <= 200


@pytest.mark.parametrize("noise", [b"\xef\xbb\xbf", b"<br />\nNotice: undefined index\n"])
def test_notices_before_the_json_are_forgiven_only_on_request(noise: bytes) -> None:
    body = noise + b'{"a": [1]}'
    with pytest.raises(InvalidResponse):
        reply(body).json()
    assert reply(body).json(lenient=True) == {"a": [1]}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("-5", 0.0),
        ("nonsense", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:28:30 -0000", 30.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
    ],
)
def test_retry_after_in_both_forms(value: str, seconds: float | None) -> None:
    assert reply(retry_after=value, date="Wed, 21 Oct 2015 07:28:00 GMT").retry_after_s == seconds


def test_a_missing_or_broken_date_header_is_none() -> None:
    assert reply().date is None
    assert reply(date="yesterday").date is None


@pytest.mark.parametrize(
    "text",
    [
        "GET https://shop.example/wp-json/?consumer_key=ck_hidden&consumer_secret=cs_hidden",
        '{"access_token": "hidden", "refresh_token":"hidden"}',
        "grant_type=refresh_token&refresh_token=hidden&x=1",
        "Authorization: Bearer hiddenhidden",
        "authorization: basic aGlkZGVuaGlkZGVu",
        "https://user:hidden@shop.example/",
        "oauth_signature=hidden",
    ],
)
def test_redaction_removes_what_looks_secret(text: str) -> None:
    shown = redact(text)
    assert "hidden" not in shown
    assert "aGlkZGVu" not in shown
    assert "***" in shown


def test_redaction_removes_known_values_wherever_they_stand() -> None:
    assert redact("failed for s3cr3t/path", ("s3cr3t", "")) == "failed for ***/path"


def test_redaction_leaves_plain_text_alone() -> None:
    text = "status 404: product 17 does not exist; put the refresh token into refresh_token or refresh_token_file"
    assert redact(text) == text


def test_a_sample_carries_no_secret() -> None:
    assert "hidden" not in reply(b'{"access_token": "hidden", "scope": "all"').sample
