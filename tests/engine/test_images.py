"""Images of the till in a shop: brought once, in order, beside those that the shop has of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.core.fields import IMAGES, NAME, Owner
from syncd.core.model import StockMode
from syncd.state.product_models import FieldWrite
from tests.support.engine import Account

if TYPE_CHECKING:
    from syncd.state.engine import Database

PNG = b"\x89PNG\r\n\x1a\n"


def account_of(database: Database, images: str = "1\n2", owner: Owner = Owner.HUB) -> Account:
    account = Account(database)
    till = account.add_side("till", "hub")
    account.add_side("web", owners={NAME: Owner.HUB, IMAGES: owner})
    till.images = {key: PNG + key.encode() for key in "1234"}
    till.put("till-1", 5, sku="LAMP", name="Lamp", fields={NAME: "Lamp", IMAGES: images})
    account.worlds["web"].put("web-1", 5, sku="LAMP", name="Lamp", fields={NAME: "Lamp", IMAGES: ""})
    account.poll()
    settle(account)
    return account


def settle(account: Account, passes: int = 3) -> None:
    for _ in range(passes):
        account.clock.advance(61)
        account.poll()


def shown(account: Account, external_id: str = "web-1") -> str:
    return account.worlds["web"].things[external_id].listing.fields[IMAGES]


def brought(account: Account) -> list[list[str]]:
    """Keys of the images that went with each write."""
    return [sorted(write.images) for write in account.worlds["web"].field_writes if IMAGES in write.values]


def test_images_arrive_in_order_with_their_content_and_once(database: Database) -> None:
    account = account_of(database)
    assert shown(account) == "1\n2"
    assert account.worlds["web"].images == {"1": PNG + b"1", "2": PNG + b"2"}
    settle(account)
    assert brought(account) == [["1", "2"]]


def test_only_what_is_new_is_brought(database: Database) -> None:
    account = account_of(database)
    account.worlds["till"].edit("till-1", images="2\n3\n1")
    settle(account)
    assert shown(account) == "2\n3\n1"
    account.worlds["till"].edit("till-1", images="1")
    settle(account)
    assert shown(account) == "1"
    assert brought(account) == [["1", "2"], ["3"], []]
    account.worlds["till"].edit("till-1", images="")
    settle(account)
    assert shown(account) == ""


def test_name_and_images_that_change_together_both_arrive(database: Database) -> None:
    account = account_of(database)
    account.worlds["till"].edit("till-1", images="3", name="Lamp, blue")
    settle(account, 4)
    assert (shown(account), account.worlds["web"].things["web-1"].listing.name) == ("3", "Lamp, blue")


def test_what_is_taken_away_in_the_shop_comes_back_and_is_noted(database: Database) -> None:
    account = account_of(database)
    account.worlds["web"].edit("web-1", images="1")
    settle(account)
    assert shown(account) == "1\n2"
    with account.db.read() as session:
        last = session.scalars(select(FieldWrite).order_by(FieldWrite.id.desc()).limit(1)).one()
    assert (last.field, last.before, last.value, last.overwrote) == (IMAGES, "1", "1\n2", True)


@pytest.mark.parametrize("owner", [Owner.SHOP, Owner.NONE])
def test_nothing_is_brought_that_the_till_does_not_own(database: Database, owner: Owner) -> None:
    account = account_of(database, owner=owner)
    assert brought(account) == []
    assert shown(account) == ""


def test_an_image_that_the_till_does_not_hand_out_is_told_of_and_tried_again(database: Database) -> None:
    account = account_of(database, images="1\n9")
    assert shown(account) == ""
    (finding,) = account.findings()
    assert (finding.kind, "image 9" in finding.message) == ("field_refused", True)
    assert brought(account) == []
    account.worlds["till"].images["9"] = PNG
    account.worlds["till"].edit("till-1", images="9\n1")
    settle(account)
    assert shown(account) == "9\n1"
    assert account.findings() == []


def test_an_image_too_large_is_told_of(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.service.image_loads.LARGEST_BYTES", 8)
    account = account_of(database)
    assert [finding.kind for finding in account.findings()] == ["field_refused"]
    assert brought(account) == []


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "late", "refused_connection"])
def test_a_fault_on_the_way_brings_every_image_once(database: Database, fault: str) -> None:
    account = account_of(database, images="")
    account.worlds["web"].field_faults = [fault]
    account.worlds["till"].edit("till-1", images="1\n2")
    settle(account, 5)
    assert shown(account) == "1\n2"
    written = [keys for keys in brought(account) if keys]
    assert written == [["1", "2"]]
    assert account.findings() == []


def test_a_variation_shows_its_first_image(database: Database) -> None:
    """A product with variations has images of its own, each variation one."""
    account = Account(database)
    till, web = account.add_side("till", "hub"), account.add_side("web", owners={IMAGES: Owner.HUB})
    till.images = {key: PNG + key.encode() for key in "1234"}
    for world, images in ((till, ("1\n2", "3")), (web, ("", ""))):
        name = world.name
        world.put(
            f"{name}-p", None, sku=None, name="Shirt", stock_mode=StockMode.GROUP, children=(f"{name}-v",),
            fields={IMAGES: images[0]},
        )  # fmt: skip
        world.put(f"{name}-v", 3, sku="V", name="Shirt red", parent=f"{name}-p", fields={IMAGES: images[1]})
    account.poll()
    settle(account)
    assert (shown(account, "web-p"), shown(account, "web-v")) == ("1\n2", "3")
    assert sorted(brought(account)) == [["1", "2"], ["3"]]
