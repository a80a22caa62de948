"""A person's word on a write in doubt: every unit is counted once, whichever word is true, whatever happens beside."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from syncd.adapters.base import Capabilities
from syncd.core.model import Quantity
from syncd.core.settle import Doubt, two_ways
from syncd.service.finding_story import COMMANDS, UnknownFinding, tell_finding
from syncd.service.resolve import NotResolvable, resolve, ways_of
from syncd.state.models import Finding, Side
from tests.docs.pages import ROOT, table
from tests.support.engine import HUB, Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.core.model import FetchResult, ListingRef
    from syncd.state.engine import Database

PLAIN = Capabilities(relative=True, fractions=True)


def parked(db: Database, fault: str, *, sold: int = 4, besides: int = 1, till: Capabilities = PLAIN) -> Account:
    """10 of A; the shop sold ``sold``, the till's answer was lost, and the till sold ``besides`` without a document."""
    account = Account(db)
    world, web = account.add_side("till", "hub", capabilities=till), account.add_side("web")
    for sku in "AB":
        world.put(f"t-{sku}", 10, sku=sku)
        web.put(f"w-{sku}", 10, sku=sku)
    account.poll()
    account.poll()
    web.sell("w-A", sold)
    world.faults.append(fault)
    account.poll("web", "till")
    world.sell("t-A", besides)
    account.settle_down()
    world.sell("t-B", 1)
    account.poll()
    account.poll()  # the feed has gone on: it does not speak of A again
    assert [finding.kind for finding in account.findings()] == ["parked"]
    return account


def truth(account: Account) -> bool:
    """Whether the write in doubt took effect: the till's own books know."""
    (operation,) = account.operations("parked")
    return any(write.operation_id == operation.uid for write in account.worlds["till"].writes)


def current_write_seq(db: Database, side_id: int) -> int:
    with db.read() as session:
        return session.get_one(Side, side_id).write_seq


def same_everywhere(account: Account, quantity: int) -> None:
    assert account.on_hand("A") == quantity
    assert account.worlds["till"].quantity("t-A") == account.worlds["web"].quantity("w-A") == quantity
    assert account.findings() == []
    assert account.operations("parked") == account.operations("unknown") == []
    moved = sum((movement.quantity for movement in account.movements()), Quantity(0))
    assert moved == quantity + account.on_hand("B")


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
@pytest.mark.parametrize("besides", [1, 3, -2])
def test_the_true_word_counts_every_unit_once(database: Database, fault: str, besides: int) -> None:
    account = parked(database, fault, besides=besides)
    (finding,) = account.findings()
    done = resolve(database, finding.id, applied=truth(account), now=account.clock())
    assert done.applied == (fault == "lost_after")
    account.settle_down(3)
    same_everywhere(account, 10 - 4 - besides)
    (closed,) = account.findings(closed=True)
    assert closed.closed_by == f"syncd findings resolve --{'applied' if done.applied else 'not-applied'}"
    (first, *_) = [each for each in account.operations() if each.id == done.operation]
    assert (first.state, first.settled_by) == ("confirmed" if done.applied else "cancelled", "person")


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_the_word_needs_no_read_before_the_next_push(database: Database, fault: str) -> None:
    account = parked(database, fault)
    resolve(database, account.findings()[0].id, applied=truth(account), now=account.clock())
    account.workers["till"].run("push", "test")
    account.settle_down(3)
    same_everywhere(account, 5)


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_word_while_settlement_looks_at_the_same_write(database: Database, fault: str, moment: str) -> None:
    """Settlement has read the side and is about to write down what it found; the person is faster."""
    account = parked(database, fault)
    (finding,) = account.findings()
    applied = truth(account)
    adapter = account.workers["till"].side.adapter
    original = adapter.fetch

    def person_first(refs: Sequence[ListingRef]) -> FetchResult:
        adapter.fetch = original  # type: ignore[method-assign]
        if moment == "before":
            resolve(database, finding.id, applied=applied, now=account.clock())
        seen = original(refs)
        if moment == "after":
            resolve(database, finding.id, applied=applied, now=account.clock())
        return seen

    account.worlds["till"].sell("t-A", -1)  # now the numbers agree: settlement will be sure, and must not count again
    adapter.fetch = person_first  # type: ignore[method-assign]
    account.clock.advance(130)
    account.poll("till")
    assert adapter.fetch == original, "settlement did not look"
    account.settle_down(3)
    same_everywhere(account, 6)
    (operation,) = [each for each in account.operations() if each.id == finding.operation_id]
    assert operation.settled_by == "person"


def test_a_reading_that_began_before_the_word_is_dropped(database: Database) -> None:
    account = parked(database, "lost_after")
    side = account.workers["till"].side
    before, adapter = current_write_seq(database, side.id), side.adapter
    original = adapter.read_all

    def person_meanwhile():  # type: ignore[no-untyped-def]
        pages = list(original())
        resolve(database, account.findings()[0].id, applied=True, now=account.clock())
        account.worlds["till"].sell("t-A", 1)
        yield from pages

    adapter.read_all = person_meanwhile  # type: ignore[method-assign]
    account.poll("till", kind="full")
    adapter.read_all = original  # type: ignore[method-assign]
    assert account.listing("till", "t-A").write_seq == current_write_seq(database, side.id) == before + 1
    account.settle_down(3)
    same_everywhere(account, 4)


def test_settlement_was_faster(database: Database) -> None:
    account = parked(database, "lost_after")
    (finding,) = account.findings()
    account.worlds["till"].sell("t-A", -1)
    account.settle_down(3)
    with pytest.raises(NotResolvable, match=r"closed already .* by itself.*syncd findings show"):
        resolve(database, finding.id, applied=False, now=account.clock())
    same_everywhere(account, 6)


