"""What people do in the simulated shop, and the shop over sockets."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import syncd.simulators.woocommerce as package
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.server import Fault, SimServer
from syncd.simulators.woocommerce import WooCommerceSim
from tests.simulators.seeded_shop import SIM_KEY, call, product, seeded

# -- people


@pytest.mark.parametrize(("guard", "expected"), [(True, 8), (False, 10)])
def test_an_old_edit_form_overwrites_a_sale_only_without_the_guard(guard: bool, expected: int) -> None:
    sim, _ = seeded(edit_form_guard=guard)
    sim.people.set_stock("S-00001", 10)
    form = sim.people.open_edit_form("S-00001")["form"]
    sim.people.order([{"sku": "S-00001", "quantity": 2}])
    assert sim.people.save_edit_form(form)["stock_saved"] == (not guard)
    assert sim.people.stock()["S-00001"] == expected
    assert len(sim.people.lost_updates()) == (0 if guard else 1)


def test_unmanaged_and_parent_managed_stock() -> None:
    sim, _ = seeded()
    sim.people.set_manage_stock("S-00001", False)
    assert sim.people.stock()["S-00001"] is None
    order = sim.people.order([{"sku": "S-00001", "quantity": 1}])["order"]
    assert call(sim, "GET", f"orders/{order}")["line_items"][0]["meta_data"] == []

    parent = product(sim, "S-00012")
    child = call(sim, "GET", f"products/{parent['id']}/variations")[0]
    call(sim, "PUT", f"products/{parent['id']}", {"manage_stock": True, "stock_quantity": 20})
    path = f"products/{parent['id']}/variations/{child['id']}"
    call(sim, "PUT", path, {"manage_stock": False})
    sim.people.order([{"sku": child["sku"], "quantity": 2}])
    read = call(sim, "PUT", path, {"inventory_delta": 5})
    assert (read["manage_stock"], read["stock_quantity"]) == ("parent", 18)


def test_seeding_modes_and_the_catalogues_codes() -> None:
    catalogue = make_catalogue(10, 3)
    for mode in ("same", "zero", "random"):
        sim = WooCommerceSim()
        sim.seed(catalogue, mode)
        stock = sim.people.stock()
        units = {item.sku: item.quantity for item in catalogue if not item.variations}
        units |= {v.sku: v.quantity for item in catalogue for v in item.variations}
        assert stock.keys() == units.keys()
        assert (stock == units) == (mode == "same")
        assert (set(stock.values()) == {0}) == (mode == "zero")
        assert product(sim, catalogue[0].sku)["global_unique_id"] == catalogue[0].gtin
        assert sim.people.history() == []


# -- over sockets


def _send(url: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {**SIM_KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_control_and_api_over_a_socket() -> None:
    sim, _ = seeded()
    with SimServer(sim) as server:
        api, control = f"{server.url}/wp-json/wc/v3", f"{server.url}/_control"
        before = _send(f"{control}/stock", "POST", {})[1]["S-00001"]
        status, made = _send(f"{control}/order", "POST", {"lines": [{"sku": "S-00001", "quantity": 1}]})
        assert status == 200
        _, order = _send(f"{api}/orders/{made['order']}")
        assert order["line_items"][0]["meta_data"][0]["key"] == "_reduced_stock"
        assert _send(f"{control}/stock", "POST", {})[1]["S-00001"] == before - 1
        assert _send(f"{control}/set", "POST", {"delta_race_seconds": 1})[1] == {"delta_race_seconds": 1}
        for action, arguments in (("set", {"nonsense": 1}), ("set", {"treat_as_https": 1}), ("dance", {})):
            assert _send(f"{control}/{action}", "POST", arguments)[0] == 400
        server.add_fault(Fault("error_500_after", method="PUT"))
        item = _send(f"{api}/products?sku=S-00002")[1][0]
        with pytest.raises(json.JSONDecodeError):
            _send(f"{api}/products/{item['id']}", "PUT", {"stock_quantity": 77})
        assert _send(f"{control}/stock", "POST", {})[1]["S-00002"] == 77


def test_the_wait_between_read_and_write_does_not_hold_up_the_shop() -> None:
    sim, _ = seeded()
    inside, go_on = threading.Event(), threading.Event()

    def wait(sku: str) -> None:
        assert sku == "S-00001"
        inside.set()
        assert go_on.wait(10)

    sim.settings.between_read_and_write = wait
    item = product(sim, "S-00001")
    with SimServer(sim) as server:
        url = f"{server.url}/wp-json/wc/v3/products/{item['id']}"
        writer = threading.Thread(target=_send, args=(url, "PUT", {"inventory_delta": 1}))
        writer.start()
        assert inside.wait(10)
        assert _send(url)[1]["stock_quantity"] == item["stock_quantity"], "others are served meanwhile"
        sim.people.order([{"sku": "S-00001", "quantity": 2}])
        go_on.set()
        writer.join(10)
        assert _send(url)[1]["stock_quantity"] == item["stock_quantity"] + 1


def test_it_runs_on_its_own() -> None:
    command = [
        sys.executable,
        "-m",
        "syncd.simulators.woocommerce",
        "--port",
        "0",
        "--products",
        "8",
        "--variable",
        "2",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"(http://\S+)/wp-json/wc/v3 with (\d+) sellable", process.stdout.readline())
            assert found
            status, rows = _send(f"{found[1]}/wp-json/wc/v3/products?per_page=100&_fields=id,sku")
            assert (status, len(rows)) == (200, 8)
        finally:
            process.terminate()


def test_it_shares_no_code_with_a_client() -> None:
    folder = Path(str(package.__file__)).parent
    imported = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
    ours = {name for name in imported if name.startswith("syncd")}
    assert {name for name in ours if not name.startswith("syncd.simulators")} == set()
    assert not {name for name in imported if "oauth" in name}
