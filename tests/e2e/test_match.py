"""``syncd match`` before the first sync, as a shop owner reads it."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.simulators.woocommerce import WooCommerceSim
from tests.chaos.shops.woocommerce import WooCommerceShop
from tests.chaos.stage import ChaosStage
from tests.support.acceptance import PROGRAM


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ChaosStage]:
    made = ChaosStage(tmp_path, f"sqlite:///{tmp_path}/syncd.db", products=8)
    made.open()
    yield made
    made.close()


def syncd(stage: ChaosStage, *argv: str) -> str:
    command = [*PROGRAM, *argv, "--config", str(stage.folder / "config.toml")]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def differing(stage: ChaosStage) -> dict[tuple[str, str], str]:
    """Notes on fields that differ, by field and SKU."""
    (report,) = json.loads(syncd(stage, "match", "--json"))["shops"]
    rows = [row for row in report["rows"] if row["kind"].endswith("_differs")]
    assert all(row["side"] == "main" for row in rows)
    assert len(rows) == sum(count for kind, count in report["counts"].items() if kind.endswith("_differs"))
    return {(row["kind"].removesuffix("_differs"), row["sku"]): row["note"] for row in rows}


def test_fields_that_differ_are_named_before_and_after_the_first_sync(stage: ChaosStage, tmp_path: Path) -> None:
    simple, *_, variation = sorted(stage.till_stock())
    stage.till.set_price(simple, "12.34")
    stage.till.set_price(variation, "99.90")
    stage.till.set_name(simple, "  Mug \u201eÄpfel\u201c &  more ")
    found = differing(stage)
    assert found.keys() == {("price", simple), ("price", variation), ("name", simple)}
    assert found["price", simple].endswith("here, 12.34 at the till")
    assert found["name", simple].endswith("here, Mug \u201eÄpfel\u201c & more at the till")
    told = syncd(stage, "match", "--csv", str(tmp_path / "rows.csv"))
    assert "2  another price in the shop than at the till" in told
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        listed = [line["sku"] for line in csv.DictReader(file) if line["class"] == "price_differs"]
    assert sorted(listed) == sorted([simple, variation])


def test_fields_that_differ_are_planned_written_and_explained(stage: ChaosStage) -> None:
    simple, *_, variation = sorted(stage.till_stock())
    stage.till.set_price(simple, "12.34")
    stage.till.set_price(variation, "99.90")
    stage.till.set_name(simple, "Mug \u201eÄpfel\u201c & more")
    plan = syncd(stage, "plan", "--full")
    assert "stock writes, 3 fields\n" in plan
    assert "→ “12.34”  the till owns it" in plan
    assert "3 fields" in syncd(stage, "sync")
    assert differing(stage) == {}
    shown = {row.sku: row for row in shop_of(stage).shop.by_id.values()}
    assert (shown[simple].regular_price, shown[variation].regular_price) == ("12.34", "99.90")
    assert shown[simple].name == "Mug \u201eÄpfel\u201c &amp; more"
    story = syncd(stage, "explain", simple)
    assert "→ main price:" in story
    assert "→ “Mug „Äpfel“ & more”  confirmed; the till owns it" in story
    assert "main: nothing to write" in syncd(stage, "plan")


def test_fields_that_nobody_keeps_the_same_are_not_compared(stage: ChaosStage) -> None:
    simple = sorted(stage.till_stock())[0]
    stage.till.set_price(simple, "12.34")
    stage.till.set_name(simple, "Another")
    with (stage.folder / "config.toml").open("a") as file:
        file.write('\n[shops.main.products.owner]\nprice = "none"\nname = "shop"\n')
    assert differing(stage).keys() == {("name", simple)}


def test_a_saved_plan_is_carried_out_only_if_the_world_stood_still(stage: ChaosStage, tmp_path: Path) -> None:
    simple = sorted(stage.till_stock())[0]
    stage.till.set_price(simple, "12.34")
    file = tmp_path / "plan.json"
    assert "stock writes, 1 field\n" in syncd(stage, "plan", "--full", "-o", str(file))
    assert shop_of(stage).people.fields()[simple]["price"] != "12.34"
    stage.till.sale(simple, 1)
    refused = failing(stage, "apply", str(file))
    assert refused.returncode == 3
    assert "the world has moved" in refused.stderr
    assert f"of {shop_of(stage).shop.with_sku(simple)[0].id} in main: was" in refused.stderr
    assert shop_of(stage).people.fields()[simple]["price"] != "12.34"
    syncd(stage, "plan", "--full", "-o", str(file))
    syncd(stage, "apply", str(file))
    assert shop_of(stage).people.fields()[simple]["price"] == "12.34"
    assert stage.shop_stock("main") == stage.till_stock()
    assert "is no plan of syncd" in failing(stage, "apply", str(stage.folder / "config.toml")).stderr


def shop_of(stage: ChaosStage) -> WooCommerceSim:
    shop = stage.shops["main"]
    assert isinstance(shop, WooCommerceShop)
    return shop.sim


def failing(stage: ChaosStage, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *argv, "--config", str(stage.folder / "config.toml")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_wrong_secret_is_named_with_what_to_do(stage: ChaosStage) -> None:
    (stage.folder / "main-consumer_secret").write_text("cs_wrong\n")
    done = failing(stage, "match")
    assert done.returncode == 5
    assert "✗ main:" in done.stdout
    assert "syncd check" in done.stdout


def test_many_names_and_prices_wait_until_somebody_looked(tmp_path: Path) -> None:
    stage = ChaosStage(tmp_path, f"sqlite:///{tmp_path}/syncd.db", products=40)
    stage.open()
    try:
        for sku in stage.till_stock():
            stage.till.set_price(sku, "7.77")
        stopped = failing(stage, "sync")
        assert stopped.returncode == 3
        assert "safety stop" in stopped.stdout
        assert "would be overwritten at their first comparison" in stopped.stdout
        assert stage.shop_stock("main") == stage.till_stock()
        file = tmp_path / "plan.json"
        assert failing(stage, "plan", "-o", str(file)).returncode == 3
        assert "54 fields" in syncd(stage, "apply", str(file))
        assert {fields["price"] for fields in shop_of(stage).people.fields().values()} == {"7.77"}
        assert json.loads(syncd(stage, "status", "--json"))["findings"] == []
    finally:
        stage.close()
