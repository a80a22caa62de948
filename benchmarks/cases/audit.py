"""Case 6: reading everything again, and the independent comparison."""

from __future__ import annotations

from benchmarks.cases.first_sync import MOST_MB
from benchmarks.figures import Figure, Place, per
from benchmarks.work import in_process_of_its_own


def measure(place: Place) -> list[Figure]:
    """Sweep and audit the large catalogue."""
    stage = place.stages.quiet(place.sizes.large)
    sweep = stage.passes(full=True)
    swept = sweep["result"][0]
    if swept["drift"] or swept["writes"]:
        raise RuntimeError(f"the sweep of a quiet account found {swept['drift']} changes and wrote {swept['writes']}")
    place.say(f"sweep: {swept['wall_s']:.0f} s")
    audit = in_process_of_its_own("audit", config=str(stage.config))
    report = audit["result"]
    if report["exit_code"]:
        raise RuntimeError(f"the audit of a quiet account ended with {report['exit_code']}")
    listings = swept["listings_read"]
    return [
        Figure("sweep: listings read", listings, detail=swept),
        Figure("sweep: CPU", swept["cpu_s"], "s"),
        Figure("sweep: CPU per listing", 1000 * per(swept["cpu_s"], listings), "ms"),
        Figure("sweep: statements per listing", per(swept["statements"], listings)),
        Figure("sweep: peak memory", sweep["peak_mb"], "MB", MOST_MB),
        Figure("audit: listings compared", report["compared"], detail=report),
        Figure("audit: CPU", report["cpu_s"], "s"),
        Figure("audit: peak memory", audit["peak_mb"], "MB", MOST_MB),
    ]
