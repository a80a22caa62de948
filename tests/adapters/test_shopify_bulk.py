"""Everything of a large shop comes by its own export: the same as page by page, or page by page after all."""

from __future__ import annotations

import errno
import io
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from syncd.adapters.shopify import bulk
from syncd.core.fields import IMAGES
from syncd.core.images import Image
from syncd.core.model import ChangePage, FieldsWrite, StockMode
from syncd.errors import Stopped
from syncd.simulators.pictures import drawn
from syncd.simulators.server import Fault
from syncd.testing.goods import GOODS, SIMPLE, VARIATION
from syncd.testing.promises_changes import ChangePromises
from syncd.testing.promises_reading import ReadingPromises
from syncd.testing.reading import read
from syncd.testing.side import OpenSide, SideDriver
from tests.conformance.drivers_shopify import open_shopify

EXPORTING = {"bulk_from": 1}


class TestAnExport(ReadingPromises, ChangePromises):
    """The promises of reading, by exports."""

    @pytest.fixture
    def open_side(self) -> OpenSide:
        return partial(open_shopify, values=EXPORTING)

    @pytest.fixture
    def side(self, open_side: OpenSide) -> Iterator[SideDriver]:
        with open_side(GOODS) as opened:
            yield opened


@pytest.fixture
def side() -> Iterator[Any]:
    with open_shopify(GOODS, values=EXPORTING) as opened:
        yield opened


def exports(side: Any) -> int:
    return len(side.server.requests(path="/exports/"))


def paged(side: Any) -> Any:
    """The same, page by page."""
    catalogue = side.adapter._catalogue
    catalogue._bulk_from, kept = 0, catalogue._bulk_from
    found = read(side.adapter.read_all())
    catalogue._bulk_from = kept
    return found


def test_an_export_shows_what_pages_show(side: Any) -> None:
    """Also drafts, images, what is not counted, and quantities of several locations."""
    picture = Image("1", "", "Mug", drawn(1))
    side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {IMAGES: "1"}, {"1": picture})])
    side.sim.people.set_status(GOODS[2].sku, "DRAFT")
    side.stop_counting(VARIATION)
    for number in range(300):
        side.sim.people.create_product(f"X-{number}", f"Many {number}", number)
    by_export = read(side.adapter.read_all())
    assert exports(side) == 1
    by_pages = paged(side)
    assert exports(side) == 1
    assert by_export.listings == by_pages.listings
    assert by_export.cursor == by_pages.cursor


def test_an_item_that_two_variants_share_has_no_quantity_of_its_own(side: Any) -> None:
    """Section 2: an item can belong to several variants."""
    shop = side.sim.shop
    shop.with_sku(GOODS[2].sku).item_id = shop.with_sku(SIMPLE).item_id
    found = read(side.adapter.read_all())
    assert {found.sku(sku).stock_mode for sku in (SIMPLE, GOODS[2].sku)} == {StockMode.PARENT}


def test_an_export_costs_no_points_for_its_rows(side: Any) -> None:
    left = side.sim._bucket._left
    read(side.adapter.read_all())
    assert left - side.sim._bucket._left < 30


def test_the_shop_may_be_at_work_for_some_time(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "WAITS_S", (0.01,))
    side.sim.settings.work_seconds = 5

    def a_second_passes(_: Any) -> None:
        side.clock.seconds += 1

    side.server.hooks.append(a_second_passes)
    began = side.now()
    pages = list(side.adapter.read_all())
    assert [page for page in pages if page == ChangePage()], "whoever waits sees that something goes on"
    found = read(iter(pages))
    assert exports(side) == 1
    assert len(found.listings) > len(GOODS)
    assert found.cursor["changes"] < f"{began.isoformat()[:17]}59"


@pytest.mark.parametrize(
    "trouble",
    [{"export_error": "INTERNAL_SERVER_ERROR"}, {"export_error": "TIMEOUT"}, {"exports_at_once": 0}],
)
def test_where_no_export_can_be_had_the_shop_is_read_page_by_page(side: Any, trouble: dict[str, Any]) -> None:
    side.sim.people.set(**trouble)
    assert read(side.adapter.read_all()).stock() == side.sim.people.stock()
    assert exports(side) == 0


@pytest.mark.parametrize("fault", ["lost_before", "truncated", "error_500_html", "html_200"])
def test_a_file_that_arrives_in_part_is_not_used(side: Any, fault: str) -> None:
    """It is fetched again, and if that does not help everything is read page by page."""
    side.server.add_fault(Fault(fault, path="/exports/", times=1))
    assert read(side.adapter.read_all()).stock() == side.sim.people.stock()
    side.server.add_fault(Fault(fault, path="/exports/", times=-1))
    assert read(side.adapter.read_all()).stock() == side.sim.people.stock()


def test_a_file_without_some_of_its_lines_is_not_used(side: Any) -> None:
    run = side.sim._exports.run

    def lose_a_line(info: Any, **given: Any) -> Any:
        view = run(info, **given)
        made = side.sim._exports._made[view["bulkOperation"]["id"]]
        state, count = side.sim._exports._view, str(len(made.lines))
        made.lines.pop()  # a variant
        side.sim._exports._view = lambda info, one: {**state(info, one), "objectCount": count}
        return view

    side.sim._root["bulkOperationRunQuery"] = lose_a_line
    assert read(side.adapter.read_all()).stock() == side.sim.people.stock()
    assert exports(side) == 1


class FullDisk(io.BytesIO):
    """A file for which there is no room."""

    def write(self, _data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_without_room_for_the_file_is_no_end_of_the_daemon(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: FullDisk())
    assert read(side.adapter.read_all()).stock() == side.sim.people.stock()


def test_neither_is_a_place_for_such_files_that_is_not_there(
    side: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    assert read(side.adapter.read_all()).stock() == side.sim.people.stock()
    assert exports(side) == 0


@pytest.mark.parametrize("count", [None, "", "many"])
def test_neither_is_a_count_that_is_none(side: Any, count: Any) -> None:
    state = side.sim._exports._view
    side.sim._exports._view = lambda info, one: {**state(info, one), "objectCount": count}
    assert read(side.adapter.read_all()).stock() == side.sim.people.stock()


def test_a_stop_ends_the_wait(side: Any) -> None:
    side.sim.settings.work_seconds = 1000
    side.server.hooks.append(lambda request: side.stop.set() if b"BulkState" in request.body else None)
    with pytest.raises(Stopped):
        read(side.adapter.read_all())


def test_a_small_shop_is_read_page_by_page() -> None:
    with open_shopify(GOODS) as small:
        read(small.adapter.read_all())
        server: Any = small.server  # type: ignore[attr-defined]  # of the simulated shop
        assert server.requests(path="/exports/") == []
