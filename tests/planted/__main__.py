"""``make secrets``: plant, run, search; ends with 1 if anything was found."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.planted.run import say, search


def main() -> int:
    """Print one line of figures, and before it where something was found."""
    with tempfile.TemporaryDirectory() as folder:
        done = search(Path(folder), tell=say)
        found = done.found()
        for line in found:
            sys.stdout.write(f"FOUND {line}\n")
        sys.stdout.write(f"{done.report()}\n")
    return 1 if found else 0


sys.exit(main())
