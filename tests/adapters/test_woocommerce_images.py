"""How images reach a WooCommerce shop: by bytes into its library, or by an address that it fetches itself."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator

import pytest

from syncd.adapters.woocommerce.image_note import META_KEY, title_of
from syncd.core.fields import IMAGES
from syncd.core.images import Image, keys_text
from syncd.core.model import FieldsResult, FieldsWrite, ListingRef, NotSent, Refused, Unknown, Written
from syncd.errors import OutcomeUnknown
from syncd.simulators.pictures import drawn
from syncd.simulators.server import Fault
from tests.support.woocommerce import Shop, by_sku, simulated

PICTURES = {
    key: Image(key, f"http://till.example/uploads/{key}_original.png", "Mug", drawn(int(key))) for key in "1234"
}
MEDIA = {"media_user": "shopadmin", "media_password": "simu late dpas swor d000 0000"}


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Syncd brings bytes."""
    with simulated(adapter=MEDIA) as shop:
        yield shop


@pytest.fixture
def fetching() -> Iterator[Shop]:
    """The shop fetches."""
    with simulated() as shop:
        yield shop


def simple(shop: Shop) -> tuple[str, ListingRef]:
    """SKU and address of a product without variations."""
    sku = next(sku for sku in sorted(shop.sim.people.stock()) if not sku.startswith("V-"))
    return sku, by_sku(shop.read_all(), sku).ref


def write(shop: Shop, ref: ListingRef, *keys: str) -> FieldsResult:
    (result,) = shop.adapter.write_fields([FieldsWrite(ref, {IMAGES: keys_text(keys)}, PICTURES)])
    return result


def contents(shop: Shop, sku: str) -> list[bytes]:
    return [shop.sim.shop.files[image["src"]] for image in shop.sim.shop.with_sku(sku)[0].images]


def meta(shop: Shop, sku: str) -> object:
    entries = [entry for entry in shop.sim.shop.with_sku(sku)[0].meta if entry["key"] == META_KEY]
    return json.loads(entries[-1]["value"]) if entries else None


def uploads(shop: Shop) -> int:
    return sum(record.method == "POST" and "media" in record.target for record in shop.server.requests())


def test_an_unchanged_image_costs_no_byte(shop: Shop) -> None:
    sku, ref = simple(shop)
    write(shop, ref, "1", "2")
    assert uploads(shop) == 2
    write(shop, ref, "2", "1")
    write(shop, ref, "1")
    assert uploads(shop) == 2
    assert contents(shop, sku) == [drawn(1)]


def test_the_same_content_for_another_product_is_not_sent_again(shop: Shop) -> None:
    _, ref = simple(shop)
    write(shop, ref, "1")
    other = next(one for one in by_id(shop).values() if one != ref)
    assert write(shop, other, "1") == Written({IMAGES: "1"})
    assert uploads(shop) == 1


def by_id(shop: Shop) -> dict[str, ListingRef]:
    skus = [sku for sku in sorted(shop.sim.people.stock()) if not sku.startswith("V-")]
    pages = shop.read_all()
    return {sku: by_sku(pages, sku).ref for sku in skus}


@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "error_500_html"])
def test_an_upload_whose_answer_is_lost_leaves_one_image(shop: Shop, fault: str) -> None:
    """The product was not touched, so the write counts as not sent; the next try finds what is there."""
    sku, ref = simple(shop)
    shop.server.add_fault(Fault(fault, "POST", "/media"))
    assert isinstance(write(shop, ref, "1"), NotSent)
    assert contents(shop, sku) == []
    assert write(shop, ref, "1") == Written({IMAGES: "1"})
    assert contents(shop, sku) == [drawn(1)]
    assert len(shop.sim.shop.attachments) == 1


def test_a_wrong_password_is_refused_with_what_to_do() -> None:
    with simulated(adapter={**MEDIA, "media_password": "wrong"}) as shop:
        _, ref = simple(shop)
        result = write(shop, ref, "1")
        assert isinstance(result, Refused)
        assert "media_user and media_password" in result.message
        (line,) = (line for line in shop.adapter.check().lines if line.subject == "images")
        assert (line.ok, "media_password" in line.message) == (False, True)


def test_a_user_who_may_not_upload_is_named_by_check() -> None:
    with simulated(adapter=MEDIA, user_may_upload=False) as shop:
        (line,) = (line for line in shop.adapter.check().lines if line.subject == "images")
        assert (line.ok, line.message) == (False, "the user may not upload files")


def test_check_says_how_images_travel(shop: Shop, fetching: Shop) -> None:
    lines = [line for each in (shop, fetching) for line in each.adapter.check().lines if line.subject == "images"]
    assert [line.ok for line in lines] == [True, True]
    assert lines[0].message == "may be uploaded"
    assert "media_user" in lines[1].message


