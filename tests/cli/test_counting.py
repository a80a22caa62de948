"""The commands say what a shop counts otherwise than until now, and take a person's word for it."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.simulators.catalogue import make_catalogue
from tests.crossing.pair_shopify import PairShopify, open_pair_shopify

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.state.engine import Database
    from tests.cli.conftest import Result, Run

CATALOGUE = make_catalogue(4, 0, seed=3)
UNIT = CATALOGUE[0].sku
HERE, THERE = 'location = "Shop location"', 'location = "Warehouse"'


def _config(pair: PairShopify, keys: str) -> Path:
    path = pair._config("", keys)
    path.write_text(path.read_text("utf-8").replace("sqlite:///unused.db", "sqlite:///cli.db"), "utf-8")
    return path


def test_commands_refuse_and_say_what_to_do_until_it_is_accepted(
    run: Run, tmp_path: Path, sqlite_database: Database
) -> None:
    with open_pair_shopify(sqlite_database, tmp_path, catalogue=CATALOGUE) as pair:

        def call(keys: str, *argv: str) -> Result:
            return run("--config", _config(pair, keys), *argv)

        place = pair.shop.people.add_location("Warehouse")["location"]
        pair.shop.people.set_stock(UNIT, 50, location=place)
        assert call(HERE, "sync").code == 0
        before = pair.stock()[0]
        for argv in (["sync"], ["plan"], ["audit"], ["check"]):
            refused = call(THERE, *argv)
            assert refused.code == 78, (argv, refused)
            assert all(name in refused.out + refused.err for name in ("Shop location", "Warehouse")), refused
        daemon = subprocess.run(
            [sys.executable, "-m", "syncd", "--config", str(_config(pair, THERE)), "run"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert daemon.returncode == 78, daemon
        assert "error: main: what counts: until now it counted what is available at Shop location" in daemon.stderr
        assert call(HERE, "sync").code == 0
        assert "there is nothing to accept" in call(HERE, "approve", "--counts", "main").err
        assert call(THERE, "approve", "--counts", "other").code == 2
        assert call(THERE, "approve", "--counts", "main", "--all").code == 2
        accepted = call(THERE, "approve", "--counts", "main", "--json")
        assert accepted.code == 0, accepted
        assert json.loads(accepted.out)["now"] == "what is available at Warehouse"
        plan = call(THERE, "plan")
        assert f"{UNIT}  50 → {before[UNIT]}" in plan.out, plan
        assert call(THERE, "sync").code == 0
        assert {sku: int(Decimal(units)) for sku, units in pair.till.stock().items()} == before
        assert call(THERE, "audit").code == 0
