"""The story of an item names for every movement how it is known, and an open doubt with its beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.service.explain import explain
from tests.support.engine import two_sides

if TYPE_CHECKING:
    from syncd.state.engine import Database
    from tests.support.engine import Account


def told(account: Account) -> list[str]:
    """The texts of the movements, oldest first, without the ids of operations."""
    (story,) = explain(account.db, "A")
    uids = {operation.uid[:8] for operation in account.operations()}
    texts = [entry.text for entry in story.entries if entry.what == "movement"]
    for uid in uids:
        texts = [text.replace(uid, "UID") for text in texts]
    return texts


def test_every_movement_names_how_it_is_known(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 15}, initial_stock="shop")
    till, web = account.worlds["till"], account.worlds["web"]
    account.settle_down()
    till.sell("t-A", 1)
    account.poll("till", "web")
    web.sell("w-A", 2, reference="505")
    account.poll("web", "till")
    account.settle_down()
    web.sell("w-A", 1)
    web.miss("w-A")
    account.poll("web", kind="full")
    account.settle_down()
    till.sell("t-A", 1)
    account.poll("till")
    web.before_effect = lambda write: web.sell(write.ref.external_id, 3)
    account.workers["web"].run("push", "test")
    web.before_effect = None
    assert told(account) == [
        "opening quantity: first reading of till",
        "first link: first link: web holds 15 and its quantity counts (initial_stock)",
        "changed there: till reported -1 (delta reading)",
        "sold: web order 505 (-2)",
        "changed there: web reported -1 (sweep)",
        "changed there: till reported -1 (delta reading)",
        "changed there: web reported -3 (answer to write UID)",
    ]


def test_what_was_read_again_by_id_says_so(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.worlds["till"].sell("t-A", 2)
    account.poll("till", "web")
    account.worlds["web"].count("w-A", 10)
    account.clock.advance(2)
    account.poll("web")  # a cache, perhaps: to be read again
    account.worlds["web"].put("w-other", 1)
    account.poll("web")
    account.worlds["web"].miss("w-A")
    account.clock.advance(9)
    account.poll("web")
    assert told(account)[-1] == "changed there: web reported +2 (read again by id)"


def test_a_settlement_says_so_and_an_open_doubt_says_since_when(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.worlds["till"].sell("t-A", 2)
    account.worlds["web"].faults.append("lost_after")
    account.poll("till", "web")
    since = account.clock()
    (story,) = explain(account.db, "A")
    assert [side.doubt_since for side in story.sides] == [None, since]
    assert "in doubt" in story.sides[1].state
    account.clock.advance(5)
    account.worlds["web"].sell("w-A", 1)
    account.settle_down()
    assert told(account)[-1] == "changed there: web reported -1 (settlement of write UID)"
    (story,) = explain(account.db, "A")
    assert [side.doubt_since for side in story.sides] == [None, None]


def test_a_write_that_was_not_applied_does_not_say_that_its_mark_is_there(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.worlds["till"].sell("t-A", 2)
    account.worlds["web"].faults.append("lost_before")
    account.poll("till", "web")
    account.settle_down()
    (story,) = explain(account.db, "A")
    texts = [entry.text for entry in story.entries if entry.what == "write" and "answer was lost" in entry.text]
    assert texts == ["told to go from 10 to 8; the answer was lost, it had not been applied (its mark is not there)"]
