"""The adapter's part of the configuration, and the small rules of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from syncd.adapters.inventorum import FACTORY, InventorumSettings
from syncd.adapters.inventorum.auth import missing_rights
from syncd.adapters.inventorum.times import parse_time, start_of, to_wire
from syncd.errors import StateError

GOOD: dict[str, Any] = {"client_id": "app", "client_secret": "hidden-1", "refresh_token": "hidden-2"}


def test_defaults() -> None:
    settings = InventorumSettings.model_validate(GOOD)
    assert settings.base_url == "https://app.inventorum.com/api/"
    assert (settings.requests_per_second, settings.request_timeout_seconds) == (10, 30)


def test_secrets_are_masked() -> None:
    assert "hidden" not in repr(InventorumSettings.model_validate(GOOD))


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://app.inventorum.com/api", "https://app.inventorum.com/api/"),
        ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080/api/"),
        ("http://localhost:8080/api/", "http://localhost:8080/api/"),
        ("http://[::1]:8080/api/", "http://[::1]:8080/api/"),
    ],
)
def test_addresses(given: str, used: str) -> None:
    assert InventorumSettings.model_validate(GOOD | {"base_url": given}).base_url == used


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("base_url", "http://app.inventorum.com/api/"),
        ("base_url", "http://127.0.0.1.example.com/"),
        ("base_url", "ftp://app.inventorum.com/"),
        ("base_url", "app.inventorum.com"),
        ("base_url", "https://user:pass@app.inventorum.com/api/"),
        ("base_url", "https://app.inventorum.com/api/?x=1"),
        ("requests_per_second", 0),
        ("requests_per_second", 21),
        ("request_timeout_seconds", 0),
        ("client_id", ""),
        ("refresh_token", ""),
        ("tokn", "x"),
    ],
)
def test_mistakes_are_refused_by_key(key: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        InventorumSettings.model_validate(GOOD | {key: value})
    assert [error["loc"] for error in caught.value.errors()] == [(key,)]
    assert "hidden" not in str(caught.value)


def test_the_factory_is_the_hubs() -> None:
    assert (FACTORY.kind, FACTORY.role, FACTORY.uses_tokens) == ("inventorum", "hub", True)
    assert FACTORY.settings_model is InventorumSettings


@pytest.mark.parametrize(
    ("scope", "missing"),
    [
        ("products:read products:update orders:read basic:read", []),
        ("products orders", []),
        ("products:read orders", ["products:update"]),
        ("", ["products:read", "products:update", "orders:read"]),
    ],
)
def test_missing_rights_in_both_notations(scope: str, missing: list[str]) -> None:
    assert missing_rights(scope) == missing


def test_times_go_out_in_utc_with_z() -> None:
    there = datetime(2026, 7, 1, 14, 30, 5, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert to_wire(there) == "2026-07-01T12:30:05.999Z"
    assert parse_time(to_wire(there)) == datetime(2026, 7, 1, 12, 30, 5, 999_000, tzinfo=UTC)


def test_a_time_without_zone_is_not_guessed() -> None:
    assert parse_time("2026-07-01T12:30:05") is None
    assert parse_time("06.04.2016 - 15:04") is None
    assert parse_time(None) is None


def test_the_next_read_begins_before_the_stored_position() -> None:
    assert start_of("2026-07-01T00:00:30.000Z", 60) == "2026-06-30T23:59:30.000Z"
    with pytest.raises(StateError):
        start_of("yesterday", 60)
