"""Virtual environments of the peers, made when they are needed: benchmarks/.venvs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.simulators.woocommerce.settings import DEFAULT_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

_HERE = Path(__file__).parent
_VENVS = _HERE.parent / ".venvs"
FIELDS = "id,type,status,name,sku,global_unique_id,regular_price,manage_stock,stock_quantity,date_modified_gmt"
"""What a connector needs of a product for stock and price; syncd asks for more."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another library that reads REST APIs.

    Attributes:
        name: Package on PyPI.
        script: Reads the shop with it.
    """

    name: str
    script: str


PEERS = (Peer("dlt", "read_dlt.py"), Peer("airbyte-cdk", "read_airbyte.py"))


def read_with(peer: Peer, url: str, say: Callable[[str], None]) -> Callable[[], dict[str, Any]] | None:
    """How to read the shop with a peer; ``None``, and why is said, if it cannot be installed here."""
    python = _VENVS / peer.name / "bin" / "python"
    if not (python.parent / ".installed").exists():
        say(f"installing {peer.name} into {_VENVS / peer.name}")
        problem = _install(peer, python)
        if problem:
            say(f"{peer.name} cannot be installed for Python {sys.version.split()[0]} and is left out: {problem}")
            return None
    key = DEFAULT_KEYS[0]

    def read() -> dict[str, Any]:
        command = [str(python), str(_HERE / peer.script), url, key.key, key.secret, FIELDS]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
        if done.returncode:
            raise RuntimeError(f"{peer.name} failed: {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return read


def _install(peer: Peer, python: Path) -> str:
    """Make its environment; returns what went wrong, if anything."""
    steps = (
        [sys.executable, "-m", "venv", str(python.parent.parent)],
        [str(python), "-m", "pip", "install", peer.name],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)  # noqa: S603 - pip
        if done.returncode:
            return (done.stderr or done.stdout).strip().splitlines()[-1]
    (python.parent / ".installed").touch()
    return ""
