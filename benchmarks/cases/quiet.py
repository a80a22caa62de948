"""Case 3: a pass in which nothing happened anywhere must not know how large the catalogue is."""

from __future__ import annotations

from benchmarks.figures import Figure, Place, median, per

MOST_REQUESTS = 7
MOST_GROWTH = 1.1
_TURNS = 3


def measure(place: Place) -> list[Figure]:
    """Take quiet passes over a small and over a large catalogue."""
    sizes = place.sizes
    # In turns, so that whatever else the machine does meanwhile happens to both.
    turns = [(items, _passes(place, items)) for _ in range(_TURNS) for items in (sizes.small, sizes.large)]
    small, large = (
        _middle([each for of, passes in turns for each in passes if of == items])
        for items in (sizes.small, sizes.large)
    )
    names = f"{sizes.large} against {sizes.small} items"
    return [
        Figure("requests, both sides", large["requests"], "", MOST_REQUESTS, detail=large),
        Figure("CPU", 1000 * large["cpu_s"], "ms", detail=small),
        Figure("statements", large["statements"]),
        Figure(f"CPU, {names}", per(large["cpu_s"], small["cpu_s"]), "", MOST_GROWTH),
        Figure(f"statements, {names}", per(large["statements"], small["statements"]), "", MOST_GROWTH),
    ]


def _passes(place: Place, items: int) -> list[dict[str, float]]:
    stage = place.stages.quiet(items)
    # The first pass of a process makes connections and prepares statements.
    passes: list[dict[str, float]] = stage.passes(passes=place.sizes.repeats + 1)["result"][1:]
    busy = [each for each in passes if each["listings_read"] or each["writes"]]
    if busy:
        raise RuntimeError(f"{len(busy)} of {len(passes)} passes were not quiet")
    place.say(f"{items} items: {1000 * median(each['cpu_s'] for each in passes):.0f} ms CPU a pass")
    return passes


def _middle(passes: list[dict[str, float]]) -> dict[str, float]:
    return {
        "requests": median(each["read_requests"] + each["write_requests"] for each in passes),
        "cpu_s": median(each["cpu_s"] for each in passes),
        "statements": median(each["statements"] for each in passes),
    }
