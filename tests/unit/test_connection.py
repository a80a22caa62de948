"""What adapters over HTTP share, and what stands in for methods that a side does not promise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from syncd.adapters.base import PlainSide
from syncd.adapters.connection import ConnectionSettings
from syncd.core.model import ListingRef
from syncd.core.products import NewProduct, Product, Way
from syncd.errors import StateError

NEW = NewProduct("mark", Product("1", "Mug", ()))


@pytest.mark.parametrize(
    "url",
    ["shop.example", "ftp://shop.example", "https://", "https://me:secret@shop.example", "https://x.example/?a=1"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match=r"must (be an address|not contain)"):
        ConnectionSettings(url=url)


def test_an_address_loses_its_slash() -> None:
    assert ConnectionSettings(url=" https://shop.example/sub/ ").url == "https://shop.example/sub"


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="tokn"):
        ConnectionSettings.model_validate({"url": "https://shop.example", "tokn": "x"})


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("read_events", lambda side: side.read_events(datetime.now(UTC))),
        ("write_fields", lambda side: side.write_fields([])),
        ("read_product", lambda side: side.read_product("1")),
        ("read_image", lambda side: side.read_image("https://shop.example/1.png")),
        ("bring_images", lambda side: side.bring_images(NEW)),
        ("create_product", lambda side: side.create_product(NEW)),
        ("find_product", lambda side: side.find_product(NEW, datetime.now(UTC))),
        ("withdraw", lambda side: side.withdraw(ListingRef("1"), Way.DELETE)),
    ],
)
def test_what_a_side_does_not_promise_is_an_error_and_no_answer(method: str, call: Callable[[PlainSide], Any]) -> None:
    with pytest.raises(StateError, match=f"{method} was called"):
        call(PlainSide())
