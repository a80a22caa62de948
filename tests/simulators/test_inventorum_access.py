"""Addresses, tokens, scopes, rate limit and versions of the simulated INVENTORUM, rule by rule of the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.support.inventorum_wire import merchant

# Trailing slash


def test_get_without_slash_is_redirected_before_authentication() -> None:
    with merchant() as shop:
        answer = httpx.get(f"{shop.server.url}/api/products/quantity?id=1&id=2")
    assert answer.status_code == 301
    assert answer.content == b""
    assert answer.headers["location"] == f"{shop.server.url}/api/products/quantity/?id=1&id=2"
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-inv-user"] == "Anonymous"


@pytest.mark.parametrize(("setting", "status"), [("redirect", 301), ("refuse", 404)])
def test_write_without_slash_has_no_effect(setting: str, status: int) -> None:
    with merchant(write_without_slash=setting) as shop:
        product = shop.id_of("S-00001")
        before = shop.quantity(product)
        body = {"stock": {"quantity": 5}}
        answer = shop.send("PUT", f"products/{product}/adjust_inventory", json=body)
        assert answer.status_code == status
        assert shop.quantity(product) == before


def test_unknown_address_is_an_html_page() -> None:
    with merchant() as shop:
        answer = shop.send("GET", "nothing/")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


# Tokens


def test_refresh_rotates_and_the_old_token_is_refused() -> None:
    with merchant() as shop:
        first = shop.refresh
        answer = shop.refresh_raw(first)
        assert answer.status_code == 200
        assert answer.json()["refresh_token"] != first
        assert answer.json()["expires_in"] == 36000
        again = shop.refresh_raw(first)
        assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
        assert shop.refresh_raw(answer.json()["refresh_token"]).status_code == 200


def test_the_seed_token_works_once() -> None:
    with merchant() as shop:
        assert shop.refresh_raw("sim-refresh-0").status_code == 400


def test_status_of_a_refused_refresh_is_a_setting() -> None:
    with merchant(refresh_refused_status=401) as shop:
        answer = shop.refresh_raw("unknown")
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_grant"})


def test_used_refresh_token_lives_for_the_grace_period() -> None:
    with merchant(refresh_grace_seconds=60) as shop:
        first = shop.refresh
        assert shop.refresh_raw(first).status_code == 200
        assert shop.refresh_raw(first).status_code == 200
        shop.sim.set(clock_skew_seconds=61)
        assert shop.refresh_raw(first).status_code == 400


def test_lost_answer_to_a_refresh_still_rotates() -> None:
    with merchant() as shop:
        shop.control("fault", kind="lost_after", path="auth/token")
        with pytest.raises(httpx.RemoteProtocolError):
            shop.refresh_raw()
        assert shop.refresh_raw().status_code == 400


@pytest.mark.parametrize(
    ("auth", "form", "status", "error"),
    [
        (("sim-client", "wrong"), {"grant_type": "refresh_token", "refresh_token": "x"}, 401, "invalid_client"),
        (None, {"grant_type": "refresh_token", "refresh_token": "x"}, 401, "invalid_client"),
        (("sim-client", "sim-secret"), {"grant_type": "password"}, 400, "unsupported_grant_type"),
        (("sim-client", "sim-secret"), {"grant_type": "refresh_token"}, 400, "invalid_request"),
    ],
)
def test_wrong_token_requests(auth: Any, form: dict[str, str], status: int, error: str) -> None:
    with merchant() as shop:
        answer = shop.http.post("auth/token/", data=form, auth=auth)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_access_token_ends_by_the_servers_clock() -> None:
    with merchant(expires_in=100) as shop:
        assert shop.send("GET", "taxes/").status_code == 200
        shop.sim.set(clock_skew_seconds=101)
        answer = shop.send("GET", "taxes/")
    assert (answer.status_code, answer.json()["error"]["key"]) == (401, "token.invalid")


def test_invalid_token_may_be_answered_with_400() -> None:
    with merchant(invalid_token_status=400) as shop:
        shop.sim.expire_access_tokens()
        assert shop.send("GET", "taxes/").status_code == 400


@pytest.mark.parametrize(("dies", "status"), [(False, 200), (True, 401)])
def test_whether_a_refresh_ends_older_access_tokens(dies: bool, status: int) -> None:
    with merchant(access_dies_on_refresh=dies) as shop:
        shop.refresh_raw()
        assert shop.send("GET", "taxes/").status_code == status


def test_revoked_and_issued_refresh_tokens() -> None:
    with merchant() as shop:
        shop.sim.revoke_refresh_token()
        assert shop.refresh_raw().status_code == 400
        fresh = shop.sim.issue_refresh_token()["refresh_token"]
        assert shop.refresh_raw(fresh).status_code == 200


# Scopes


@pytest.mark.parametrize(
    ("scope", "status"),
    [("products:read", 200), ("products", 200), ("products:update", 403), ("orders basic:read", 403)],
)
def test_reading_products_needs_its_scope(scope: str, status: int) -> None:
    with merchant(scope=scope) as shop:
        assert shop.send("GET", "products/").status_code == status


def test_reading_alone_does_not_allow_writing() -> None:
    with merchant(scope="products:read") as shop:
        answer = shop.adjust(shop.id_of("S-00001"), 1)
    assert (answer.status_code, answer.json()["error"]["key"]) == (403, "scope.wrong")


def test_info_may_be_closed_to_apps() -> None:
    with merchant(info_allowed=False) as shop:
        assert shop.send("GET", "info/").status_code == 403


# Rate limit


@pytest.mark.parametrize(("retry_after", "header"), [(True, "1"), (False, None)])
def test_more_than_the_limit_in_a_second_is_429(retry_after: bool, header: str | None) -> None:
    with merchant(rate_limit_per_second=3, rate_limit_retry_after=retry_after) as shop:
        # One of the three was the log-in. Three more within the second are at least one too many.
        answers = [shop.send("GET", "taxes/") for _ in range(4)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].headers.get("retry-after") == header
    assert answers[0].status_code == 200


# Versions and headers


@pytest.mark.parametrize(("version", "status"), [(3, 200), (13, 200), (2, 400), ("x", 400)])
def test_version_header_is_checked(version: int | str, status: int) -> None:
    with merchant() as shop:
        assert shop.send("GET", "products/", version).status_code == status


def test_missing_version_is_a_setting() -> None:
    with merchant() as shop:
        assert "data" in shop.send("GET", "products/", None).json()
        shop.sim.set(missing_version=None)
        assert shop.send("GET", "products/", None).status_code == 400


def test_only_orders_report_the_version_they_processed() -> None:
    with merchant() as shop:
        assert shop.send("GET", "orders/delta/", 10).headers["x-inv-processed-version"] == "10"
        shop.sim.set(orders_processed_version=11)
        assert shop.send("GET", "orders/delta/", 10).headers["x-inv-processed-version"] == "11"
        assert "x-inv-processed-version" not in shop.send("GET", "products/", 10).headers


def test_methods_outside_the_announced_ones_are_refused() -> None:
    with merchant() as shop:
        answer = shop.send("PATCH", f"products/{shop.id_of('S-00001')}/", json={"name": "x"})
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, PUT, DELETE"
        assert shop.send("DELETE", "products/").status_code == 400
        assert shop.get("products/")["total"] == 6


def test_date_header_and_stored_times_follow_the_skewed_clock() -> None:
    with merchant(clock_skew_seconds=-7200) as shop:
        shop.sim.receive("S-00001", 1)
        answer = shop.send("GET", "products/delta/modified/", params={"start_date": "2000-01-01T00:00:00Z"})
        behind = datetime.now(UTC) - parsedate_to_datetime(answer.headers["date"])
        assert timedelta(seconds=7199) < behind < timedelta(seconds=7300)
        changed = shop.sim.state.find("S-00001").changed_at
        assert datetime.now(UTC) - changed > timedelta(seconds=7199)


def test_broken_json_is_400() -> None:
    with merchant() as shop:
        assert shop.send("POST", "products/", content=b'{"name": ').status_code == 400
        assert shop.send("POST", "products/", content=b"[]").status_code == 400
