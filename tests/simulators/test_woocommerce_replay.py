"""The simulator answers recorded requests as the real shop did.

Same status, same error code, same keys and types, and the same values of the fields that carry stock, prices and
states.

Not replayed, and why:
- 08-webhooks: deliveries are not simulated.
- Files' entries without a request are measurements; those of 02 are checked as states after each step, the others
  (timings, lost updates under parallel load) have no single answer.
- Images that the shop fails to download (05 #36, #39): addresses are judged, nothing is downloaded.
- 05 #28 (generate variations): a sync does not need the route.
- 07-authentication is replayed in test_woocommerce_recorded_states, without #37 and #39: cut answers of the route
  indexes have counters in place of lists; test_woocommerce_behaviour looks at those routes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from syncd.simulators.woocommerce import WooCommerceSim
from tests.simulators.recorded_shop import Clock, ask, kind, load, recorded_shop

SKIPPED = {
    ("05-create-and-images", 28): "generates variations",
    ("05-create-and-images", 36): "a download that fails",
    ("05-create-and-images", 37): "reads what a failed download left",
    ("05-create-and-images", 39): "a download of something else than an image",
}
FILES = [
    "01-listing",
    "02-stock-changes-and-date-modified",
    "02b-more-stock-cases",
    "03-inventory-delta",
    "04-batch",
    "05-create-and-images",
    "05b-text-round-trip",
    "06-deletion",
    "10-orders",
]
# Cut answers show these next to id; a full object has them too. Values must agree wherever they were recorded.
COMPARED = {
    *("status", "stock_quantity", "stock_status", "manage_stock", "sku", "global_unique_id", "type", "code"),
    *("regular_price", "sale_price", "price", "tax_class", "quantity", "subtotal", "total", "total_tax", "amount"),
    *("backorders", "number", "unique_sku", "params", "message"),
}
NOT_COMPARED = {
    "05-create-and-images": {"price", "regular_price", "sale_price", "sku", "stock_quantity"},  # product 20 differs
    "10-orders": {"number"},
    "01-listing": {"price", "stock_quantity", "stock_status", "number"},  # the recorded shop's own stock
}


@dataclass
class Replay:
    """One file's run: ids of the recording on the left, the simulator's on the right."""

    name: str
    sim: WooCommerceSim
    clock: Clock
    ids: dict[int, int] = field(default_factory=dict)
    lines: dict[int, int] = field(default_factory=dict)

    def stock(self, product_id: int, quantity: int | None, manage: bool = True) -> None:
        product = self.sim.shop.by_id[product_id]
        product.manage_stock = manage
        self.sim.shop.set_stock(product, quantity, "admin", "as recorded")
        if quantity is None:
            product.stock_status = "instock"

    def order(self, recorded_id: int, status: str, lines: dict[str, int], line_id: int = 0) -> None:
        made = self.sim.people.order([{"sku": sku, "quantity": q} for sku, q in lines.items()], status)["order"]
        self.ids[recorded_id] = made
        if line_id:
            self.lines[line_id] = self.sim.shop.orders.rows[made].lines[0].id

    def advance(self, entry: dict[str, Any]) -> None:
        self.clock.now = parsedate_to_datetime(entry["response"]["headers"]["Date"]).timestamp()

    def body(self, value: Any, key: str = "") -> Any:
        """Recorded ids become ours, cut lists become whole."""
        if isinstance(value, dict):
            ids = self.lines if key == "line_items" and "product_id" not in value else self.ids
            mapped = {name: self.body(inner, name) for name, inner in value.items()}
            for name in {"id", "product_id", "variation_id", "parent"} & mapped.keys():
                mapped[name] = (ids if name == "id" else self.ids).get(value[name], value[name])
            return mapped
        if isinstance(value, list):
            items = [self.body(item, key) for item in value]
            more = re.fullmatch(r"\.\.\. (\d+) more", str(items[-1])) if items else None
            if more:
                items.pop()
                last, before = items[-1], items[-2]
                grows = {n for n, v in last.items() if isinstance(v, int) and v - before[n] == 1}
                steps = range(1, int(more[1]) + 1)
                items += [{n: v + step if n in grows else v for n, v in last.items()} for step in steps]
            return [self.ids.get(item, item) for item in items] if key == "delete" else items
        return value

    def send(self, entry: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        request = entry["request"]
        path = re.sub(r"/(\d+)", lambda m: f"/{self.ids.get(int(m[1]), int(m[1]))}", request["path"])
        query = dict(request["query"])
        if "include" in query:
            query["include"] = ",".join(str(self.ids.get(int(i), int(i))) for i in str(query["include"]).split(","))
        response = ask(self.sim, request["method"], path, query, self.body(request["body"]))
        return response.status, response.body, dict(response.headers)

    def learn(self, recorded: Any, ours: Any) -> None:
        """Remember which of our ids stands for which recorded one."""
        for theirs, mine in zip(*(b if isinstance(b, list) else [b] for b in (recorded, ours)), strict=False):
            if not isinstance(theirs, dict) or not isinstance(mine, dict):
                continue
            if isinstance(theirs.get("id"), int) and isinstance(mine.get("id"), int):
                self.ids[theirs["id"]] = mine["id"]
            for name in ("create", "images"):
                self.learn(theirs.get(name, []), mine.get(name, []))
            pairs = zip(theirs.get("line_items", []), mine.get("line_items", []), strict=False)
            self.lines |= {a["id"]: b["id"] for a, b in pairs if isinstance(a, dict)}

    def compare(self, recorded: Any, ours: Any, at: str, key: str = "") -> list[str]:
        """Differences in keys, types and compared values."""
        if isinstance(recorded, str) and recorded.startswith(("... ", "[")):
            return []
        if kind(recorded) != kind(ours):
            return [f"{at}: {recorded!r} was recorded, {ours!r} came"]
        if isinstance(recorded, dict):
            return self._compare_objects(recorded, ours, at)
        if isinstance(recorded, list):
            return self._compare_lists(recorded, ours, at, key)
        mapped = self.ids.get(recorded, recorded) if key == "resource_id" else recorded
        compared = key in COMPARED | {"resource_id"} and key not in NOT_COMPARED.get(self.name, set())
        return [f"{at}: {mapped!r} was recorded, {ours!r} came"] if compared and mapped != ours else []

    def _compare_objects(self, recorded: dict[str, Any], ours: dict[str, Any], at: str) -> list[str]:
        whole = "_links" in recorded or len(recorded) > 20
        found = [f"{at}: {name} is missing" for name in recorded.keys() - ours.keys()]
        if whole:
            found += [f"{at}: {name} is not in the recording" for name in ours.keys() - recorded.keys()]
        for name in recorded.keys() & ours.keys():
            found += self.compare(recorded[name], ours[name], f"{at}.{name}", name)
        return found

    def _compare_lists(self, recorded: list[Any], ours: list[Any], at: str, key: str) -> list[str]:
        if key in {"related_ids", "namespaces", "variations", "categories", "images", "enabled_features"}:
            return []
        cut = re.fullmatch(r"\.\.\. (\d+) more", str(recorded[-1])) if recorded else None
        items = recorded[:-1] if cut else recorded
        expected = len(items) + (int(cut[1]) if cut else 0)
        found = [f"{at}: {expected} items were recorded, {len(ours)} came"] if expected != len(ours) else []
        for number, (theirs, mine) in enumerate(zip(items, ours, strict=False)):
            found += self.compare(theirs, mine, f"{at}[{number}]", key)
        return found


Setup = Callable[[Replay], None]


def _modified(run: Replay, product_id: int) -> None:
    run.clock.now = parsedate_to_datetime("Mon, 23 Nov 2026 12:21:33 GMT").timestamp()
    run.sim.shop.touch(run.sim.shop.by_id[product_id])


def _only_sku(run: Replay) -> None:
    """search_sku finds one product here; the recorded shop had one NAD-000x."""
    assert [p.sku for p in run.sim.shop.products if "NAD-000" in p.sku] == ["NAD-0006"]


def _orders(run: Replay) -> None:
    run.clock.now = parsedate_to_datetime("Mon, 23 Nov 2026 12:21:33 GMT").timestamp()
    run.order(503, "processing", {"KNO-0021": 1})
    run.order(504, "on-hold", {"ALP-001-ALTRO": 2})
    run.order(505, "pending", {"BUC-0022": 1})
    for recorded_id in (503, 504, 505):
        order = run.sim.shop.orders.rows[run.ids[recorded_id]]
        order.extra["created_via"] = "rest-api"


def _complete_and_refund(run: Replay) -> None:
    run.clock.now += 1
    run.sim.people.set_order_status(run.ids[503], "completed")


def _refunded(run: Replay) -> None:
    order = run.sim.shop.orders.rows[run.ids[503]]
    line = {"id": order.lines[0].id, "quantity": 1, "refund_total": "1.00"}
    run.sim.settings.refund_bumps_order = True
    run.sim.desk.refund(order, {"amount": "1.00", "api_refund": False, "line_items": [line]})


def _throwaways(run: Replay) -> None:
    for recorded_id, name in ((519, "A"), (520, "B")):
        body = {"name": f"Wegwerf {name}", "sku": f"WEG-{name}", "regular_price": "1"}
        answer = ask(run.sim, "POST", "products", body=body)
        run.ids[recorded_id] = answer.body["id"]
    run.stock(281, 0)
    run.stock(287, 6)


def _before_5(run: Replay) -> None:
    run.clock.now = parsedate_to_datetime("Mon, 23 Nov 2026 11:55:05 GMT").timestamp()
    _throwaways(run)


def _parent_pool(run: Replay) -> None:
    run.order(507, "processing", {"FIL-PAR-R": 2})


def _delta_parent(run: Replay) -> None:
    run.stock(282, 20)
    run.stock(287, None, manage=False)


def _fifty_each(run: Replay) -> None:
    run.stock(11, 50)
    run.stock(281, 50)


def _two_products(run: Replay) -> None:
    run.stock(13, 10)
    run.stock(14, 12)


def _nothing(run: Replay) -> None:
    """Most entries need no preparation."""


SETUPS: dict[tuple[str, int], Setup] = {
    ("01-listing", 43): lambda run: _modified(run, 30),
    ("01-listing", 19): _only_sku,
    ("02-stock-changes-and-date-modified", 2): _fifty_each,
    ("02b-more-stock-cases", 0): lambda run: run.order(500, "processing", {"KNO-0003": 4}),
    ("02b-more-stock-cases", 2): lambda run: run.order(501, "processing", {"KNO-0003": 4}),
    ("02b-more-stock-cases", 4): lambda run: run.order(502, "processing", {"KNO-0003": 4}, line_id=16),
    ("02b-more-stock-cases", 7): lambda run: run.stock(12, 3),
    ("02b-more-stock-cases", 12): _parent_pool,
    **{("02b-more-stock-cases", at): lambda run: run.stock(32, 7) for at in (34, 36, 38)},
    **{("02b-more-stock-cases", at): lambda run: run.stock(271, 7) for at in (35, 37, 39)},
    ("03-inventory-delta", 0): lambda run: run.stock(13, 10),
    ("03-inventory-delta", 10): lambda run: run.stock(287, 10),
    ("03-inventory-delta", 13): _two_products,
    ("03-inventory-delta", 15): lambda run: run.stock(287, 10),
    ("03-inventory-delta", 20): lambda run: run.stock(13, None, manage=False),
    ("03-inventory-delta", 22): lambda run: run.stock(287, None, manage=False),
    ("03-inventory-delta", 23): _delta_parent,
    ("06-deletion", 0): _before_5,
    ("10-orders", 0): _orders,
    ("10-orders", 2): _complete_and_refund,
    ("10-orders", 4): _refunded,
}


def _replayable(name: str) -> list[int]:
    entries = load(name)
    return [at for at, e in enumerate(entries) if e.get("request") and (name, at) not in SKIPPED]


@pytest.mark.parametrize("name", FILES)
def test_recorded_requests_get_the_recorded_answers(name: str) -> None:
    sim, clock = recorded_shop()
    run = Replay(name, sim, clock)
    entries = load(name)
    differences: list[str] = []
    for at in _replayable(name):
        entry = entries[at]
        run.advance(entry)
        SETUPS.get((name, at), _nothing)(run)
        run.advance(entry)
        status, body, headers = run.send(entry)
        recorded = entry["response"]
        where = f"{name} #{at} ({entry['note'][:60]})"
        if status != recorded["status"]:
            differences.append(f"{where}: status {recorded['status']} was recorded, {status} came: {body}")
            continue
        differences += run.compare(recorded["body"], body, where)
        for header in ("X-WP-Total", "X-WP-TotalPages", "Allow"):
            if header == "Allow" and "/taxes" in entry["request"]["path"]:
                continue  # tax rates are read only here
            if header in recorded["headers"] and recorded["headers"][header] != headers.get(header):
                differences.append(f"{where}: {header} {recorded['headers'][header]}, came {headers.get(header)}")
        run.learn(recorded["body"], body)
    assert not differences, "\n".join(differences)


def test_enough_of_the_recordings_is_replayed() -> None:
    counts = {name: len(_replayable(name)) for name in FILES}
    assert sum(counts.values()) >= 260, counts
