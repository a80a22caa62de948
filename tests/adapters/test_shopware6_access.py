"""Tokens, versions, rights and limits of a Shopware 6 shop."""

from __future__ import annotations

import pytest

from syncd.adapters.shopware6.settings import Shopware6Settings
from syncd.errors import AuthRejected, InvalidResponse, PermissionMissing
from syncd.testing.goods import GOODS, SIMPLE
from syncd.testing.reading import read, write
from tests.support.shopware6 import Stand, shop

TOKENS = "/api/oauth/token"
READ_RIGHTS = (
    "product:read", "product:create", "tax:read", "currency:read", "product_manufacturer:read", "category:read",
    "property_group:read", "property_group_option:read", "product_media:read", "order:read", "order_line_item:read",
    "state_machine_state:read",
)  # fmt: skip


def _fetch(stand: Stand) -> None:
    stand.adapter.fetch([stand.ref(SIMPLE)])


def test_a_token_is_kept_and_renewed_before_it_ends() -> None:
    with shop(GOODS) as stand:
        for _ in range(3):
            _fetch(stand)
        assert len(stand.sent(TOKENS)) == 1
        stand.clock.seconds += 545
        _fetch(stand)
        assert len(stand.sent(TOKENS)) == 2
        assert {one.status for one in stand.server.requests()} == {200}


def test_a_token_that_ended_early_is_renewed_once_and_a_write_is_applied_once() -> None:
    with shop(GOODS) as stand:
        _fetch(stand)
        stand.sim.auth.expire()
        stand.adapter.write_stock([write(stand.ref(SIMPLE), 5, before=20)])
        assert stand.sim.people.stock()[SIMPLE] == 25
        assert [one.status for one in stand.server.requests(path="_action/sync")] == [401, 200]
        assert len(stand.sent(TOKENS)) == 2


def test_a_wrong_secret_is_not_shown_again_at_once() -> None:
    """The route is throttled by address, for all who ask from there."""
    with shop(GOODS) as stand:
        adapter = stand.connect(client_secret="wrong")
        for _ in range(12):
            with pytest.raises(AuthRejected, match="Integrations"):
                adapter.fetch([stand.ref(SIMPLE)])
        assert len(stand.sent(TOKENS)) == 1
        stand.clock.seconds += 31
        with pytest.raises(AuthRejected):
            adapter.fetch([stand.ref(SIMPLE)])
        assert len(stand.sent(TOKENS)) == 2
        adapter.close()


def test_a_shop_that_counts_stock_in_another_way_is_refused() -> None:
    with shop(GOODS, version="6.5.8.14") as stand:
        with pytest.raises(InvalidResponse, match=r"6\.6 or later"):
            read(stand.adapter.read_all())
        report = stand.adapter.check()
        assert not report.ok
        assert "6.5.8.14" in str(report)


def test_missing_rights_are_named() -> None:
    with shop(GOODS, privileges=READ_RIGHTS) as stand:
        assert len(read(stand.adapter.read_all()).stock()) == len(stand.sim.people.stock())
        with pytest.raises(PermissionMissing, match="product:update"):
            stand.adapter.write_stock([write(stand.ref(SIMPLE), 1, before=1)])
    with shop(GOODS, privileges=("product:read", "currency:read")) as stand, pytest.raises(PermissionMissing) as caught:
        read(stand.adapter.read_all())
    assert "category:read" in str(caught.value)


def test_the_check_tells_what_the_role_lacks() -> None:
    with shop(GOODS, privileges=(*READ_RIGHTS, "integration:read", "acl_role:read")) as stand:
        lines = {line.subject: line for line in stand.adapter.check().lines}
        assert not lines["rights"].ok
        assert "product:update" in lines["rights"].message
        assert "product:read" not in lines["rights"].message
    with shop(GOODS, privileges=(*READ_RIGHTS, "product:update")) as stand:
        assert stand.adapter.check().ok, "a role need not be able to read itself"


def test_a_shop_with_a_low_limit_is_read_in_smaller_pages() -> None:
    with shop(GOODS, max_limit=100) as stand:
        assert len(read(stand.adapter.read_all()).stock()) == len(stand.sim.people.stock())
        assert [one.status for one in stand.server.requests(path="search/product")] == [400, 200]


@pytest.mark.parametrize("url", ["https://shop.example", "https://shop.example/", "https://shop.example/api/"])
def test_the_address_may_be_given_with_or_without_the_api(url: str) -> None:
    settings = Shopware6Settings.model_validate({"url": url, "client_id": "SWIA1", "client_secret": "x"})
    assert settings.api_url == "https://shop.example/api/"
    assert "client_secret=SecretStr('**********')" in repr(settings)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"url": "shop.example"}, "https://"),
        ({"url": "https://user:word@shop.example"}, "must not contain"),
        ({"client_secret": "SWIAABC"}, "swapped"),
        ({"client_secret": " "}, "empty"),
    ],
)
def test_mistakes_in_the_settings_are_named(values: dict[str, str], words: str) -> None:
    given = {"url": "https://shop.example", "client_id": "SWIA1", "client_secret": "x", **values}
    with pytest.raises(ValueError, match=words):
        Shopware6Settings.model_validate(given)
