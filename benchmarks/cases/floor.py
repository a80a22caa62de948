"""Case 2: the first sync where rates and latencies are as in earnest; the floor is what those alone dictate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.figures import Figure, Place, per
from benchmarks.stage import LATENCIES, TILL_PER_S, open_stage

if TYPE_CHECKING:
    from benchmarks.sides import Side

MOST = 1.10


def measure(place: Place) -> list[Figure]:
    """Sync for the first time with 20 requests a second at the till and a shop as slow as a real one."""
    with open_stage(place.folder, place.sizes.floor, sides=LATENCIES) as stage:
        done = stage.passes(no_limits=False)["result"][0]
        till, (shop_reads_s, shop_writes_s) = stage.till.mark(), shop_seconds(stage.shop)
    # Writing begins when both sides were read: before that a link might be wrong.
    floor_s = max(till / TILL_PER_S, shop_reads_s) + shop_writes_s
    detail = {**done, "till_requests": till, "shop_reads_s": shop_reads_s, "shop_writes_s": shop_writes_s}
    return [
        Figure("items linked and aligned", done["writes"], detail=detail),
        Figure("wall time", done["wall_s"], "s"),
        Figure("floor of rates and latencies", floor_s, "s"),
        Figure("wall time, floor = 1", per(done["wall_s"], floor_s), "", MOST),
    ]


def shop_seconds(shop: Side, since: int = 0) -> tuple[float, float]:
    """Seconds that the shop's own answers took, of reads and of writes: it is asked one thing after the other."""
    took = shop.control("took", since=since)
    reads = sum(seconds for method, seconds in took if method == "GET")
    return reads, sum(seconds for method, seconds in took if method != "GET")
