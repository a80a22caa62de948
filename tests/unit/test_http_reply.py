"""Reading answers: numbers stay exact, damage is named, secrets are gone before anything is shown."""

from __future__ import annotations

import time
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


def test_what_the_request_carried_is_in_no_sample() -> None:
    echo = Reply("till", "GET things/", 200, {}, b"<html>you sent 8f14e45fceea</html>", 1.0, ("8f14e45fceea",))
    with pytest.raises(InvalidResponse) as caught:
        echo.json()
    assert "8f14" not in caught.value.sample
    assert echo.shown("again: 8f14e45fceea") == "again: ***"


@pytest.mark.parametrize("part", ["A", "token ", "a.b", "basic  ", "://:"])
def test_redaction_takes_no_longer_than_the_text_is_long(part: str) -> None:
    """It ran for most of a minute over 70,000 letters in an error message."""
    text = part * 50_000
    began = time.process_time()
    assert len(redact(text)) == len(text)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("body", [b'["Gr\xfcn"]', '["Grün"]'.encode("utf-16"), b'["\xff"]', b'["\xed\xa0\x80"]'])
@pytest.mark.parametrize("lenient", [False, True])
def test_json_in_another_encoding_is_refused_not_guessed(body: bytes, lenient: bool) -> None:
    with pytest.raises(InvalidResponse):
        reply(body).json(lenient=lenient)


def test_notices_in_another_encoding_are_forgiven_too() -> None:
    assert reply(b'Warnung: ung\xfcltig\n{"a": 1}').json(lenient=True) == {"a": 1}


def test_texts_that_no_database_takes_are_made_storable() -> None:
    body = rb'{"a\u0000": ["x\ud83dy", {"b": "\u0000"}], "emoji": "\ud83e\uddf6", "plain": "\\u0000"}'
    assert reply(body).json() == {"a�": ["x�y", {"b": "�"}], "emoji": "🧶", "plain": "\\u0000"}


@pytest.mark.parametrize(
    "value",
    [
        "Mon, 01 Jan 0999 00:00:00 GMT",
        "Mon, 01 Jan 0999 00:00:00 +2359",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 23 Nov 99999999999999999999 00:00:00 GMT",
        "Mon, 23 Nov 2026 12:00:00 +9999",
    ],
)
def test_a_clock_beyond_the_calendar_is_no_clock(value: str) -> None:
    assert reply(date=value).date is None
    assert reply(retry_after=value).retry_after_s is None


@pytest.mark.parametrize(("value", "seconds"), [("inf", None), ("nan", None), ("1e400", None), ("1e300", 86_400.0)])
def test_an_endless_pause_is_none(value: str, seconds: float | None) -> None:
    assert reply(retry_after=value).retry_after_s == seconds