def test_the_shop_fetches_from_the_tills_address(fetching: Shop) -> None:
    """The request that names the addresses says which image is which; the next one names them by number."""
    sku, ref = simple(fetching)
    sent = fetching.counting()
    assert write(fetching, ref, "1", "2") == Written({IMAGES: "1\n2"})
    assert [record.method for record in sent()] == ["GET", "POST", "POST"]
    kept = meta(fetching, sku)
    assert isinstance(kept, dict)
    assert list(kept.values()) == ["1", "2"]
    loaded = [row["loaded_from"] for row in fetching.sim.shop.attachments.values()]
    assert loaded == [PICTURES["1"].address, PICTURES["2"].address]
    assert write(fetching, ref, "2", "3") == Written({IMAGES: "2\n3"})
    assert len(fetching.sim.shop.attachments) == 3


def test_a_fetch_whose_answer_is_lost_loads_nothing_twice(fetching: Shop) -> None:
    """What is undone is another value than any that the till can show: it is written once more."""
    sku, ref = simple(fetching)
    fetching.server.add_fault(Fault("lost_after", "POST", f"/products/{ref.external_id}"))
    assert isinstance(write(fetching, ref, "1", "2"), Unknown)
    assert by_sku(fetching.read_all(), sku).fields[IMAGES] == "1\n2\n?", "known by their titles"
    assert write(fetching, ref, "2", "1") == Written({IMAGES: "2\n1"})
    assert by_sku(fetching.read_all(), sku).fields[IMAGES] == "2\n1"
    assert len(fetching.sim.shop.attachments) == 2
    assert titles(fetching, sku) == [fetching.sim.shop.with_sku(sku)[0].name] * 2, "titles are for people in the end"


def titles(shop: Shop, sku: str) -> list[str]:
    return [str(image["name"]) for image in shop.sim.shop.with_sku(sku)[0].images]


def loaded(shop: Shop, sku: str) -> list[str]:
    """Keys of the addresses that a product's images were loaded from, in order."""
    numbers = [image["id"] for image in shop.sim.shop.with_sku(sku)[0].images]
    addresses = {image.address: key for key, image in PICTURES.items()}
    return [addresses[shop.sim.shop.attachments[number]["loaded_from"]] for number in numbers]


def lose(shop: Shop, ref: ListingRef, skip: int) -> FieldsResult | Exception:
    """Write three images; the answer to the first request, or the whole second one, is lost."""
    shop.server.add_fault(
        Fault("lost_before" if skip else "lost_after", "POST", f"/products/{ref.external_id}", after=skip)
    )
    try:
        return write(shop, ref, "1", "2", "3")
    except OutcomeUnknown as error:
        return error


@pytest.mark.parametrize("skip", [0, 1], ids=["answer to the addresses", "numbers"])
def test_images_that_a_person_moves_after_a_lost_answer_are_not_mixed_up(fetching: Shop, skip: int) -> None:
    sku, ref = simple(fetching)
    lose(fetching, ref, skip)
    numbers = [image["id"] for image in fetching.sim.shop.with_sku(sku)[0].images]
    assert len(numbers) == 3
    fetching.sim.people.order_images(sku, [numbers[2], numbers[0], numbers[1]])
    assert by_sku(fetching.read_all(), sku).fields[IMAGES] == "3\n1\n2\n?"
    assert write(fetching, ref, "2", "3") == Written({IMAGES: "2\n3"})
    assert loaded(fetching, sku) == ["2", "3"]
    assert len(fetching.sim.shop.attachments) == 3


def test_images_that_nobody_can_tell_apart_are_left_alone_and_told_of(fetching: Shop) -> None:
    """A plugin gives them titles of its own: the till's may be among them, so none is taken away and none is loaded."""
    sku, ref = simple(fetching)
    lose(fetching, ref, 0)
    product = fetching.sim.shop.with_sku(sku)[0]
    before = [dict(image) for image in product.images]
    for image in product.images:
        image["name"] = image["name"].replace(title_of("2"), "Mug in the sun")
    assert by_sku(fetching.read_all(), sku).fields[IMAGES] == "1\n3\n??"
    result = write(fetching, ref, "2", "3")
    assert isinstance(result, Refused)
    assert result.code == "images_unknown"
    assert [image["id"] for image in product.images] == [image["id"] for image in before]
    fetching.sim.people.remove_image(sku, before[1]["id"])
    assert write(fetching, ref, "2", "3") == Written({IMAGES: "2\n3"})
    assert loaded(fetching, sku) == ["2", "3"]


def test_the_shops_own_images_stay_after_a_lost_answer(fetching: Shop) -> None:
    sku, ref = simple(fetching)
    write(fetching, ref, "1")
    own = fetching.sim.people.add_image(sku, b64encode(drawn(9)).decode(), first=True)["id"]
    fetching.server.add_fault(Fault("lost_after", "POST", f"/products/{ref.external_id}"))
    assert isinstance(write(fetching, ref, "1", "2"), Unknown)
    assert write(fetching, ref, "2") == Written({IMAGES: "2"})
    images = fetching.sim.shop.with_sku(sku)[0].images
    assert images[0]["id"] == own
    assert len(images) == 2


