"""Reading and writing products of the simulated INVENTORUM, rule by rule of the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.server import SimRequest
from tests.support.inventorum_wire import LONG_AGO, PARENT, exactly, merchant, modified, variation_of

# Lists


def test_list_is_clamped_to_40_and_counts_all() -> None:
    with merchant(make_catalogue(90, 0)) as shop:
        page = shop.get("products/", limit=100)
        assert (page["total"], len(page["data"])) == (90, 40)
        ids = [row["id"] for number in (1, 2, 3) for row in shop.get("products/", page=number)["data"]]
        assert len(set(ids)) == 90
        assert shop.get("products/", page=4)["data"] == []
        assert len(shop.get("products/", 13, limit=100)["results"]) == 90


def test_limits_and_pages_outside_may_be_refused() -> None:
    with merchant(limit_over_maximum="error", page_beyond_end="not_found", page_below_first="not_found") as shop:
        assert shop.send("GET", "products/", params={"limit": 41}).status_code == 400
        assert shop.send("GET", "products/", params={"page": 9}).status_code == 404
        assert shop.send("GET", "products/", params={"page": 0}).status_code == 404
        assert shop.send("GET", "products/", params={"page": "x"}).status_code == 400


def test_page_before_the_first_repeats_it() -> None:
    with merchant() as shop:
        assert shop.get("products/", page=0) == shop.get("products/", page=1)


@pytest.mark.parametrize(("setting", "old", "new"), [("never", 0, 0), ("v13", 0, 2), ("always", 2, 2)])
def test_whether_variations_are_rows(setting: str, old: int, new: int) -> None:
    catalogue = make_catalogue(1, 1)
    count = len(catalogue[0].variations)
    with merchant(catalogue, list_variation_rows=setting) as shop:
        assert shop.get("products/", 12)["total"] == 1 + count * bool(old)
        assert shop.get("products/", 13)["total"] == 1 + count * bool(new)


def test_rows_may_carry_codes() -> None:
    with merchant(list_has_codes=True) as shop:
        row = shop.get("products/")["data"][0]
    assert row["product_code"] == "S-00001"


def test_latest_change_first_moves_rows_between_pages() -> None:
    with merchant(list_order="changed") as shop:
        shop.sim.receive("S-00001", 1)
        assert shop.get("products/", limit=1)["data"][0]["id"] == shop.id_of("S-00001")
        shop.sim.receive("S-00002", 1)
        assert shop.get("products/", limit=1, page=2)["data"][0]["id"] == shop.id_of("S-00001")


def test_search_counts_a_product_once_for_each_field_that_matches() -> None:
    with merchant() as shop:
        shop.sim.create_product("KIWI", "Kiwi fruit")
        assert shop.get("products/", search="kiwi")["total"] == 2
        shop.sim.set(search_duplicates=False)
        assert shop.get("products/", search="kiwi")["total"] == 1


def test_version_13_tells_the_time_of_change_with_an_offset() -> None:
    with merchant() as shop:
        product = shop.id_of("S-00001")

        def time_modified() -> datetime:
            rows = shop.get("products/", 13, limit=100)["results"]
            return next(datetime.fromisoformat(row["time_modified"]) for row in rows if row["id"] == product)

        before = time_modified()
        shop.sim.sale("S-00001")
        assert time_modified() > before
        assert time_modified().utcoffset() is not None


# Details


def test_detail_by_id_and_by_inv_id() -> None:
    with merchant() as shop:
        found = shop.get(f"products/{shop.id_of('S-00001')}/")
        assert len(found["inv_id"]) == 19
        assert shop.get(f"products/{found['inv_id']}/") == found


def test_parent_has_the_sum_of_its_variations_and_no_price() -> None:
    with merchant() as shop:
        parent = shop.get(f"products/{shop.id_of(PARENT)}/", 10)
    stock = sum(Decimal(each["quantity"]) for each in parent["variations"])
    assert Decimal(parent["quantity"]) == stock
    assert (parent["price"], parent["gross_price"]) == ("0E-10", "0.00")
    assert parent["variation_count"] == len(parent["variations"]) > 1
    first = parent["variations"][0]
    assert first["name"] == f"{parent['name']}, {first['attributes_str']}"
    assert first["inv_id"] is None


def test_detail_of_a_variation_is_a_setting() -> None:
    with merchant() as shop:
        _, variation = variation_of(shop)
        assert shop.get(f"products/{variation}/")["variation_count"] == 0
        shop.sim.set(variation_detail=False)
        assert shop.send("GET", f"products/{variation}/").status_code == 404


def test_purchase_prices_use_exponent_forms() -> None:
    with merchant() as shop:
        product = shop.post("products/", {"name": "x", "purchase_price": "1000.00"})
    assert product["purchase_price"] == "1E+3"


def test_images_and_categories_change_form_with_the_version() -> None:
    with merchant() as shop:
        category = shop.post("categories/", {"name": "Yarn"})["id"]
        picture = shop.upload()
        body = {"name": "x", "images": [{"id": picture}], "categories": [{"id": category}]}
        product = shop.post("products/", body)["id"]
        forms = {version: shop.get(f"products/{product}/", version) for version in (9, 10, 12, 13)}
    assert "urls" not in forms[9]["images"][0]
    assert "inv_id" not in forms[9]
    assert len(forms[10]["images"][0]["urls"]) == 4
    assert len(forms[12]["images"][0]["urls"]) == 7
    assert forms[10]["categories"][0]["name"] == "Yarn"
    assert forms[13]["categories"] == [category]


def test_images_are_served_where_they_say() -> None:
    with merchant() as shop:
        product = shop.post("products/", {"name": "x", "images": [{"id": shop.upload()}]})
        answer = shop.http.get(product["images"][0]["urls"]["ipad"])
    assert (answer.content, answer.headers["content-type"]) == (b"\x89PNG picture", "image/png")


# Quantities


def test_quantities_come_in_the_order_asked() -> None:
    with merchant() as shop:
        _, variation = variation_of(shop)
        ids = [variation, shop.id_of("S-00002"), shop.id_of("S-00001")]
        assert [row["id"] for row in shop.get("products/quantity/", id=[*ids, 1])] == ids
        shop.sim.set(quantity_variation_ids=False)
        assert [row["id"] for row in shop.get("products/quantity/", id=ids)] == ids[1:]
        shop.sim.set(quantity_unknown_ids="error", quantity_max_ids=1)
        assert shop.send("GET", "products/quantity/", params={"id": 1}).status_code == 404
        assert shop.send("GET", "products/quantity/", params={"id": ids}).status_code == 400


# Deltas


def test_delta_has_one_row_for_each_product_oldest_change_first() -> None:
    with merchant() as shop:
        since = exactly(shop.sim.state.now())
        for sku in ("S-00001", "S-00002", "S-00001"):
            shop.sim.sale(sku)
        assert modified(shop, since) == [shop.id_of("S-00002"), shop.id_of("S-00001")]


def test_own_writes_come_back_in_the_delta() -> None:
    with merchant() as shop:
        ids = [shop.id_of(f"S-0000{number}") for number in (1, 2, 3)]
        since = exactly(shop.sim.state.now())
        shop.adjust(ids[0], 1)
        shop.put(f"products/{ids[1]}/", {"name": "New"})
        shop.send("POST", f"products/{ids[2]}/state/", json={"channel": "shop", "state": "published", "details": []})
        assert modified(shop, since) == ids


def test_state_depends_on_the_window() -> None:
    with merchant() as shop:
        early = exactly(shop.sim.state.now())
        product = shop.sim.create_product("NEW", "New")["id"]
        late = exactly(shop.sim.state.now())
        shop.sim.receive("NEW", 3)
        states = {
            since: [row["state"] for row in shop.get("products/delta/modified/", start_date=since)["data"]]
            for since in (early, late)
        }
        assert states == {early: ["created"], late: ["updated"]}
        assert modified(shop, late) == [product]


@pytest.mark.parametrize(("inclusive", "found"), [(True, 1), (False, 0)])
def test_whether_the_bound_is_inclusive(inclusive: bool, found: int) -> None:
    with merchant(start_date_inclusive=inclusive) as shop:
        shop.sim.receive("S-00001", 1)
        at = exactly(shop.sim.state.find("S-00001").changed_at)
        assert len(modified(shop, at)) == found


@pytest.mark.parametrize("setting", ["parent", "variation", "both"])
def test_which_rows_a_changed_variation_makes(setting: str) -> None:
    with merchant(delta_variation_rows=setting) as shop:
        parent, variation = variation_of(shop)
        since = exactly(shop.sim.state.now())
        shop.sim.receive(variation, 1)
        wanted = {"parent": [parent], "variation": [variation], "both": [parent, variation]}
        page = shop.get("products/delta/modified/", 10, start_date=since)
        assert [row["id"] for row in page["data"]] == wanted[setting]
        assert page["total"] == len(wanted[setting])
        assert page["data"][-1]["parent"] == (None if setting == "parent" else parent)


def test_naive_start_dates_are_read_by_setting() -> None:
    with merchant(timezone="Europe/Berlin") as shop:
        since = exactly(shop.sim.state.now())
        shop.sim.receive("S-00001", 1)
        naive = since.removesuffix("Z")
        assert len(modified(shop, naive)) == 1
        shop.sim.set(naive_start_date="account")
        an_hour_on = (datetime.now(UTC) + timedelta(minutes=30)).replace(tzinfo=None).isoformat()
        assert len(modified(shop, an_hour_on)) == 1
        shop.sim.set(naive_start_date="refuse")
        assert shop.send("GET", "products/delta/modified/", params={"start_date": naive}).status_code == 400


def test_start_date_with_a_bare_plus_sign_is_refused() -> None:
    with merchant() as shop:
        path = "products/delta/modified/?start_date=2016-02-16T13:55:40+00:00"
        assert shop.send("GET", path).status_code == 400
        assert shop.send("GET", path.replace("+", "%2B")).status_code == 200


def test_missing_start_date_is_a_setting() -> None:
    with merchant() as shop:
        assert shop.get("products/delta/modified/")["total"] == 6
        shop.sim.set(missing_start_date="refuse")
        assert shop.send("GET", "products/delta/deleted/").status_code == 400


def test_verbose_adds_fields_from_version_10() -> None:
    with merchant() as shop:
        sizes = {
            (version, verbose): len(
                shop.get("products/delta/modified/", version, start_date=LONG_AGO, verbose=verbose)["data"][0]
            )
            for version in (9, 10)
            for verbose in ("", "True")
        }
    assert sizes == {(9, ""): 21, (9, "True"): 21, (10, ""): 21, (10, "True"): 30}


@pytest.mark.parametrize(
    ("fault", "pages", "total"),
    [
        ("none", [[0, 1], [2, 3], [4, 5]], 6),
        ("page_ignored", [[0, 1], [0, 1], [0, 1]], 6),
        ("row_skipped", [[0, 1], [3, 4], []], 6),
        ("total_wrong", [[0, 1], [2, 3], [4, 5]], 2),
    ],
)
def test_faulty_paging_of_the_delta_at_version_13(fault: str, pages: list[list[int]], total: int) -> None:
    with merchant(delta_v13_paging=fault) as shop:
        all_ids = modified(shop)
        for number, positions in enumerate(pages, 1):
            assert modified(shop, version=13, limit=2, page=number) == [all_ids[each] for each in positions]
            assert modified(shop, version=12, limit=2, page=number) == all_ids[2 * number - 2 : 2 * number]
        page = shop.get("products/delta/modified/", 13, start_date=LONG_AGO, limit=2)
        assert page["total"] == total
        assert "results" in page


def test_a_sale_between_two_pages_moves_the_row_to_the_end() -> None:
    with merchant() as shop:
        ids = modified(shop)

        def sell_before_page_2(request: SimRequest) -> None:
            if request.param("page") == "2":
                shop.sim.sale("S-00001")

        shop.server.hooks.append(sell_before_page_2)
        first = modified(shop, limit=3, page=1)
        second = modified(shop, limit=3, page=2)
    # The sold product left page 1 and the first row of page 2 slid onto it: the reader misses that row.
    assert first == ids[:3]
    assert second == [ids[4], ids[5], ids[0]]


# Deletions


def test_deleted_products_are_listed_ascending_and_leave_the_rest() -> None:
    with merchant() as shop:
        since = exactly(shop.sim.state.now())
        ids = sorted(shop.id_of(sku) for sku in ("S-00001", "S-00003"))
        for product in reversed(ids):
            answer = shop.send("DELETE", f"products/{product}/")
            assert (answer.status_code, answer.json()) == (200, {})
        assert shop.get("products/delta/deleted/", start_date=since) == {"total": 2, "data": ids}
        assert not set(ids) & set(modified(shop))
        assert shop.get("products/")["total"] == 4
        gone = shop.send("GET", f"products/{ids[0]}/")
        assert (gone.status_code, gone.json()["error"]["key"]) == (404, "product.not_found")
        assert shop.send("DELETE", f"products/{ids[0]}/").status_code == 404


@pytest.mark.parametrize("listed", [True, False])
def test_whether_deleted_variations_are_listed(listed: bool) -> None:
    with merchant(deleted_lists_variations=listed) as shop:
        parent, _ = variation_of(shop)
        family = [parent, *shop.sim.state.products[parent].variations]
        shop.sim.delete_product(PARENT)
        wanted = family if listed else [parent]
        assert shop.get("products/delta/deleted/", start_date=LONG_AGO)["data"] == wanted


def test_deletions_are_forgotten_after_the_retention() -> None:
    with merchant(deleted_retention_seconds=60) as shop:
        shop.sim.delete_product("S-00001")
        assert shop.get("products/delta/deleted/", start_date=LONG_AGO)["total"] == 1
        shop.sim.set(clock_skew_seconds=61)
        assert shop.get("products/delta/deleted/", start_date=LONG_AGO)["total"] == 0


def test_deleting_a_variation_changes_its_parent() -> None:
    with merchant() as shop:
        parent, variation = variation_of(shop)
        since = exactly(shop.sim.state.now())
        shop.send("DELETE", f"products/{variation}/")
        assert modified(shop, since) == [parent]
        assert variation not in [each["id"] for each in shop.get(f"products/{parent}/")["variations"]]
