"""Images are at the till before the product that names them is sent: nothing of it lasts longer, or comes twice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncd.config import load_config
from syncd.service.account import open_account
from syncd.simulators.server import Fault, SimRequest
from tests.crossing.pair import Pair, open_pair
from tests.crossing.test_images_at_the_till import OFFERS, PNG, WEBP, at_till, mug, uploads

if TYPE_CHECKING:
    from syncd.state.engine import Database

PRODUCTS = r"/products/$"


def passes(pair: Pair, number: int, step_s: float = 61) -> None:
    """As often, whatever comes of it."""
    for _ in range(number):
        pair.clock.seconds += step_s
        pair.poll()


def restart(pair: Pair, database: Database, folder: Path) -> None:
    """Another process goes on with what stands in the database."""
    pair.account.close()
    pair.account = open_account(load_config(folder / "config.toml", {}), database, now=pair.clock.now)


def test_slow_uploads_do_not_shorten_the_doubt(sqlite_database: Database, tmp_path: Path) -> None:
    """A request that got lost after long uploads may still arrive: until it cannot, nothing is looked for."""
    late: list[SimRequest] = []

    def note(request: SimRequest) -> None:
        if request.path.endswith("/images/"):
            pair.clock.seconds += 45
        elif request.method == "POST" and request.path.endswith("/products/"):
            late.append(request)

    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        mug(pair, *PNG[:2])
        pair.till_server.hooks.append(note)
        pair.till_server.add_fault(Fault("lost_before", method="POST", path=PRODUCTS))
        while not late:
            passes(pair, 1)
        restart(pair, sqlite_database, tmp_path)
        passes(pair, 2, step_s=5)
        assert len(late) == 1
        pair.till.handle(late[0])
        passes(pair, 4)
        assert at_till(pair, "MUG") == PNG[:2], "one product"
        pair.account.close()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault("too_many", method="POST", path=PRODUCTS, times=4), id="the product waits"),
        pytest.param(Fault("lost_before", method="POST", path=PRODUCTS, times=4), id="no answer, and no product"),
        pytest.param(Fault("too_many", method="POST", path=r"images/$", times=4, after=1), id="the second image waits"),
    ],
)
def test_an_image_is_uploaded_once_however_often_its_product_is_tried(
    sqlite_database: Database, tmp_path: Path, fault: Fault
) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        mug(pair, *PNG[:2])
        pair.till_server.add_fault(fault)
        passes(pair, 12)
        assert at_till(pair, "MUG") == PNG[:2]
        assert uploads(pair) == 2 + (4 if "images" in fault.path else 0)


def test_after_a_lost_answer_the_images_left_out_are_told_all_the_same(
    sqlite_database: Database, tmp_path: Path
) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        mug(pair, WEBP, PNG[0])
        first = pair.shop.shop.with_sku("MUG")[0].images[1]
        del pair.shop.shop.files[first["src"]]
        pair.till_server.add_fault(Fault("lost_after", method="POST", path=PRODUCTS))
        passes(pair, 4)
        ((kind, message),) = pair.findings()
        assert kind == "images_left_out"
        assert "without 2 of its images" in message


@pytest.mark.parametrize("where", ["syncd.service.image_loads", "syncd.adapters.inventorum.uploads"])
def test_images_that_take_too_long_are_left_out(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A pass that waits for a slow host of images, one after the other, would be taken for one that hangs."""
    monkeypatch.setattr(f"{where}._BUDGET_S", -1.0)
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        mug(pair, *PNG)
        passes(pair, 3)
        assert at_till(pair, "MUG") == []
        ((kind, message),) = pair.findings()
        assert kind == "images_left_out"
        assert "and they are over" in message


def test_images_of_one_product_do_not_fill_the_memory(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.service.image_loads._MOST_BYTES", len(PNG[0]) + 1)
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        mug(pair, *PNG[:4])
        passes(pair, 3)
        assert at_till(pair, "MUG") == PNG[:2]
        ((_, message),) = pair.findings()
        assert "without 2 of its images" in message
