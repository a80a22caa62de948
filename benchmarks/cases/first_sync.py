"""Case 1: everything is read, linked and aligned for the first time, with no limit but the work itself."""

from __future__ import annotations

from benchmarks.figures import Figure, Place, per

MOST_CPU_S = 60.0
MOST_MB = 200.0
MOST_GROWTH = 1.3


def measure(place: Place) -> list[Figure]:
    """Sync a middle and a large catalogue for the first time."""
    sizes = place.sizes
    for items in (sizes.middle, sizes.large):
        place.stages.synced(items)
        done = place.stages.first_syncs[items]
        place.say(f"{items} items: {done['wall_s']:.0f} s, {done['cpu_s']:.1f} s CPU, {done['peak_mb']:.0f} MB")
    middle, large = (place.stages.first_syncs[items] for items in (sizes.middle, sizes.large))
    items = large["writes"]
    ceiling = large["ceiling"]
    return [
        Figure("items linked and aligned", items, detail=large),
        Figure("items per second", items / large["wall_s"], "/s"),
        Figure("CPU of syncd", large["cpu_s"], "s", MOST_CPU_S if sizes.name == "full" else None),
        Figure("CPU per item", 1000 * per(large["cpu_s"], items), "ms", detail=middle),
        Figure("statements per item", per(large["statements"], items)),
        Figure("peak memory", large["peak_mb"], "MB", MOST_MB),
        Figure("memory against the smaller catalogue", per(large["peak_mb"], middle["peak_mb"]), "", MOST_GROWTH),
        Figure("till alone, pages of 100", ceiling["till_per_s"], "/s"),
        Figure("shop alone, pages of 100", ceiling["shop_per_s"], "/s"),
        Figure("wall time, sides alone = 1", large["over_simulators"]),
    ]
