"""The simulated Shopify shop refuses what the real one refuses (its contract, by section), asked by plain HTTP."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import build_client_schema, parse, validate

from syncd.simulators.pictures import drawn
from syncd.simulators.server import SimServer
from syncd.simulators.shopify import ShopifySettings, ShopifySim
from syncd.simulators.shopify.schema import load_schema
from syncd.testing.goods import GOODS, SIMPLE, VARIATION, VARIED

SCHEMA = Path(__file__).parents[3] / "shared/reference/schemas/shopify-admin-2026-10.introspection.json.gz"
OTHER = GOODS[2].sku

ADJUST = """mutation A($i: InventoryAdjustQuantitiesInput!, $k: String!) {
  inventoryAdjustQuantities(input: $i) @idempotent(key: $k) {
    inventoryAdjustmentGroup { changes(quantityNames: ["available", "on_hand"]) { name delta quantityAfterChange } }
    userErrors { code field message }
  }
}"""
SET = """mutation S($i: InventorySetQuantitiesInput!, $k: String!) {
  inventorySetQuantities(input: $i) @idempotent(key: $k) {
    inventoryAdjustmentGroup { id } userErrors { code field message }
  }
}"""
LEVEL = """query L($id: ID!, $l: ID!) {
  node: product(id: $id) { updatedAt variants(first: 1) { nodes { id inventoryItem { id tracked
    inventoryLevel(locationId: $l) { quantities(names: ["available", "committed", "on_hand"]) { name quantity } }
  } } } }
}"""
ORDERS = """{ orders(first: 5) { pageInfo { hasNextPage endCursor } nodes { id cancelledAt
  lineItems(first: 5) { nodes { id quantity } } refunds { id } } } }"""
REFUND = """query R($ids: [ID!]!) { nodes(ids: $ids) { ... on Refund { id refundLineItems(first: 5) {
  nodes { quantity restockType restocked location { id } } } } } }"""


class Visitor:
    """Somebody with a token and plain HTTP."""

    def __init__(self, sim: ShopifySim, url: str) -> None:
        self.sim, self.url = sim, url
        self.http = httpx.Client(base_url=url)
        form = {
            "grant_type": "client_credentials",
            "client_id": sim.settings.client_id,
            "client_secret": sim.settings.client_secret,
        }
        token = self.http.post("/admin/oauth/access_token", data=form).json()["access_token"]
        self.http.headers["X-Shopify-Access-Token"] = token
        self.key = 0

    def post(self, query: str, version: str = "2026-10", **variables: Any) -> httpx.Response:
        body = {"query": query, "variables": variables}
        return self.http.post(f"/admin/api/{version}/graphql.json", json=body)

    def ask(self, query: str, version: str = "2026-10", **variables: Any) -> Any:
        answer = self.post(query, version, **variables).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def product(self, sku: str) -> str:
        return f"gid://shopify/Product/{self.sim.people.product(sku).id}"

    def item(self, sku: str) -> str:
        return f"gid://shopify/InventoryItem/{self.sim.shop.with_sku(sku).item_id}"

    @property
    def location(self) -> str:
        return f"gid://shopify/Location/{self.sim.shop.main.id}"

    def change(self, sku: str, delta: int, **more: Any) -> dict[str, Any]:
        row = {"inventoryItemId": self.item(sku), "locationId": self.location, "delta": delta}
        return {"name": "available", "reason": "correction", "changes": [{**row, "changeFromQuantity": None, **more}]}

    def adjust(self, given: dict[str, Any], key: str | None = None, version: str = "2026-10") -> Any:
        self.key += 1
        return self.ask(ADJUST, version, i=given, k=key or f"key-{self.key}")["inventoryAdjustQuantities"]

    def quantities(self, sku: str) -> dict[str, int]:
        found = self.ask(LEVEL, id=self.product(sku), l=self.location)["node"]["variants"]["nodes"][0]
        return {each["name"]: each["quantity"] for each in found["inventoryItem"]["inventoryLevel"]["quantities"]}


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    yield from _visitor()


def _visitor(**settings: Any) -> Iterator[Visitor]:
    sim = ShopifySim(ShopifySettings(**settings))
    sim.seed(GOODS)
    with SimServer(sim) as server:
        made = Visitor(sim, server.url)
        yield made
        made.http.close()


def _codes(payload: Any) -> list[str | None]:
    return [each.get("code") for each in payload["userErrors"]]


def _error_codes(answer: httpx.Response) -> list[str | None]:
    return [each.get("extensions", {}).get("code") for each in answer.json()["errors"]]


def test_the_texts_of_this_test_are_valid_for_the_real_schema() -> None:
    """What the simulated shop is asked here the real one understands."""
    if not SCHEMA.is_file():
        pytest.skip("the vendor's schema is not beside this checkout (../shared/reference/schemas)")
    with gzip.open(SCHEMA) as file:
        schema = build_client_schema(json.load(file)["data"], assume_valid=True)
    texts = [ADJUST, SET, LEVEL, ORDERS, REFUND, ACTIVATE, SET_PRODUCT, VARIANTS, STAGE, CREATE, REFER, MOVE]
    assert [problem.message for text in texts for problem in validate(schema, parse(text))] == []
    assert load_schema().query_type is not None


# -- Section 1


def test_without_a_token_nothing_is_told(visitor: Visitor) -> None:
    answer = httpx.post(f"{visitor.url}/admin/api/2026-10/graphql.json", json={"query": "{ shop { name } }"})
    assert answer.status_code == 401
    assert isinstance(answer.json()["errors"], str)


def test_an_expired_version_falls_forward_and_says_so(visitor: Visitor) -> None:
    answer = visitor.post("{ shop { name } }", "2024-01")
    assert answer.headers["X-Shopify-API-Version"] == visitor.sim.settings.versions[0]


# -- Section 3


def test_a_connection_wants_a_size_of_at_most_250(visitor: Visitor) -> None:
    for given in ("", "(first: 251)"):
        assert "errors" in visitor.post(f"{{ products{given} {{ nodes {{ id }} }} }}").json()


def test_an_empty_filter_is_an_internal_error_and_other_offsets_are_ignored(visitor: Visitor) -> None:
    search = "query Q($q: String) { products(first: 50, query: $q) { nodes { id } } }"
    assert _error_codes(visitor.post(search, q="updated_at:>")) == ["INTERNAL_SERVER_ERROR"]
    assert len(visitor.ask(search, q="updated_at:>'2099-01-01T00:00:00Z'")["products"]["nodes"]) == 0
    assert len(visitor.ask(search, q="updated_at:>'2099-01-01T00:00:00+02:00'")["products"]["nodes"]) == len(GOODS)


def test_an_order_moves_the_products_date_and_a_typed_quantity_does_not(visitor: Visitor) -> None:
    """Sections 2 and 3."""
    product = visitor.sim.people.product(SIMPLE)
    product.updated_at -= 1000
    before = product.updated_at
    visitor.sim.people.set_stock(SIMPLE, 77)
    assert product.updated_at == before
    visitor.sim.people.order([{"sku": SIMPLE, "quantity": 1}])
    assert product.updated_at > before


# -- Section 4


def test_what_was_deleted_is_null_and_stands_in_the_history(visitor: Visitor) -> None:
    gid = visitor.product(SIMPLE)
    visitor.sim.people.delete(SIMPLE)
    assert visitor.ask("query P($id: ID!) { product(id: $id) { id title } }", id=gid)["product"] is None
    query = "subject_type:PRODUCT action:destroy created_at:>='2020-01-01T00:00:00Z'"
    events = "query E($q: String) { events(first: 5, query: $q) { nodes { id ... on BasicEvent { subjectId } } } }"
    assert [each["subjectId"] for each in visitor.ask(events, q=query)["events"]["nodes"]] == [gid]


# -- Section 5


def test_a_difference_is_added_and_on_hand_moves_with_it(visitor: Visitor) -> None:
    before = visitor.quantities(SIMPLE)
    group = visitor.adjust(visitor.change(SIMPLE, 3))["inventoryAdjustmentGroup"]
    after = {each["name"]: each["quantityAfterChange"] for each in group["changes"]}
    assert after == {name: before[name] + 3 for name in ("available", "on_hand")}
    assert visitor.quantities(SIMPLE)["available"] == before["available"] + 3


@pytest.mark.parametrize("version", ["2026-01", "2026-04", "2026-10"])
def test_newer_versions_demand_a_key_and_a_stated_comparison(visitor: Visitor, version: str) -> None:
    bare = visitor.change(SIMPLE, 1)
    del bare["changes"][0]["changeFromQuantity"]
    without_key = ADJUST.replace(" @idempotent(key: $k)", "").replace(", $k: String!", "")
    for text, given in ((ADJUST, bare), (without_key, visitor.change(SIMPLE, 1))):
        variables = {"i": given} | ({"k": "fresh"} if text is ADJUST else {})
        assert ("errors" in visitor.post(text, version, **variables).json()) == (version != "2026-01")


def test_a_key_counts_once_for_the_same_and_is_refused_for_another(visitor: Visitor) -> None:
    before = visitor.quantities(SIMPLE)["available"]
    first = visitor.adjust(visitor.change(SIMPLE, 2), "k1")
    visitor.sim.people.order([{"sku": SIMPLE, "quantity": 1}])
    assert visitor.adjust(visitor.change(SIMPLE, 2), "k1") == first
    for other in (visitor.change(SIMPLE, 3), visitor.change(OTHER, 2)):
        assert _codes(visitor.adjust(other, "k1")) == ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]
    assert visitor.quantities(SIMPLE)["available"] == before + 1


def test_a_comparison_that_fails_refuses_the_whole_mutation(visitor: Visitor) -> None:
    before = visitor.quantities(SIMPLE)["available"], visitor.quantities(OTHER)["available"]
    given = visitor.change(SIMPLE, 2)
    given["changes"] += visitor.change(OTHER, 2, changeFromQuantity=before[1] + 1)["changes"]
    assert _codes(visitor.adjust(given)) == ["CHANGE_FROM_QUANTITY_STALE"]
    assert (visitor.quantities(SIMPLE)["available"], visitor.quantities(OTHER)["available"]) == before


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"inventoryItemId": "gid://shopify/InventoryItem/1"}, "INVALID_INVENTORY_ITEM"),
        ({"locationId": "gid://shopify/Location/1"}, "INVALID_LOCATION"),
        ({"delta": 2_000_000_001}, "INVALID_QUANTITY_TOO_HIGH"),
        ({"delta": -2_000_000_001}, "INVALID_QUANTITY_TOO_LOW"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_by_a_code(visitor: Visitor, change: dict[str, Any], code: str) -> None:
    delta = change.pop("delta", 1)
    assert _codes(visitor.adjust(visitor.change(SIMPLE, delta, **change))) == [code]


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ({"reason": "because"}, "INVALID_REASON"),
        ({"referenceDocumentUri": "no uri"}, "INVALID_REFERENCE_DOCUMENT"),
        ({"name": "on_hand"}, "INVALID_QUANTITY_NAME"),
    ],
)
def test_what_is_wrong_with_all_rows_is_said_by_a_code(visitor: Visitor, head: dict[str, str], code: str) -> None:
    assert _codes(visitor.adjust({**visitor.change(SIMPLE, 1), **head})) == [code]


def test_a_quantity_is_set_if_it_is_still_what_was_read(visitor: Visitor) -> None:
    now = visitor.quantities(SIMPLE)["available"]
    row = {"inventoryItemId": visitor.item(SIMPLE), "locationId": visitor.location, "quantity": 50}

    def put(key: str, expected: int | None) -> Any:
        rows = [{**row, "changeFromQuantity": expected}]
        given = {"name": "available", "reason": "correction", "quantities": rows}
        return visitor.ask(SET, i=given, k=key)["inventorySetQuantities"]

    assert _codes(put("a", now + 1)) == ["CHANGE_FROM_QUANTITY_STALE"]
    assert _codes(put("b", now)) == []
    assert visitor.quantities(SIMPLE)["available"] == 50


ACTIVATE = """mutation A($i: ID!, $l: ID!, $n: Int, $k: String!) {
  inventoryActivate(inventoryItemId: $i, locationId: $l, available: $n) @idempotent(key: $k) {
    inventoryLevel { id } userErrors { field message }
  }
}"""


def test_an_item_is_activated_before_its_quantity_is_written(visitor: Visitor) -> None:
    """Sections 2 and 5; an item that is active there already is refused a quantity."""
    place = f"gid://shopify/Location/{visitor.sim.people.add_location('Store')['location']}"
    given = visitor.change(SIMPLE, 1, locationId=place)
    assert visitor.adjust(given)["userErrors"][0]["message"].endswith("not stocked at the location.")
    variables: dict[str, Any] = {"i": visitor.item(SIMPLE), "l": place, "n": 4}
    assert visitor.ask(ACTIVATE, **variables, k="a")["inventoryActivate"]["userErrors"] == []
    assert visitor.ask(ACTIVATE, **variables, k="b")["inventoryActivate"]["userErrors"] != []
    assert _codes(visitor.adjust(given)) == []
    assert visitor.sim.people.stock()[SIMPLE] == visitor.quantities(SIMPLE)["available"] + 5


# -- Section 6


SET_PRODUCT = """mutation P($i: ProductSetInput!) {
  productSet(input: $i, synchronous: true) { product { id } userErrors { code field message } }
}"""
VARIANTS = """mutation V($p: ID!, $v: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $p, variants: $v) { productVariants { id } userErrors { code field message } }
}"""


def test_an_address_is_given_once(visitor: Visitor) -> None:
    given = {"title": "Lamp", "handle": "lamp"}
    assert visitor.ask(SET_PRODUCT, i=given)["productSet"]["userErrors"] == []
    assert _codes(visitor.ask(SET_PRODUCT, i=given)["productSet"]) == ["HANDLE_NOT_UNIQUE"]


def test_quantities_do_not_travel_in_an_update_of_variants_and_all_is_refused(visitor: Visitor) -> None:
    variants = [f"gid://shopify/ProductVariant/{visitor.sim.shop.with_sku(one.sku).id}" for one in VARIED.variations]
    quantity = {"locationId": visitor.location, "availableQuantity": 3}
    rows = [{"id": variants[0], "barcode": "1"}, {"id": variants[1], "inventoryQuantities": [quantity]}]
    payload = visitor.ask(VARIANTS, p=visitor.product(VARIED.sku), v=rows)["productVariantsBulkUpdate"]
    assert _codes(payload) == ["NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE"]
    assert visitor.sim.shop.with_sku(VARIATION).barcode != "1"


STAGE = """mutation S($i: [StagedUploadInput!]!) { stagedUploadsCreate(input: $i) {
  stagedTargets { url resourceUrl parameters { name value } } userErrors { message } } }"""
CREATE = """mutation C($f: [FileCreateInput!]!) { fileCreate(files: $f) {
  files { id fileStatus } userErrors { code field message } } }"""
REFER = """mutation U($f: [FileUpdateInput!]!) { fileUpdate(files: $f) {
  files { id } userErrors { code field message } } }"""
MOVE = """mutation M($id: ID!, $m: [MoveInput!]!) { productReorderMedia(id: $id, moves: $m) {
  job { id done } mediaUserErrors { code message } } }"""


def _file(visitor: Visitor, content: bytes, name: str, *, sign: bool = True) -> Any:
    given = [{"filename": name, "mimeType": "image/png", "resource": "IMAGE", "httpMethod": "POST"}]
    (target,) = visitor.ask(STAGE, i=given)["stagedUploadsCreate"]["stagedTargets"]
    form = {each["name"]: each["value"] for each in target["parameters"]} if sign else {}
    status = httpx.post(target["url"], data=form, files={"file": (name, content, "image/png")}).status_code
    assert status == (201 if sign else 403)
    file = {"originalSource": target["resourceUrl"], "filename": name, "duplicateResolutionMode": "RAISE_ERROR"}
    return visitor.ask(CREATE, f=[file])["fileCreate"]


def _states(visitor: Visitor, *gids: str) -> list[str]:
    text = "query F($ids: [ID!]!) { nodes(ids: $ids) { ... on MediaImage { fileStatus } } }"
    return [row["fileStatus"] for row in visitor.ask(text, ids=list(gids))["nodes"]]


def test_a_file_is_worked_on_behind_the_answer_and_may_fail(visitor: Visitor) -> None:
    visitor.sim.settings.work_seconds = 100
    good = _file(visitor, drawn(1), "a.png")["files"][0]
    broken = _file(visitor, b"<html>", "b.png")["files"][0]
    nothing = _file(visitor, drawn(1), "c.png", sign=False)["files"][0]
    assert good["fileStatus"] == "PROCESSING"
    refer = [{"id": good["id"], "referencesToAdd": [visitor.product(SIMPLE)]}]
    assert _codes(visitor.ask(REFER, f=refer)["fileUpdate"]) == ["NON_READY_STATE"]
    visitor.sim.settings.clock_skew_seconds = 101
    assert _states(visitor, good["id"], broken["id"], nothing["id"]) == ["READY", "FAILED", "FAILED"]
    assert _codes(_file(visitor, drawn(2), "a.png")) == ["FILENAME_ALREADY_EXISTS"]


def test_products_show_files_in_an_order_that_a_job_changes(visitor: Visitor) -> None:
    """Moves are carried out one after the other, each by the list as it is by then."""
    gids = [_file(visitor, drawn(number), f"{number}.png")["files"][0]["id"] for number in range(3)]
    for sku in (SIMPLE, OTHER):
        refer = [{"id": gid, "referencesToAdd": [visitor.product(sku)]} for gid in gids]
        assert _codes(visitor.ask(REFER, f=refer)["fileUpdate"]) == []
    moves = [{"id": gids[2], "newPosition": "0"}, {"id": gids[1], "newPosition": "1"}]
    assert visitor.ask(MOVE, id=visitor.product(SIMPLE), m=moves)["productReorderMedia"]["job"]["done"]
    taken = [{"id": gids[0], "referencesToRemove": [visitor.product(SIMPLE)]}]
    assert _codes(visitor.ask(REFER, f=taken)["fileUpdate"]) == []
    text = "query P($id: ID!) { product(id: $id) { mediaCount { count } media(first: 5) { nodes { id } } } }"
    shown = [
        [row["id"] for row in visitor.ask(text, id=visitor.product(sku))["product"]["media"]["nodes"]]
        for sku in (SIMPLE, OTHER)
    ]
    assert shown == [[gids[2], gids[1]], gids]


def test_files_and_channels_need_their_rights() -> None:
    for visitor in _visitor(scopes="write_products,read_locations"):
        create = [{"originalSource": "http://x/a.png", "duplicateResolutionMode": "RAISE_ERROR"}]
        asked: list[tuple[str, dict[str, Any]]] = [
            (CREATE, {"f": create}),
            ("{ publications(first: 5) { nodes { id } } }", {}),
            ("{ files(first: 5) { nodes { id } } }", {}),
        ]
        for text, variables in asked:
            assert _error_codes(visitor.post(text, **variables)) == ["ACCESS_DENIED"]


# -- Section 7


@pytest.mark.parametrize(("fulfilled", "kind"), [(True, "RETURN"), (False, "CANCEL")])
def test_a_refund_says_what_it_puts_back(visitor: Visitor, fulfilled: bool, kind: str) -> None:
    before, people = visitor.quantities(SIMPLE), visitor.sim.people
    order = people.order([{"sku": SIMPLE, "quantity": 3}])["order"]
    taken = visitor.quantities(SIMPLE)
    assert {name: taken[name] - before[name] for name in taken} == {"available": -3, "committed": 3, "on_hand": 0}
    if fulfilled:
        people.fulfil(order)
    people.refund(order, SIMPLE, 1)
    people.refund(order, SIMPLE, 1, restock=False)
    left = 0 if fulfilled else 1
    after = visitor.quantities(SIMPLE)
    assert {name: after[name] - before[name] for name in after} == {
        "available": -2, "committed": left, "on_hand": left - 2,
    }  # fmt: skip
    (row,) = visitor.ask(ORDERS)["orders"]["nodes"]
    refunds = visitor.ask(REFUND, ids=[each["id"] for each in row["refunds"]])["nodes"]
    lines = [each["refundLineItems"]["nodes"][0] for each in refunds]
    assert [(line["restockType"], line["restocked"], line["location"] is not None) for line in lines] == [
        (kind, True, True), ("NO_RESTOCK", False, False),
    ]  # fmt: skip


def test_a_cancellation_puts_back_what_was_not_refunded(visitor: Visitor) -> None:
    before, people = visitor.quantities(SIMPLE), visitor.sim.people
    order = people.order([{"sku": SIMPLE, "quantity": 3}])["order"]
    people.refund(order, SIMPLE, 1)
    people.cancel_order(order)
    assert visitor.quantities(SIMPLE) == before
    (row,) = visitor.ask(ORDERS)["orders"]["nodes"]
    assert row["cancelledAt"] is not None
    assert len(row["refunds"]) == 2


# -- Section 9


def test_a_query_that_may_cost_more_than_a_thousand_points_is_refused(visitor: Visitor) -> None:
    text = "{ products(first: 100) { nodes { id variants(first: 100) { nodes { id } } } } }"
    assert _error_codes(visitor.post(text)) == ["MAX_COST_EXCEEDED"]


def test_the_bucket_gets_back_what_an_answer_did_not_hold() -> None:
    text = "{ products(first: 200) { nodes { id } } }"
    for visitor in _visitor(points=300.0, points_per_second=0.001):
        cost = visitor.post(text).json()["extensions"]["cost"]
        assert cost["requestedQueryCost"] == 202
        assert cost["actualQueryCost"] == len(GOODS) + 2
        assert cost["throttleStatus"]["currentlyAvailable"] == 300 - cost["actualQueryCost"]


def test_a_query_waits_until_all_that_it_may_cost_is_there() -> None:
    """A throttled answer has status 200, and nothing was carried out."""
    for visitor in _visitor(points=15.0, points_per_second=0.001):
        before = visitor.sim.people.stock()[SIMPLE]
        assert _codes(visitor.adjust(visitor.change(SIMPLE, 1))) == []
        answer = visitor.post(ADJUST, i=visitor.change(SIMPLE, 1), k="second")
        assert (answer.status_code, _error_codes(answer)) == (200, ["THROTTLED"])
        assert answer.json()["extensions"]["cost"]["actualQueryCost"] is None
        assert visitor.sim.people.stock()[SIMPLE] == before + 1
