"""``syncd match`` before the first sync, as a shop owner reads it."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.stage import ChaosStage
from tests.support.acceptance import PROGRAM


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ChaosStage]:
    made = ChaosStage(tmp_path, f"sqlite:///{tmp_path}/syncd.db", products=8)
    made.open()
    yield made
    made.close()


def test_prices_that_differ_are_named_before_and_after_the_first_sync(stage: ChaosStage, tmp_path: Path) -> None:
    sku = sorted(stage.till_stock())[0]
    stage.till.set_price(sku, "12.34")

    def syncd(*argv: str) -> str:
        command = [*PROGRAM, *argv, "--config", str(stage.folder / "config.toml")]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    for _ in range(2):
        (report,) = json.loads(syncd("match", "--json"))["shops"]
        (row,) = [row for row in report["rows"] if row["kind"] == "price_differs"]
        assert report["counts"]["price_differs"] == 1
        assert (row["side"], row["sku"]) == ("main", sku)
        assert row["note"].endswith("here, 12.34 at the till")
        syncd("sync")
    told = syncd("match", "--csv", str(tmp_path / "rows.csv"))
    assert "1  another price in the shop than at the till" in told
    with (tmp_path / "rows.csv").open(newline="") as file:
        assert [line["sku"] for line in csv.DictReader(file) if line["class"] == "price_differs"] == [sku]
