"""The commands against servers that were written from the vendors' contracts alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.acceptance import Stage
from tests.support.contract_inventorum import ContractInventorum
from tests.support.contract_woocommerce import ContractWooCommerce


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A till and a shop with 8 products and 2 groups of 5 variations, half of which differ; nothing is linked yet."""
    with Stage(tmp_path) as made:
        made.stock(8, 2, till=lambda n: 10 + n, shop=lambda n: 10 + n if n % 2 else 3)
        yield made


@pytest.fixture
def synced(stage: Stage) -> Stage:
    """The same after its first pass."""
    stage.syncd("sync")
    stage.later()
    stage.forget_calls()
    return stage


def test_a_thousand_items_are_linked_aligned_and_kept_in_step(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.stock(900, 20, till=lambda n: 10 + n % 7, shop=lambda n: 10 + n % 7 if n % 5 < 3 else n % 4)
        stage.syncd("sync")
        assert stage.agree()
        assert stage.rows("SELECT count(*) FROM v_stock WHERE difference = 0 AND state = 'equal'") == [(2000,)]
        assert stage.till.bookings == []  # the till's quantities count; nothing may be booked there

        stage.later()
        till, shop = stage.till, stage.shop
        sale, other = till.sell(stage.at_till("S-3"), 2), till.sell(stage.at_till("G-7-2"))
        order = shop.order({stage.in_shop("S-4"): 3, stage.in_shop("G-19-4"): 1})
        paid = shop.order({stage.in_shop("S-5"): 2})
        unpaid = shop.order({stage.in_shop("S-6"): 9}, status="pending")
        till.count_stock(stage.at_till("S-899"), 77)
        both = stage.at_till("S-8"), stage.in_shop("S-8")
        till.sell(both[0], 1)
        shop.order({both[1]: 1})
        stage.syncd("sync")
        assert stage.agree()
        now = till.quantities()
        expected = {"S-3": 11, "G-7-2": 11, "S-4": 11, "G-19-4": 10, "S-5": 13, "S-6": 16, "S-899": 77, "S-8": 9}
        assert {code: now[code] for code in expected} == expected

        stage.later()
        till.cancel(sale)
        shop.set_status(order, "cancelled")
        shop.refund(paid, stage.in_shop("S-5"), 1)
        shop.set_status(unpaid, "failed")
        stage.syncd("sync")
        assert stage.agree()
        now = till.quantities()
        expected |= {"S-3": 13, "S-4": 14, "G-19-4": 11, "S-5": 14}
        assert {code: now[code] for code in expected} == expected
        assert other.lines == {stage.at_till("G-7-2"): Decimal(1)}

        stage.later()
        stage.forget_calls()
        again = stage.syncd("sync")
        assert [again.counts(side, "write_requests") for side in ("inventorum", "main")] == [0, 0]
        assert "0 write requests" in again.out
        assert stage.writes() == 0

        stage.later()  # what happened is now older than the overlap with the last read
        stage.forget_calls()
        quiet = stage.syncd("sync")
        assert len(till.calls()) <= 2
        assert len(shop.calls()) <= 5
        assert [quiet.counts("inventorum", "read_requests"), quiet.counts("main", "read_requests")] == [2, 5]


def test_three_mistakes_are_three_problems_with_their_paths(stage: Stage) -> None:
    text = stage.config.read_text()
    text = text.replace("requests_per_second = 20\n", "requests_per_second = 50\n")
    text = text.replace("in_doubt_seconds = 1", "in_doubt_secs = 1", 1)
    stage.config.write_text(text + '[shops.main.safty]\nmax_zeroed = "many"\n')
    refused = stage.syncd("sync", code=78)
    lines = refused.err.splitlines()
    assert lines[0] == f"error: {stage.config} has 3 problems"
    paths = [line.split(":")[0].strip() for line in lines[1:]]
    assert sorted(paths) == ["inventorum.requests_per_second", "inventorum.stock.in_doubt_secs", "shops.main.safty"]
    assert refused.out == ""
    assert stage.till.calls() == stage.shop.calls() == []


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_refresh_token_says_what_to_do_and_nothing_is_lost(tmp_path: Path, status: int) -> None:
    with Stage(tmp_path, till=ContractInventorum(refused_refresh=status)) as stage:
        stage.stock(4, till=lambda _n: 10, shop=lambda _n: 10)
        stage.syncd("sync")
        stage.later()
        stage.till.new_token()  # whoever made a new token has revoked ours
        stage.till.sell(stage.at_till("S-1"), 4)
        stage.shop.order({stage.in_shop("S-2"): 3})
        refused = stage.syncd("sync", code=5)
        assert "Create a new token" in refused.err
        assert "refresh_token" in refused.err
        assert stage.syncd("status", code=5).out.count("reauthorisation") == 1
        stage.shop.order({stage.in_shop("S-3"): 1})
        stage.syncd("sync", code=5)

        stage.later(3600)
        stage.configure()
        stage.syncd("sync")
        assert stage.till.quantities() == {"S-0": 10, "S-1": 6, "S-2": 7, "S-3": 9}
        assert stage.agree()
        assert "open findings: none" in stage.syncd("status").out


def test_looking_changes_nothing(stage: Stage) -> None:
    before = stage.till.quantities(), stage.shop.stocks()
    assert stage.syncd("match", "--json").json["shops"][0]["counts"]["linkable"] == 18
    first = stage.everything(but=("tokens", "leases", "alembic_version"))
    assert not any(first.values())
    plan = stage.syncd("plan", "--json").json
    assert {side["side"]: len(side["writes"]) for side in plan["sides"]} == {"inventorum": 0, "main": 9}
    assert stage.everything(but=("tokens", "leases", "alembic_version")) == first
    assert (stage.till.quantities(), stage.shop.stocks()) == before
    assert stage.writes() == 0


def test_looking_later_changes_nothing_either(synced: Stage) -> None:
    synced.till.sell(synced.at_till("S-1"), 2)
    synced.shop.order({synced.in_shop("G-1-2"): 1})
    before = synced.everything(but=("tokens",)), synced.till.quantities(), synced.shop.stocks()
    plan = synced.syncd("plan")
    assert "S-1  11 → 9  (-2)" in plan.out
    assert "G-1-2" in plan.out
    assert synced.syncd("sync", "--dry-run").out == plan.out
    synced.syncd("match")
    assert (synced.everything(but=("tokens",)), synced.till.quantities(), synced.shop.stocks()) == before
    assert synced.writes() == 0


def test_status_and_explain_answer(synced: Stage) -> None:
    synced.till.sell(synced.at_till("S-1"), 2)
    order = synced.shop.order({synced.in_shop("S-1"): 1})
    synced.syncd("sync")
    status = synced.syncd("status").out
    assert "inventorum (inventorum): 18 linked" in status
    assert "main (woocommerce): 18 linked" in status
    story = synced.syncd("explain", "S-1").out
    assert story.startswith("Product 1: 8 on hand\n")
    assert f"sold: main order {order.id} (-1)" in story
    assert "inventorum reported -2" in story
    assert synced.syncd("explain", str(synced.at_till("S-1"))).out == story
    assert "did you mean" in synced.syncd("explain", "s-", code=2).err


def test_check_speaks_of_a_wrong_clock_once(synced: Stage) -> None:
    synced.later()
    lines = synced.syncd("check", code=1).out.splitlines()
    trouble = [line[2:].split(": ")[:2] for line in lines if line.startswith(("✗", "!"))]
    assert trouble == [["inventorum", "clock"], ["main", "clock"]]
    assert synced.writes() == 1  # the shop is asked to change nothing: that proves the right to write
    assert [call.json() for call in synced.shop.writes()] == [{"update": []}]


def test_views_answer_a_person(synced: Stage) -> None:
    synced.till.sell(synced.at_till("S-1"))
    synced.syncd("sync")
    for view in ("v_stock", "v_recent_movements", "v_side_health"):
        assert synced.rows(f"SELECT * FROM {view} LIMIT 3"), view  # noqa: S608 - names above
    for view in ("v_drift", "v_open_findings"):
        assert synced.rows(f"SELECT * FROM {view} LIMIT 3") == [], view  # noqa: S608 - names above
    assert synced.rows("SELECT side, on_hand, holds, wanted, state FROM v_stock WHERE sku = 'S-1' ORDER BY side") == [
        ("inventorum", 10, 10, 10, "equal"),
        ("main", 10, 10, 10, "equal"),
    ]


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("check",), 0),
        (("match",), 0),
        (("plan",), 0),
        (("sync",), 0),
        (("sync", "--dry-run"), 0),
        (("status",), 0),
        (("explain", "S-1"), 0),
        (("explain", "nothing"), 2),
        (("findings",), 0),
    ],
)
def test_json_is_one_document_on_standard_output(once_synced: Stage, argv: tuple[str, ...], code: int) -> None:
    done = once_synced.syncd(*argv, "--json", code=code)
    assert isinstance(json.loads(done.out), dict)


