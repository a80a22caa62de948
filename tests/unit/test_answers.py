"""What adapters share for reading answers: strict values, and one way from a malformed one to an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from syncd.adapters import answers
from syncd.adapters.answers import Malformed, strict_pages, strictly
from syncd.adapters.connection import ByRate, ConnectionSettings, Secret, by_rate
from syncd.core.model import ChangePage, EventKind, ListingRef, StockEvent
from syncd.errors import InvalidResponse

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ROW: dict[str, Any] = {
    "text": " A ", "null": None, "number": 3, "half": Decimal("0.5"), "yes": True, "row": {}, "rows": [{}],
    "long": "x" * 256,
    "time": "2026-11-23T13:00:00+01:00", "old": "0001-01-01T00:00:00Z", "naive": "2026-11-23T13:00:00",
}  # fmt: skip


@pytest.mark.parametrize(
    ("read", "field", "value"),
    [
        (answers.text_of, "text", " A "),
        (answers.text_of, "null", ""),
        (answers.code_of, "text", "A"),
        (answers.code_of, "long", None),
        (answers.code_of, "null", None),
        (answers.flag_of, "yes", True),
        (answers.whole_of, "number", Decimal(3)),
        (answers.row_of, "row", {}),
        (answers.rows_of, "rows", [{}]),
        (answers.time_of, "time", AT),
    ],
)
def test_what_is_of_its_kind_is_read(read: Callable[..., object], field: str, value: object) -> None:
    assert read(ROW, field) == value


@pytest.mark.parametrize(
    ("read", "fields"),
    [
        (answers.text_of, ("number", "row", "missing")),
        (answers.code_of, ("number", "missing")),
        (answers.flag_of, ("number", "text", "null", "missing")),
        (answers.whole_of, ("yes", "half", "text", "null", "missing")),
        (answers.row_of, ("rows", "text", "null", "missing")),
        (answers.rows_of, ("row", "text", "null", "missing")),
        (answers.time_of, ("old", "naive", "text", "null", "missing")),
    ],
)
def test_what_is_not_is_never_guessed(read: Callable[..., object], fields: tuple[str, ...]) -> None:
    for field in fields:
        with pytest.raises(Malformed, match=field):
            read(ROW, field)


def test_a_number_beyond_what_can_be_meant_is_refused() -> None:
    assert answers.whole_of({"n": 10}, "n", most=10) == 10
    with pytest.raises(Malformed, match="n is no whole number"):
        answers.whole_of({"n": -11}, "n", most=10)


@dataclass
class Side:
    name: str = "web"
    path: str = "POST here"
    side: str = "web"
    clock_offset: timedelta = timedelta(hours=1)

    @strictly("GET list")
    def named(self, value: object) -> object:
        return answers.mapping_of(value, "the body")

    @strictly(lambda side: side.path)
    def asked(self, value: object) -> object:
        return answers.mapping_of(value, "the body")


def test_a_malformed_answer_leaves_a_method_with_side_and_request() -> None:
    assert Side().named({"a": 1}) == {"a": 1}
    with pytest.raises(InvalidResponse, match="web: GET list: the body is list instead of an object"):
        Side().named([])
    with pytest.raises(InvalidResponse, match="web: POST here: the body is int"):
        Side().asked(value=3)


def test_pages_carry_documents_by_our_clock_and_end_with_an_error_that_names_the_request() -> None:
    def pages() -> Iterator[ChangePage]:
        yield ChangePage(events=(StockEvent(ListingRef("1"), "o:1", EventKind.ORDER, "1", Decimal(-1), AT),))
        raise Malformed("half a page")

    read = strict_pages(pages(), Side(), "GET list")
    assert [event.occurred_at for event in next(read).events] == [AT - timedelta(hours=1)]
    with pytest.raises(InvalidResponse, match="web: GET list: half a page"):
        next(read)


class Settings(ConnectionSettings):
    key: Secret
    other: Secret | None = None
    taxes: ByRate = {}  # noqa: RUF012 - pydantic copies it


def test_keys_lose_their_blanks_and_rates_are_rates() -> None:
    settings = Settings.model_validate({"url": "http://x.example/", "key": " k\n", "taxes": {"5.5": "low"}})
    assert settings.key.get_secret_value() == "k"
    assert by_rate(settings.taxes) == {Decimal("5.5"): "low"}
    for wrong in ({"key": " "}, {"key": "k", "other": ""}, {"key": "k", "taxes": {"19 %": "full"}}):
        with pytest.raises(ValidationError, match=r"must not be empty|is no rate in per cent"):
            Settings.model_validate({"url": "http://x.example", **wrong})