def test_a_variation_after_a_lost_answer(fetching: Shop) -> None:
    sku = next(sku for sku in sorted(fetching.sim.people.stock()) if sku.startswith("V-"))
    ref = by_sku(fetching.read_all(), sku).ref
    fetching.server.add_fault(Fault("lost_after", "POST", f"/variations/{ref.external_id}"))
    assert isinstance(write(fetching, ref, "1"), Unknown)
    assert by_sku(fetching.read_all(), sku).fields[IMAGES] == "1\n?"
    assert write(fetching, ref, "1") == Written({IMAGES: "1"})
    assert by_sku(fetching.read_all(), sku).fields[IMAGES] == "1"
    assert len(fetching.sim.shop.attachments) == 1


def test_a_lost_answer_to_the_product_is_unknown(shop: Shop) -> None:
    sku, ref = simple(shop)
    shop.server.add_fault(Fault("lost_after", "POST", f"/products/{ref.external_id}"))
    try:
        result = write(shop, ref, "1")
    except OutcomeUnknown as error:
        result = Unknown(str(error))
    assert isinstance(result, Unknown)
    assert by_sku(shop.read_all(), sku).fields[IMAGES] == "1"


def test_an_address_that_the_shop_cannot_fetch_is_refused_with_what_to_do(fetching: Shop) -> None:
    _, ref = simple(fetching)
    near = {"1": Image("1", "http://192.0.2.10:9099/1.png", "Mug")}
    (result,) = fetching.adapter.write_fields([FieldsWrite(ref, {IMAGES: "1"}, near)])
    assert isinstance(result, Refused)
    assert "A valid URL was not provided" in result.message
    assert "media_user" in result.message


def test_a_variation_takes_the_image_that_the_shop_fetches(fetching: Shop) -> None:
    sku = next(sku for sku in sorted(fetching.sim.people.stock()) if sku.startswith("V-"))
    ref = by_sku(fetching.read_all(), sku).ref
    assert write(fetching, ref, "1") == Written({IMAGES: "1"})
    assert write(fetching, ref, "2") == Written({IMAGES: "2"})
    assert by_sku(fetching.read_all(), sku).fields[IMAGES] == "2"


@pytest.mark.parametrize("text", ["no json", "7", '"x"', "[1, 2, 3]", "null", '{"loading": 1}', '{"loading": ["1"]}'])
def test_a_damaged_note_of_what_is_whose_is_not_guessed(shop: Shop, text: str) -> None:
    """The images stay as they are; whatever the till wants, a person is told."""
    sku, ref = simple(shop)
    write(shop, ref, "1")
    product = shop.sim.shop.with_sku(sku)[0]
    shop.sim.shop.write_meta(product.meta, [{"key": META_KEY, "value": text}])
    assert by_sku(shop.read_all(), sku).fields[IMAGES] == "??"
    result = write(shop, ref, "2")
    assert isinstance(result, Refused)
    assert (result.code, contents(shop, sku)) == ("images_unknown", [drawn(1)])
    shop.sim.people.remove_image(sku, product.images[0]["id"])
    assert write(shop, ref, "2") == Written({IMAGES: "2"})


def test_what_the_owner_takes_away_is_missed_by_its_key(shop: Shop) -> None:
    sku, ref = simple(shop)
    write(shop, ref, "1", "2")
    first = shop.sim.shop.with_sku(sku)[0].images[0]["id"]
    shop.sim.people.remove_image(sku, first)
    assert by_sku(shop.read_all(), sku).fields[IMAGES] == "2"
    shop.sim.people.add_image(sku, b64encode(drawn(9)).decode())
    assert write(shop, ref, "1", "2") == Written({IMAGES: "1\n2"})
    assert contents(shop, sku) == [drawn(1), drawn(2), drawn(9)]
    assert uploads(shop) == 2


ALIKE = {key: Image(key, PICTURES["1"].address, "Mug", drawn(1)) for key in ("1", "5", "6")}


def test_images_that_look_the_same_are_two(shop: Shop) -> None:
    """Each is shown as often as at the till, and each is known by its key; nothing is sent a second time."""
    sku, ref = simple(shop)
    (result,) = shop.adapter.write_fields([FieldsWrite(ref, {IMAGES: "1\n5"}, ALIKE)])
    assert result == Written({IMAGES: "1\n5"})
    assert by_sku(shop.read_all(), sku).fields[IMAGES] == "1\n5"
    (result,) = shop.adapter.write_fields([FieldsWrite(ref, {IMAGES: "6\n1\n5"}, ALIKE)])
    assert result == Written({IMAGES: "6\n1\n5"})
    assert (uploads(shop), contents(shop, sku)) == (3, [drawn(1)] * 3)
    other = next(one for one in by_id(shop).values() if one != ref)
    (result,) = shop.adapter.write_fields([FieldsWrite(other, {IMAGES: "1\n5"}, ALIKE)])
    assert (result, uploads(shop)) == (Written({IMAGES: "1\n5"}), 3)