@pytest.fixture(scope="module")
def once_synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Shared by tests that change nothing."""
    with Stage(tmp_path_factory.mktemp("shared")) as made:
        made.stock(3, 1, till=lambda n: 10 + n, shop=lambda n: 10 + n)
        made.syncd("sync")
        yield made


def test_shops_with_different_buffers_share_one_stock(tmp_path: Path) -> None:
    shops = {"main": ContractWooCommerce(), "outlet": ContractWooCommerce(modern=False, orders_touch_products=True)}
    buffers = {"main": "buffer = 2", "outlet": 'buffer = 5\nbuffers = { "S-1" = 0 }'}
    with Stage(tmp_path, shops=shops, settings=buffers) as stage:
        stage.stock(3, 1, till=lambda _n: 12, shop=lambda n: n)
        stage.syncd("sync")
        assert stage.shops["main"].stocks() == dict.fromkeys(stage.shops["main"].stocks(), 10)
        assert stage.shops["outlet"].stocks() == {**dict.fromkeys(stage.shops["outlet"].stocks(), 7), "S-1": 12}
        stage.later()
        shops["main"].order({stage.in_shop("S-1"): 4})
        shops["outlet"].order({stage.in_shop("S-1", "outlet"): 3, stage.in_shop("G-0-2", "outlet"): 1})
        stage.till.sell(stage.at_till("S-2"), 11)
        stage.syncd("sync")
        now = {code: (stage.till.quantities()[code], *(s.stocks()[code] for s in shops.values())) for code in _CODES}
        assert now == {"S-0": (12, 10, 7), "S-1": (5, 3, 5), "S-2": (1, 0, 0), "G-0-2": (11, 9, 6)}


_CODES = ("S-0", "S-1", "S-2", "G-0-2")


def test_a_plan_beyond_the_limits_waits_for_a_person(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.stock(30, till=lambda _n: 0, shop=lambda _n: 5)
        stopped = stage.syncd("sync", code=3)
        assert "approve" in stopped.err
        assert stage.writes() == 0
        assert set(stage.shop.stocks().values()) == {5}
        stage.syncd("approve", "--all")
        stage.syncd("sync")
        assert set(stage.shop.stocks().values()) == {0}
