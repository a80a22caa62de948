"""Read all products of a WooCommerce shop with dlt's rest_api source. Arguments: address, key, secret, fields."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from dlt.sources.rest_api import rest_api_resources


def main(url: str, key: str, secret: str, fields: str) -> None:
    """Read every row and throw it away; print what it took."""
    config = {
        "client": {
            "base_url": f"{url}/wp-json/wc/v3/",
            "auth": {"type": "http_basic", "username": key, "password": secret},
            "paginator": {"type": "page_number", "base_page": 1, "total_path": None, "stop_after_empty_page": True},
        },
        "resources": [
            {
                "name": "products",
                "endpoint": {
                    "path": "products",
                    "params": {"per_page": 100, "orderby": "id", "order": "asc", "_fields": fields},
                    "data_selector": "$",
                },
            }
        ],
    }
    began, cpu = time.monotonic(), time.process_time()
    (products,) = rest_api_resources(config)
    rows = sum(1 for _ in products)
    took = {"rows": rows, "wall_s": time.monotonic() - began, "cpu_s": time.process_time() - cpu}
    sys.stdout.write(json.dumps({**took, "peak_mb": peak_mb()}))


def peak_mb() -> float:
    """Largest resident size of this process in MB of 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main(*sys.argv[1:])
