"""Case 4: many changes at once, of stock both ways and of products, at real rates and latencies."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from benchmarks.cases.floor import shop_seconds
from benchmarks.figures import Figure, Place, per
from benchmarks.stage import TILL_PER_S, Stage, open_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST_OVER = 1.10
_PER_PAGE = 100


def measure(place: Place) -> list[Figure]:
    """Change so many items at one side, and see what it takes until the other side has it."""
    count = place.sizes.changes
    with open_stage(place.folder, max(place.sizes.small, count + 20), sides={"shop": {"quantities": "same"}}) as stage:
        stage.passes()
        stage.settle()
        stage.slow_down()
        skus = [product.sku for product in stage.till.spec.catalogue() if not product.variations][:count]
        found = [
            *_till_to_shop(stage, skus),
            *_shop_to_till(stage, skus),
            *_products(stage, skus),
        ]
    place.say(f"{count} changes each way")
    return found


def _till_to_shop(stage: Stage, skus: Sequence[str]) -> list[Figure]:
    def act() -> None:
        stage.till.many("sale", [{"sku": sku, "quantity": 1} for sku in skus])

    done = _carried(stage, act)
    pages = ceil(len(skus) / _PER_PAGE)
    # A quiet cycle has a page of the till already.
    beyond_quiet = done["requests"] - done["quiet"]
    return [
        Figure("till to shop: requests beyond a quiet cycle", beyond_quiet, "", 1.1 * 2 * pages, detail=done),
        Figure("till to shop: of them the echo read again", done["echo"]),
        Figure("till to shop: wall time", done["wall_s"], "s"),
        Figure("till to shop: wall time, floor = 1", per(done["wall_s"], done["floor_s"]), "", MOST_OVER),
    ]


def _shop_to_till(stage: Stage, skus: Sequence[str]) -> list[Figure]:
    def act() -> None:
        lines = [{"sku": sku, "quantity": 1} for sku in skus]
        orders = [{"lines": lines[start : start + 5]} for start in range(0, len(lines), 5)]
        stage.shop.many("order", orders)

    done = _carried(stage, act)
    lower = len(skus) + 2 * ceil(len(skus) / _PER_PAGE)
    return [
        Figure("shop to till: requests", done["requests"] - done["quiet"], "", detail=done),
        Figure("shop to till: requests, one for each item = 1", per(done["requests"] - done["quiet"], lower)),
        Figure("shop to till: wall time", done["wall_s"], "s"),
        Figure("shop to till: wall time, floor = 1", per(done["wall_s"], done["floor_s"]), "", MOST_OVER),
    ]


def _products(stage: Stage, skus: Sequence[str]) -> list[Figure]:
    def act() -> None:
        each = [{"sku": sku, "price": f"{number % 90 + 10}.50"} for number, sku in enumerate(skus)]
        stage.till.many("set_price", each)

    done = _carried(stage, act)
    pages = ceil(len(skus) / _PER_PAGE)
    lower = 2 * pages
    return [
        Figure("prices: requests beyond a quiet cycle", done["requests"] - done["quiet"], detail=done),
        Figure("prices: requests, a page and a batch for each 100 = 1", per(done["requests"] - done["quiet"], lower)),
        Figure("prices: wall time", done["wall_s"], "s"),
    ]


def _carried(stage: Stage, act: Callable[[], None]) -> dict[str, Any]:
    """Have something happen and sync: what it takes until nothing is left to write, and what the echo takes then."""
    quiet = stage.passes(passes=2, no_limits=False)["result"][1]
    act()
    before = stage.till.mark(), stage.shop.mark()
    passes = stage.passes(no_limits=False)["result"]
    till = stage.till.mark() - before[0]
    reads_s, writes_s = shop_seconds(stage.shop, before[1])
    while passes[-1]["write_requests"]:
        passes += stage.passes(no_limits=False)["result"]
    *busy, echo = passes
    stage.settle()
    once = _requests(quiet)
    return {
        "passes": len(busy),
        "quiet": once * len(busy),
        "requests": sum(_requests(each) for each in busy),
        "echo": _requests(echo) - once,
        "floor_s": max(till / TILL_PER_S, reads_s) + writes_s,
        **{name: sum(each[name] for each in busy) for name in ("wall_s", "cpu_s", "statements", "write_requests")},
    }


def _requests(one: dict[str, Any]) -> int:
    return int(one["read_requests"] + one["write_requests"])
