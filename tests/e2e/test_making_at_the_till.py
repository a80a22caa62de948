"""A shop's catalogue comes to the till by the real program, over HTTP, whatever happens to the answers."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.inventorum import InventorumSim
from syncd.simulators.inventorum.settings import InventorumSettings
from syncd.simulators.server import Fault, SimServer
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim
from tests.support.acceptance import PROGRAM

CATALOGUE = make_catalogue(6, 2)
SHARED = CATALOGUE[:2]


@dataclass
class Stage:
    """A till with some of the products of a shop, and the program beside them."""

    folder: Path
    till: InventorumSim
    till_server: SimServer
    shop: WooCommerceSim
    shop_server: SimServer

    def syncd(self, *argv: str, code: int | None = 0) -> str:
        command = [*PROGRAM, *argv, "--config", str(self.folder / "config.toml")]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=90, check=False)
        assert code is None or done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def configure(self, safety: str = "") -> None:
        (self.folder / "config.toml").write_text(f"""
            [syncd]
            database = "sqlite:///syncd.db"
            [inventorum]
            base_url = "{self.till_server.url}/api/"
            client_id = "{self.till.settings.client_id}"
            client_secret = "{self.till.settings.client_secret}"
            refresh_token = "{self.till.issue_refresh_token()["refresh_token"]}"
            [inventorum.stock]
            in_doubt_seconds = 1
            settle_seconds = 0
            [shops.main]
            adapter = "woocommerce"
            url = "{self.shop_server.url}"
            consumer_key = "{self.shop.settings.keys[0].key}"
            consumer_secret = "{self.shop.settings.keys[0].secret}"
            requests_per_second = 200
            [shops.main.stock]
            in_doubt_seconds = 1
            settle_seconds = 0
            [shops.main.products]
            create_in_inventorum = true
            [shops.main.safety]
            {safety}
        """)

    def shared_stock(self) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
        at_the_till = {sku: Decimal(units) for sku, units in self.till.stock().items()}
        in_the_shop = {sku: Decimal(units) for sku, units in self.shop.people.stock().items() if units is not None}
        return at_the_till, in_the_shop


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    till, shop = InventorumSim(InventorumSettings(rate_limit_per_second=0)), WooCommerceSim(WooCommerceSettings())
    till.seed(SHARED)
    shop.seed(CATALOGUE)
    with ExitStack() as stack:
        servers = [stack.enter_context(SimServer(sim)) for sim in (till, shop)]
        made = Stage(tmp_path, till, servers[0], shop, servers[1])
        made.configure()
        yield made


def test_a_saved_plan_brings_the_catalogue_to_the_till(stage: Stage) -> None:
    plan = stage.syncd("plan", "-o", "plan.json")
    assert "create_in_inventorum makes published products of main at the till" in plan
    assert json.loads((stage.folder / "plan.json").read_text())["syncd_plan"] == 4
    stage.syncd("apply", "plan.json")
    stage.syncd("sync")
    at_the_till, in_the_shop = stage.shared_stock()
    assert at_the_till == in_the_shop
    for each in CATALOGUE:
        product = stage.till.state.find(each.variations[0].sku if each.variations else each.sku)
        assert stage.till.state.gross(product) == each.price
        assert stage.till.state.rate(product) == each.tax_rate
    assert "nothing to write" in stage.syncd("plan")
    assert "no open findings" in stage.syncd("findings")


def test_a_lost_answer_makes_nothing_twice(stage: Stage) -> None:
    stage.syncd("sync")
    before = len(stage.till.state.products)
    stage.shop.people.create_product("NEW", "New", quantity=5, price="3.00")
    stage.till_server.add_fault(Fault("lost_after", path="/products/", method="POST", times=1, seconds=0))
    stage.syncd("sync", code=None)
    stage.shop.people.order([{"sku": "NEW", "quantity": 2}])
    for _ in range(3):
        time.sleep(1.2)
        stage.syncd("sync", code=None)
    assert len(stage.till.state.products) == before + 1
    at_the_till, in_the_shop = stage.shared_stock()
    assert at_the_till["NEW"] == in_the_shop["NEW"] == 3
    assert at_the_till == in_the_shop
    assert "no open findings" in stage.syncd("findings")
