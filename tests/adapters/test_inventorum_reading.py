"""Reading an INVENTORUM account: nothing lost, nothing invented, and a quiet cycle costs two requests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from syncd.adapters.inventorum.times import parse_time
from syncd.core.model import Proof, StockMode
from syncd.errors import InvalidResponse, PermissionMissing, StateError, Stopped
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.inventorum.model import Deletion
from syncd.simulators.server import Fault, SimRequest
from tests.support.inventorum import CATALOGUE, Account, Collected, collect, open_account, variation_skus


def stock_read(found: Collected) -> dict[str, Decimal]:
    """Quantities of all sellable listings by article number."""
    return {
        each.sku or "": each.quantity
        for each in found.listings.values()
        if each.stock_mode is StockMode.OWN and each.quantity is not None and each.ref.external_id not in found.gone
    }


def true_stock(account: Account) -> dict[str, Decimal]:
    return {sku: Decimal(quantity) for sku, quantity in account.sim.stock().items()}


# Everything


def test_of_how_many_it_says_is_never_less_than_what_came() -> None:
    """The feed counts products; their variations are readings of their own."""
    with open_account(CATALOGUE) as account:
        seen = 0
        totals = []
        for page in account.adapter.read_all():
            seen += len(page.listings)
            if page.total is not None:
                totals.append(page.total)
                assert page.total >= seen
        assert totals[-1] == seen


@pytest.mark.parametrize(
    ("delta", "listed", "own_detail", "beyond"),
    list(
        itertools.product(["parent", "variation", "both"], ["never", "always"], [True, False], ["empty", "not_found"])
    ),
)
def test_a_full_read_finds_every_unit_whatever_the_doubtful_points_are(
    delta: str, listed: str, own_detail: bool, beyond: str
) -> None:
    with open_account(
        CATALOGUE,
        delta_variation_rows=delta,
        list_variation_rows=listed,
        variation_detail=own_detail,
        page_beyond_end=beyond,
    ) as account:
        found = collect(account.adapter.read_all())
        assert stock_read(found) == true_stock(account)
        groups = [each for each in found.listings.values() if each.stock_mode is StockMode.GROUP]
        assert len(groups) == 3
        assert all(each.quantity is None for each in groups)
        assert not found.gone
        requests = account.api_requests()
        assert len(requests) == len(set(requests)) + (listed == "always"), "each parent is read once"


def test_a_full_read_costs_one_request_per_100_products_and_one_per_parent() -> None:
    with open_account(make_catalogue(250, 6)) as account:
        found = collect(account.adapter.read_all())
        assert len(stock_read(found)) == len(true_stock(account))
        requests = account.api_requests()
        assert requests.count("GET /api/products/delta/modified/") == 1 + 3
        assert requests.count("GET /api/products/") == 1
        assert requests.count("GET /api/info/") == 1, "the tax rates of the account"
        assert len(requests) == 1 + 4 + 6 + 1


@pytest.mark.parametrize("delta", ["variation", "both"])
def test_a_parent_is_read_once_though_its_rows_stand_on_several_pages(delta: str) -> None:
    with open_account(make_catalogue(80, 80), delta_variation_rows=delta) as account:
        assert stock_read(collect(account.adapter.read_all())) == true_stock(account)
        details = [each for each in account.api_requests() if each.rstrip("/")[-1].isdigit()]
        assert len(details) == len(set(details)) == 80


def test_variations_name_their_parent(account: Account) -> None:
    found = collect(account.adapter.read_all())
    for sku in variation_skus():
        assert found.by_sku(sku).ref.parent_external_id == account.ref(sku).parent_external_id


def test_products_that_the_delta_does_not_list_are_found_by_the_count(account: Account) -> None:
    missing = [account.sim.state.find("S-00002").id, account.sim.state.find(variation_skus()[0]).parent]
    for number in missing:
        account.sim.state.top_changes.drop(number or 0)
    assert stock_read(collect(account.adapter.read_all())) == true_stock(account)


def test_sales_and_deletions_during_a_full_read_are_in_it_or_in_the_next_delta() -> None:
    with open_account(make_catalogue(330, 4)) as account:
        number = itertools.count(1)

        def life(request: SimRequest) -> None:
            step = next(number)
            if "delta/modified" in request.path and step < 12:
                account.sim.sale(f"S-{step:05d}")
                account.sim.sale(f"S-{300 - step:05d}")
                account.sim.delete_product(f"S-{100 + step:05d}")
                account.sim.create_product(f"N-{step}", "New", quantity=step)

        account.server.hooks.append(life)
        first = collect(account.adapter.read_all())
        account.server.hooks.clear()
        then = collect(account.adapter.read_changes(first.cursor))
        first.listings |= then.listings
        first.gone |= then.gone
        assert stock_read(first) == true_stock(account)


def test_gift_cards_are_listed_without_stock(account: Account) -> None:
    product = account.sim.state.find("S-00001")
    product.is_giftcard = True
    found = collect(account.adapter.read_all()).by_sku("S-00001")
    assert (found.stock_mode, found.quantity) == (StockMode.UNMANAGED, None)


def test_an_empty_account_is_read_as_empty() -> None:
    with open_account([]) as account:
        found = collect(account.adapter.read_all())
        assert not found.listings
        assert set(found.cursor) == {"modified", "deleted"}


# Changes


@pytest.fixture
def later() -> Iterator[tuple[Account, Collected]]:
    """An account that was read ten minutes ago by its own clock, and is quiet since."""
    with open_account(CATALOGUE) as account:
        account.sim.set(clock_skew_seconds=-600)
        first = collect(account.adapter.read_all())
        account.sim.set(clock_skew_seconds=0)
        yield account, first


def changes(account: Account, cursor: Mapping[str, str]) -> Collected:
    return collect(account.adapter.read_changes(dict(cursor)))


def test_a_quiet_cycle_is_two_requests(later: tuple[Account, Collected]) -> None:
    account, first = later
    since = account.mark()
    found = changes(account, first.cursor)
    assert account.api_requests(since) == [
        "GET /api/products/delta/modified/",
        "GET /api/products/delta/deleted/",
    ]
    assert not found.listings
    assert not found.gone


def test_the_cursor_is_the_servers_clock_not_ours() -> None:
    with open_account(CATALOGUE, clock_skew_seconds=7200) as account:
        before = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
        found = collect(account.adapter.read_all())
        for position in found.cursor.values():
            instant = parse_time(position)
            assert instant is not None
            assert before - timedelta(seconds=1) <= instant <= datetime.now(UTC) + timedelta(hours=2)
        account.sim.sale("S-00001")
        assert changes(account, found.cursor).by_sku("S-00001").quantity == Decimal(account.stock("S-00001"))


def test_a_slow_answer_does_not_move_the_cursor_past_what_it_could_know(account: Account) -> None:
    cursor = {"modified": "2026-03-01T12:00:30.000Z", "deleted": "2026-03-01T12:00:30.000Z"}
    begun = datetime.now(UTC)
    account.server.add_fault(Fault("slow", path="/delta/modified", seconds=1.5))
    moved = parse_time(changes(account, cursor).cursor["modified"])
    assert moved is not None
    assert moved <= begun + timedelta(seconds=0.5)


def test_every_read_overlaps_the_one_before_and_sends_z(account: Account) -> None:
    seen: list[SimRequest] = []
    account.server.hooks.append(seen.append)
    changes(account, {"modified": "2026-03-01T12:00:30.000Z", "deleted": "2026-03-01T11:00:00.000Z"})
    starts = [request.param("start_date") for request in seen if "/delta/" in request.path]
    assert starts == ["2026-03-01T11:59:30.000Z", "2026-03-01T10:59:00.000Z"]


@pytest.mark.parametrize("delta", ["parent", "variation", "both"])
def test_a_change_of_one_variation_is_seen_whichever_row_shows_it(delta: str) -> None:
    with open_account(CATALOGUE, delta_variation_rows=delta) as account:
        account.sim.set(clock_skew_seconds=-600)
        first = collect(account.adapter.read_all())
        account.sim.set(clock_skew_seconds=0)
        sku = variation_skus()[0]
        account.sim.sale(sku, 2)
        since = account.mark()
        found = changes(account, first.cursor)
        assert found.by_sku(sku).quantity == Decimal(account.stock(sku))
        assert found.by_sku(sku).ref.parent_external_id == account.ref(sku).parent_external_id
        assert len(account.api_requests(since)) == 3, "two feeds and one detail"


def test_sales_creations_and_receipts_are_seen(later: tuple[Account, Collected]) -> None:
    account, first = later
    account.sim.sale("S-00001", 3)
    account.sim.receive("S-00002", 5)
    account.sim.create_product("NEW-1", "New", quantity="2.5")
    found = changes(account, first.cursor)
    assert {each.sku for each in found.listings.values()} == {"S-00001", "S-00002", "NEW-1"}
    assert found.by_sku("NEW-1").quantity == Decimal("2.5")


def test_stock_below_zero_is_read_as_it_is(later: tuple[Account, Collected]) -> None:
    account, first = later
    account.sim.count("S-00001", -4)
    assert changes(account, first.cursor).by_sku("S-00001").quantity == Decimal(-4)


def test_more_changes_than_a_page_are_all_read() -> None:
    with open_account(make_catalogue(230, 0)) as account:
        account.sim.set(clock_skew_seconds=-600)
        first = collect(account.adapter.read_all())
        account.sim.set(clock_skew_seconds=0)
        for number in range(1, 221):
            account.sim.sale(f"S-{number:05d}")
        assert len(changes(account, first.cursor).listings) == 220


def test_a_deletion_is_reported_with_its_proof_and_confirmed_once(later: tuple[Account, Collected]) -> None:
    account, first = later
    gone_id = account.id_of("S-00003")
    account.sim.delete_product("S-00003")
    found = changes(account, first.cursor)
    assert {each.ref.external_id: each.proof for each in found.gone.values()} == {gone_id: Proof.DELETED_FEED}
    since = account.mark()
    assert not changes(account, found.cursor).gone, "still in the overlap, but known"
    assert len(account.api_requests(since)) == 2


def test_a_deletion_whose_read_was_abandoned_is_reported_again(later: tuple[Account, Collected]) -> None:
    account, first = later
    account.sim.delete_product("S-00003")
    for page in account.adapter.read_changes(first.cursor):
        if page.gone:
            break
    assert len(changes(account, first.cursor).gone) == 1


def test_a_listed_deletion_that_can_still_be_read_is_no_deletion(later: tuple[Account, Collected]) -> None:
    account, first = later
    alive = account.sim.state.find("S-00004")
    account.sim.state.deletions.append(Deletion(account.sim.state.now(), alive.id, is_variation=False))
    found = changes(account, first.cursor)
    assert not found.gone
    assert found.by_sku("S-00004").quantity == Decimal(account.stock("S-00004"))


def test_a_deleted_parent_takes_its_variations_with_it(later: tuple[Account, Collected]) -> None:
    account, first = later
    parent = account.sim.state.find(variation_skus()[0]).parent
    lost = [*map(str, account.sim.state.products[parent or 0].variations), str(parent)]
    account.sim.delete_product(str(parent))
    assert set(changes(account, first.cursor).gone) == set(lost)


def test_a_deleted_variation_can_be_proved_even_if_the_feed_does_not_list_it(later: tuple[Account, Collected]) -> None:
    account, first = later
    account.sim.set(deleted_lists_variations=False)
    sku = variation_skus()[0]
    ref = account.ref(sku)
    account.sim.delete_product(sku)
    found = changes(account, first.cursor)
    assert ref.parent_external_id in found.listings, "the group is read again, so siblings can be compared"
    assert ref.external_id not in found.listings
    assert [each.proof for each in account.adapter.fetch([ref]).gone] == [Proof.NOT_FOUND]


def test_without_a_full_read_there_is_no_delta(account: Account) -> None:
    with pytest.raises(StateError, match="deleted"):
        list(account.adapter.read_changes({"modified": "2026-03-01T12:00:30.000Z"}))


@pytest.mark.parametrize("kind", ["lost_before", "error_500_html", "truncated", "too_many"])
def test_reads_outlast_a_hiccup(later: tuple[Account, Collected], kind: str) -> None:
    account, first = later
    account.sim.sale("S-00001")
    account.server.add_fault(Fault(kind, path="/delta/", seconds=0))
    assert changes(account, first.cursor).by_sku("S-00001").quantity == Decimal(account.stock("S-00001"))


def test_an_html_page_is_never_an_empty_delta(later: tuple[Account, Collected]) -> None:
    account, first = later
    account.server.add_fault(Fault("html_200", path="/delta/modified"))
    with pytest.raises(InvalidResponse, match="HTML"):
        changes(account, first.cursor)


def test_a_missing_right_is_named(account: Account) -> None:
    account.sim.set(scope="orders:read")
    with pytest.raises(PermissionMissing, match="products:read"):
        collect(account.adapter.read_all())


def test_a_stop_ends_a_read(account: Account) -> None:
    account.server.hooks.append(lambda request: account.stop.set())
    with pytest.raises(Stopped):
        collect(account.adapter.read_all())


def test_versions_and_slashes_of_every_request(account: Account) -> None:
    seen: list[SimRequest] = []
    account.server.hooks.append(seen.append)
    first = collect(account.adapter.read_all())
    changes(account, first.cursor)
    account.adapter.fetch_quantities([account.ref("S-00001")])
    assert all(request.path.endswith("/") for request in seen)
    versions = {(request.path, request.headers["x-api-version"]) for request in seen}
    assert {
        ("/api/products/delta/modified/", "10"),
        ("/api/products/delta/deleted/", "10"),
        ("/api/products/", "12"),
        ("/api/products/quantity/", "9"),
    } <= versions
    assert {request.headers["user-agent"].split("/")[0] for request in seen} == {"syncd"}
