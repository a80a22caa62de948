"""What whole histories of the engine (tests/property) found, as the smallest case of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.core.model import ChangePage, Cursor
    from syncd.state.engine import Database


def test_a_page_that_was_cached_when_its_read_began_is_held_however_long_the_read_took(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    till, web = account.worlds["till"], account.worlds["web"]
    till.sell("t-A", 2)
    account.poll("till", "web")
    side = account.workers["web"].side.adapter
    read = side.read_changes

    def slowly(cursor: Cursor) -> Iterator[ChangePage]:
        pages = list(read(cursor))
        account.clock.advance(15)
        yield from pages

    monkeypatch.setattr(side, "read_changes", slowly)
    web.stale = True
    account.clock.advance(2)
    account.poll("web")
    assert [m.cause for m in account.movements()] == ["opening", "change"]
    assert account.on_hand("A") == web.quantity("w-A") == 8


def test_a_cached_page_with_a_sale_that_our_write_met_is_held(database: Database) -> None:
    """Before our write the shop held 9, for a sale had just come in; its cache shows these 9, not the 10 we knew."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    till, web = account.worlds["till"], account.worlds["web"]
    till.sell("t-A", 2)
    account.poll("till")
    web.sell("w-A", 1)
    account.poll("web", kind="push")
    assert account.on_hand("A") == 7
    web.stale = True
    account.clock.advance(2)
    account.poll("web")
    assert account.on_hand("A") == 7
    account.settle_down()
    assert account.on_hand("A") == web.quantity("w-A") == till.quantity("t-A") == 7


def test_a_first_pass_that_failed_after_reading_does_not_stop_the_next_ones(database: Database) -> None:
    """No pass had ended well yet when the first document came."""
    account = Account(database)
    till, web = account.add_side("till", "hub"), account.add_side("web")
    till.put("t-A", 10, sku="A")
    web.put("w-A", 4, sku="A")
    account.poll("till")
    web.faults.append("refused_connection")
    assert account.poll("web")[0].error is not None
    web.sell("w-A", 1, reference="501")
    account.poll("web")
    account.settle_down()
    assert account.on_hand("A") == web.quantity("w-A") == till.quantity("t-A") == 9


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_a_return_from_before_a_long_silence_is_known_to_a_doubt(database: Database, fault: str) -> None:
    """A side that was away for an hour is written to before it was read again; its documents of that hour count."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    till, web = account.worlds["till"], account.worlds["web"]
    account.settle_down()
    account.clock.advance(20)
    till.sell("t-A", -2, reference="16")
    account.clock.advance(4000)
    web.sell("w-A", 1, reference="17")
    account.poll("web")
    till.faults.append(fault)
    account.workers["till"].run("push", "test")
    till.count("t-A", till.quantity("t-A") + 5)
    account.clock.advance(61)
    account.poll("till")
    till.count("t-A", till.quantity("t-A") - 5)
    account.settle_down(3)
    assert account.findings() == []
    assert account.on_hand("A") == till.quantity("t-A") == web.quantity("w-A") == 11