def test_two_people_say_different_things(database: Database) -> None:
    account = parked(database, "lost_after")
    (finding,) = account.findings()
    resolve(database, finding.id, applied=True, now=account.clock())
    with pytest.raises(NotResolvable, match="by syncd findings resolve --applied"):
        resolve(database, finding.id, applied=False, now=account.clock())
    account.settle_down(3)
    same_everywhere(account, 5)


@pytest.mark.parametrize(("fault", "documented", "sold"), [("lost_before", 4, 1), ("lost_after", 1, 2)])
def test_documents_that_the_old_shadow_lacks_still_explain_the_next_doubt(
    database: Database, fault: str, documented: int, sold: int
) -> None:
    """After a person's word the shadow is as old as it was. Without its documents the next doubt would look applied."""
    account = parked(database, fault, besides=1, till=HUB)
    till, web = account.worlds["till"], account.worlds["web"]
    account.clock.advance(20)
    till.sell("t-A", documented, reference="900002")
    account.clock.advance(20)
    resolve(database, account.findings()[0].id, applied=truth(account), now=account.clock())
    web.sell("w-A", sold)
    till.faults.append("lost_before")
    account.poll("web")
    account.workers["till"].run("push", "test")
    (doubt,) = account.operations("unknown")
    unread = till.quantity("t-A") - doubt.expected_before
    assert doubt.difference == unread
    account.settle_down(2)
    for finding in account.findings():
        resolve(database, finding.id, applied=truth(account), now=account.clock())
    account.settle_down(3)
    same_everywhere(account, 10 - 4 - 1 - documented - sold)


def test_what_cannot_be_resolved_says_what_to_do(database: Database) -> None:
    account = two_sides(database, {"A": 1}, {"A": 1})
    account.worlds["web"].sell("w-A", 2)
    account.poll("web")
    (oversell,) = account.findings()
    for number, words in ((99, "there is no finding 99; `syncd findings`"), (oversell.id, "no write in doubt")):
        with pytest.raises(NotResolvable, match=words):
            resolve(database, number, applied=True, now=account.clock())
        with pytest.raises(NotResolvable, match=words):
            ways_of(database, number)


def test_the_finding_names_both_ways_in_units_and_the_commands(database: Database) -> None:
    account = parked(database, "lost_after")
    (finding,) = account.findings()
    assert "-4" in finding.message
    assert "the side held 10, -4 was sent, it reports 5" in finding.message
    applied, not_applied = f"`syncd findings resolve {finding.id} --applied`", "all of -5 happened there and is counted"
    assert f"If it was applied ({applied}), till held 6 after it, nothing is sent, and -1 that" in finding.advice
    assert f"--not-applied`), {not_applied}, and -4 is sent again" in finding.advice
    ways = ways_of(database, finding.id)
    assert ways.applied in finding.advice
    assert ways.not_applied in finding.advice
    with database.write() as session:
        session.get_one(Finding, finding.id).advice = "as an older version worded it"
    account.settle_down(2)
    (same,) = account.findings()
    assert (same.advice, same.changed_at) == (finding.advice, finding.changed_at)
    account.worlds["till"].sell("t-A", 2)
    account.settle_down(2)
    (later,) = account.findings()
    assert later.id == finding.id
    assert f"resolve {finding.id} --not-applied`), all of -7 happened there" in later.advice


@pytest.mark.parametrize(
    ("reported", "applied", "not_applied"),
    [
        (None, "till holds 7 and nothing is sent", "till holds 9 and -2 is sent again"),
        (7, "till holds 7 and nothing is sent", "all of -2 happened there and is counted, and -2 is sent again"),
        (
            9,
            "till held 7 after it, nothing is sent, and +2 that happened there besides is counted",
            "till holds 9 and -2 is sent again",
        ),
    ],
)
def test_the_two_ways_in_words(reported: int | None, applied: str, not_applied: str) -> None:
    doubt = Doubt(Quantity(9), Quantity(-2), datetime(2026, 11, 23, tzinfo=UTC))
    ways = two_ways("till", doubt, None if reported is None else Quantity(reported))
    assert (ways.applied, ways.not_applied) == (applied, not_applied)


def test_show_tells_everything_that_is_known(database: Database) -> None:
    account = parked(database, "lost_before")
    (finding,) = account.findings()
    story = tell_finding(database, finding.id)
    assert story.operation is not None
    assert story.ways is not None
    assert (story.operation.side, story.operation.state) == ("till", "parked")
    assert story.operation.difference == -4
    assert story.on_hand == 6
    assert [side.holds for side in story.sides] == [Quantity(10), Quantity(6)]
    assert story.sides[0].doubt_since == story.operation.doubted_at
    assert story.commands == [
        "syncd explain A",
        f"syncd findings resolve {finding.id} --applied",
        f"syncd findings resolve {finding.id} --not-applied",
    ]
    assert json.dumps(story.as_dict(), default=str)
    resolve(database, finding.id, applied=False, now=account.clock())
    closed = tell_finding(database, finding.id)
    assert (closed.ways, closed.commands) == (None, [])
    assert closed.closed_by == "syncd findings resolve --not-applied"
    assert closed.operation is not None
    assert closed.operation.settled_by == "person"
    with pytest.raises(UnknownFinding, match="no finding 99"):
        tell_finding(database, 99)


def test_every_kind_of_finding_has_its_commands() -> None:
    page = (ROOT / "docs" / "findings.md").read_text("utf-8")
    assert set(COMMANDS) == {cells[0].strip("`") for cells in table(page, "## Findings")}
