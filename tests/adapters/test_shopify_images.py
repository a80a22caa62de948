"""Images: brought once by content, whatever is lost on the way, and beside what the shop has of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from syncd.adapters.shopify import images as adapter_images
from syncd.core.fields import IMAGES
from syncd.core.images import Image, keys_text
from syncd.core.model import FieldsResult, FieldsWrite, NotSent, Refused, Unknown, Written
from syncd.simulators.pictures import drawn
from syncd.simulators.server import Fault
from syncd.testing.goods import GOODS, SIMPLE
from syncd.testing.reading import read
from tests.conformance.drivers_shopify import WRITE, open_shopify

ONE, TWO = (Image(str(n), f"http://till.example/{n}.png", "Mug", drawn(n)) for n in (1, 2))
OTHER = GOODS[2].sku


@pytest.fixture
def side() -> Iterator[Any]:
    with open_shopify(GOODS) as opened:
        yield opened


def put(side: Any, sku: str, *images: Image) -> FieldsResult:
    write = FieldsWrite(side.ref(sku), {IMAGES: keys_text(one.key for one in images)}, {one.key: one for one in images})
    (result,) = side.adapter.write_fields([write])
    return result  # type: ignore[no-any-return]  # the driver is any


def uploads(side: Any) -> int:
    return len(side.server.requests(path="/staged-uploads/"))


def shown(side: Any, sku: str = SIMPLE) -> str | None:
    (listing,) = side.adapter.fetch([side.ref(sku)]).listings
    field = listing.fields.get(IMAGES)
    return None if field is None else str(field)


def test_an_image_is_uploaded_once_for_all_products(side: Any) -> None:
    for sku in (SIMPLE, OTHER):
        assert put(side, sku, ONE, TWO) == Written({IMAGES: "1\n2"})
    assert uploads(side) == 2
    assert len(side.sim.shop.files) == 2
    assert put(side, SIMPLE) == Written({IMAGES: ""})
    assert put(side, SIMPLE, TWO) == Written({IMAGES: "2"})
    assert uploads(side) == 2


def test_our_token_does_not_go_to_the_upload(side: Any) -> None:
    seen: list[Any] = []
    side.server.hooks.append(lambda request: seen.append(request) if "staged" in request.path else None)
    put(side, SIMPLE, ONE)
    assert [request.headers.get("x-shopify-access-token") for request in seen] == [None]


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "error_500_after"])
@pytest.mark.parametrize("step", range(5))
def test_whatever_answer_is_lost_the_next_try_ends_with_each_image_once(side: Any, fault: str, step: int) -> None:
    """Stage, make the file, mark the product, attach, put in order: the first image is there already."""
    put(side, SIMPLE, TWO)
    side.sim.people.add_image(SIMPLE, drawn(50))
    side.server.add_fault(Fault(fault, path=WRITE, after=step))
    result = put(side, SIMPLE, ONE, TWO)
    assert isinstance(result, NotSent if step < 3 else Unknown)
    assert put(side, SIMPLE, ONE, TWO) == Written({IMAGES: "1\n2"})
    assert side.images(SIMPLE) == [drawn(1), drawn(2), drawn(50)]
    assert len(side.sim.shop.files) == 3


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "error_500_html"])
def test_a_lost_upload_is_made_anew(side: Any, fault: str) -> None:
    side.server.add_fault(Fault(fault, path="/staged-uploads/"))
    assert isinstance(put(side, SIMPLE, ONE), NotSent)
    assert put(side, SIMPLE, ONE) == Written({IMAGES: "1"})
    assert len(side.sim.shop.files) == 1


def test_the_shop_may_be_at_work_for_some_time(side: Any) -> None:
    """On the file, and on the order: the adapter looks again."""
    side.sim.settings.work_seconds = 1.5

    def a_second_passes(_: Any) -> None:
        side.clock.seconds += 1

    side.server.hooks.append(a_second_passes)
    assert put(side, SIMPLE, ONE) == Written({IMAGES: "1"})
    assert put(side, SIMPLE, TWO, ONE) == Written({IMAGES: "2\n1"})


def test_what_takes_too_long_is_left_to_the_next_pass(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter_images, "WAITS_S", (0.01, 0.01))
    side.sim.settings.work_seconds = 30
    assert isinstance(put(side, SIMPLE, ONE), NotSent)
    assert shown(side) == ""
    side.clock.seconds += 31
    assert put(side, SIMPLE, ONE) == Written({IMAGES: "1"})
    assert isinstance(put(side, SIMPLE, TWO, ONE), NotSent)
    side.clock.seconds += 31
    assert isinstance(put(side, SIMPLE, TWO, ONE), Unknown)  # its job is not done yet
    side.clock.seconds += 31
    assert shown(side) == "2\n1"
    assert uploads(side) == 2


def test_a_file_that_the_search_does_not_find_yet_is_not_made_twice(side: Any) -> None:
    put(side, SIMPLE, ONE)
    side.sim.settings.index_lag_seconds = 60
    assert isinstance(put(side, OTHER, ONE), NotSent)
    side.clock.seconds += 61
    assert put(side, OTHER, ONE) == Written({IMAGES: "1"})
    assert len(side.sim.shop.files) == 1


def test_two_keys_with_one_content_are_one_image(side: Any) -> None:
    twin = Image("9", "http://till.example/9.png", "Mug", ONE.content)
    assert put(side, SIMPLE, ONE, TWO, twin) == Written({IMAGES: "1\n2"})
    assert side.images(SIMPLE) == [drawn(1), drawn(2)]


def test_an_image_that_a_person_takes_away_or_puts_elsewhere_is_seen(side: Any) -> None:
    """By id and in the changes at once; all of them together only if number or cover are others."""
    put(side, SIMPLE, ONE, TWO)
    product = side.sim.people.product(SIMPLE)
    product.images.reverse()
    assert shown(side) == "2\n1"
    assert read(side.adapter.read_all()).sku(SIMPLE).fields[IMAGES] == "2\n1"
    del product.images[1]
    side.sim.people.add_image(SIMPLE, drawn(60))
    assert shown(side) == "2"


def test_a_crash_before_images_are_taken_away_leaves_none_as_the_shops_own(side: Any) -> None:
    """The product is marked first, and the mark names what is still there."""
    put(side, SIMPLE, ONE, TWO)
    side.server.add_fault(Fault("lost_before", path=WRITE, after=1))
    assert isinstance(put(side, SIMPLE, TWO), Unknown)
    assert shown(side) == "1\n2"
    assert put(side, SIMPLE, TWO) == Written({IMAGES: "2"})
    assert side.images(SIMPLE) == [drawn(2)]


def test_without_the_right_images_are_left_alone() -> None:
    scopes = "write_products,write_inventory,read_locations,read_orders"
    with open_shopify(GOODS, settings={"scopes": scopes}) as side:
        read(side.adapter.read_all())
        assert IMAGES not in side.adapter.capabilities.fields
        (line,) = (one for one in side.adapter.check().lines if one.subject == "images")
        assert line.ok
        assert "write_files" in line.message


def test_a_file_that_the_shop_cannot_use_is_refused(side: Any) -> None:
    broken = Image("8", "", "Mug", b"GIF89a")
    side.sim.settings.work_seconds = 0
    assert put(side, SIMPLE, broken) == Written({IMAGES: "8"})
    side.sim.shop.files[next(iter(side.sim.shop.files))].failed = True
    assert isinstance(put(side, OTHER, broken), Refused)


def test_a_file_that_vanishes_between_two_questions_is_brought_anew(side: Any) -> None:
    """Somebody deletes it just after the shop has named it: that says nothing against the image."""
    put(side, SIMPLE, ONE)
    deleted: list[int] = []

    def delete_it(request: Any) -> None:
        if b"FileStates" in request.body and not deleted:
            deleted.extend(side.sim.shop.files)
            side.sim.shop.files.clear()

    side.server.hooks.append(delete_it)
    result = put(side, OTHER, ONE)
    assert deleted
    assert isinstance(result, NotSent)
    assert "deleted" in result.reason
    assert put(side, OTHER, ONE) == Written({IMAGES: "1"})
    assert uploads(side) == 2
