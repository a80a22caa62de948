"""Images of the till that are hard to carry over, between the two simulated sides."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from syncd.simulators.pictures import drawn
from syncd.simulators.server import Fault
from tests.crossing.pair import Pair, open_pair

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.state.engine import Database


def picture(number: int) -> str:
    return b64encode(drawn(number)).decode()


def offer(pair: Pair, *skus: str) -> None:
    for sku in skus:
        pair.till.create_product(sku, sku, 5, "9.99", in_shop=True)
        pair.shop.people.create_product(sku, sku, 5, "9.99")
    pair.sync()


def test_two_images_that_look_the_same_are_no_finding_and_written_once(
    sqlite_database: Database, tmp_path: Path
) -> None:
    with open_pair(sqlite_database, tmp_path) as pair:
        offer(pair, "A")
        pair.till.set_images("A", [picture(1), picture(1)])
        pair.sync()
        before = pair.now()
        pair.sync()
        pair.poll(full=True)
        assert pair.writes(before) == {"till": [], "shop": []}
        assert pair.findings() == []
        assert pair.shop.people.fields()["A"]["images"] == pair.till.fields()["A"]["images"]


def keys(pair: Pair, sku: str) -> list[str]:
    """Which of the till's images a product of the shop shows, by where they were loaded from."""
    rows = [pair.shop.shop.attachments[image["id"]] for image in pair.shop.shop.with_sku(sku)[0].images]
    return [row["loaded_from"].rpartition("/")[2].partition("_")[0] for row in rows]


@pytest.mark.parametrize("after", [0, 1], ids=["answer to the addresses", "numbers"])
def test_images_that_the_shop_fetches_are_not_mixed_up_after_a_lost_answer(
    sqlite_database: Database, tmp_path: Path, after: int
) -> None:
    """A person moves them meanwhile, and the till takes one away: it is that one which leaves the shop."""
    with open_pair(sqlite_database, tmp_path, brings_images=False) as pair:
        offer(pair, "A")
        (product,) = pair.shop.shop.with_sku("A")
        number = rf"/products/{product.id}\b"
        pair.shop_server.add_fault(Fault("lost_before" if after else "lost_after", "POST", number, after=after))
        ids = pair.till.set_images("A", [picture(1), picture(2), picture(3)])["images"]
        pair.poll()
        assert len(product.images) == 3
        pair.shop.people.order_images("A", [image["id"] for image in reversed(product.images)])
        pair.till.set_images("A", [picture(1), picture(3)])
        pair.sync(4)
        assert keys(pair, "A") == [str(ids[0]), str(ids[2])]
        assert len(pair.shop.shop.attachments) == 3
        assert pair.findings() == []
        before = pair.now()
        pair.sync()
        assert pair.writes(before) == {"till": [], "shop": []}


def test_images_of_which_nobody_knows_whose_they_are_are_told_of(sqlite_database: Database, tmp_path: Path) -> None:
    """They are left alone until a person has taken them away in the shop; then the till's come."""
    with open_pair(sqlite_database, tmp_path, brings_images=False) as pair:
        offer(pair, "A")
        (product,) = pair.shop.shop.with_sku("A")
        pair.shop_server.add_fault(Fault("lost_after", "POST", rf"/products/{product.id}\b"))
        (key,) = pair.till.set_images("A", [picture(1)])["images"]
        pair.poll()
        (image,) = product.images
        image["name"] = "Mug in the sun"
        pair.sync(4)
        assert [each["id"] for each in product.images] == [image["id"]]
        ((kind, message),) = pair.findings()
        assert (kind, "images_unknown" in message) == ("field_refused", True)
        before = pair.now()
        pair.sync()
        assert pair.writes(before)["shop"] == []
        pair.shop.people.remove_image("A", image["id"])
        pair.sync()
        assert (keys(pair, "A"), pair.findings()) == ([str(key)], [])


UNFIT = [
    pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(21 * 1024 * 1024), "larger than 20971520 bytes", id="too large"),
    pytest.param(b"<html>Please log in</html>", "is no PNG, JPEG, GIF or WebP", id="no image"),
]


@pytest.mark.parametrize(("content", "words"), UNFIT)
def test_an_image_that_no_shop_takes_is_told_of_and_fetched_once(
    sqlite_database: Database, tmp_path: Path, content: bytes, words: str
) -> None:
    with open_pair(sqlite_database, tmp_path) as pair:
        offer(pair, "A", "B")
        (key,) = pair.till.set_images("A", [b64encode(content).decode()])["images"]
        pair.till.set_images("B", [picture(1)])
        pair.sync(4)
        assert sum(f"/{key}_" in record.target for record in pair.till_server.requests()) == 1
        ((kind, message),) = pair.findings()
        assert (kind, words in message) == ("field_refused", True), message
        assert pair.shop.people.fields()["B"]["images"] == pair.till.fields()["B"]["images"]
        pair.till.set_images("A", [picture(2)])
        pair.sync()
        assert pair.findings() == []
        assert pair.shop.people.fields()["A"]["images"] == pair.till.fields()["A"]["images"]
