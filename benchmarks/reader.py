"""The measured reader: a shop's adapter and what it needs, without engine and database.

``python -m benchmarks.reader …/config.toml`` reads everything that the shop has, as a first sync does, and throws it
away; it prints what that took, as JSON.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from syncd.adapters.base import AdapterContext
from syncd.adapters.registry import installed
from syncd.config import load_config

_NO_LIMIT = 1e9


def main(config_file: str) -> None:
    """Read the only shop of a configuration."""
    (shop,) = load_config(Path(config_file), {}).shops.values()
    settings = shop.settings.model_copy(update={"requests_per_second": _NO_LIMIT})
    stop = threading.Event()
    context = AdapterContext(
        side=shop.name, settings=settings, tokens=None, stop=stop, now=lambda: datetime.now(UTC), overlap_s=60
    )
    with closing(installed()[shop.kind].build(context)) as adapter:
        # From here on, as with the others: what a library takes to be loaded is not reading.
        began, cpu = time.monotonic(), time.process_time()
        rows = sum(len(page.listings) for page in adapter.read_all())
        took = {"rows": rows, "wall_s": time.monotonic() - began, "cpu_s": time.process_time() - cpu}
    sys.stdout.write(json.dumps({**took, "peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main(sys.argv[1])
