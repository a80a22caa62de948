"""Promises about what goes wrong on the way: errors are classified, nothing is lost, repeated, invented or shown."""

from __future__ import annotations

import itertools
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from syncd.core.model import Applied, NotSent, Unknown, WriteResult
from syncd.errors import (
    AuthRejected,
    InvalidResponse,
    OutcomeUnknown,
    PermissionMissing,
    RateLimited,
    SideError,
    Stopped,
    Transient,
)
from syncd.testing.goods import GOODS, MANY, SIMPLE, VARIATION
from syncd.testing.lacking import lacking
from syncd.testing.reading import Found, assert_all_of, changes, read, read_everything, send, write
from syncd.testing.side import LONG_PAUSE_S, SHORT_PAUSE_S, Exchange, OpenSide, SideDriver, Trouble

DAMAGED = [Trouble.HTML, Trouble.WRONG_SHAPE, Trouble.EMPTY_LIST]
"""Answers that look like a success."""

PASSING = [Trouble.LOST_BEFORE, Trouble.ERROR_BEFORE, Trouble.TRUNCATED]
"""What a second try may cure."""

LOST_WRITES = {
    Trouble.LOST_BEFORE: False,
    Trouble.LOST_AFTER: True,
    Trouble.ERROR_BEFORE: False,
    Trouble.ERROR_AFTER: True,
    Trouble.HTML: False,
    Trouble.TRUNCATED: True,
    Trouble.WRONG_SHAPE: True,
    Trouble.SLOW: None,
}
"""Whether the write has taken effect; ``None``: at a time of its own."""

OTHER = GOODS[2].sku
LONGEST_S = 15.0


class FaultPromises:
    """Part of ``SideAdapterSuite``."""

    @pytest.fixture
    def wired(self, side: SideDriver) -> SideDriver:
        """A side with a wire that can be troubled; its adapter has shown its credentials once."""
        if not side.traits.wire:
            pytest.skip("no wire on this side")
        side.adapter.fetch([side.ref(SIMPLE)])
        return side

    @pytest.fixture
    def hasty(self, open_side: OpenSide) -> Iterator[SideDriver]:
        """The same, with an adapter that does not wait long for an answer."""
        with open_side(GOODS, patience_s=0.5) as side:
            if not side.traits.wire:
                pytest.skip("no wire on this side")
            side.adapter.fetch([side.ref(SIMPLE)])
            yield side

    @pytest.mark.parametrize("trouble", DAMAGED)
    def test_a_damaged_answer_never_reads_as_empty(self, wired: SideDriver, trouble: Trouble) -> None:
        """Whichever page of a full read comes damaged: a classified error, or the whole truth, never less."""
        for position in range(_reads_of(wired, full_read)):
            wired.trouble(trouble, after=position)
            assert_whole_or_error(wired, full_read)

    @pytest.mark.parametrize("trouble", DAMAGED)
    def test_answers_that_stay_damaged_are_an_error(self, wired: SideDriver, trouble: Trouble) -> None:
        """Every answer is damaged: ``InvalidResponse``, from every kind of read; one by id may do without lists."""
        cursor = read_everything(wired).cursor
        wired.receive(SIMPLE, Decimal(1))
        wired.trouble(trouble, times=-1)
        attempts: list[Callable[[], object]] = [
            lambda: list(wired.adapter.read_all()),
            lambda: list(wired.adapter.read_changes(cursor)),
            lambda: wired.adapter.fetch([wired.ref(SIMPLE)]),
        ]
        for attempt in attempts[: 2 if trouble is Trouble.EMPTY_LIST else 3]:
            with pytest.raises(InvalidResponse) as caught:
                attempt()
            assert_named(wired, caught.value)

    @pytest.mark.parametrize("trouble", DAMAGED)
    def test_a_damaged_answer_loses_no_change(self, wired: SideDriver, trouble: Trouble) -> None:
        """Whichever request of a read of changes is damaged, the same cursor brings everything the next time."""
        cursor = read_everything(wired).cursor
        wired.sell(SIMPLE, Decimal(2))
        wired.sell(VARIATION, Decimal(1))
        wired.delete(OTHER)
        whole = changes(wired, cursor)
        wired.reopen()
        for position in range(_reads_of(wired, lambda side: changes(side, cursor))):
            wired.reopen()
            wired.trouble(trouble, after=position)
            try:
                found = changes(wired, cursor)
            except SideError as error:
                assert_named(wired, error)
                wired.calm()
                found = changes(wired, cursor)
            wired.calm()
            assert_all_of(wired, found, whole)

    @pytest.mark.parametrize("trouble", PASSING)
    def test_a_passing_trouble_ends_well_or_as_transient(self, wired: SideDriver, trouble: Trouble) -> None:
        """One lost, failed or truncated answer to a read is tried again, or raised as ``Transient``."""
        wired.trouble(trouble, after=1)
        try:
            found = full_read(wired)
        except Transient as error:
            assert_named(wired, error)
        else:
            assert found.stock() == wired.stock()

    def test_a_read_that_takes_too_long_ends(self, hasty: SideDriver) -> None:
        """A slow answer is tried again, or raised as ``Transient``; it does not hold the adapter up."""
        started = time.monotonic()
        hasty.trouble(Trouble.SLOW)
        try:
            found = full_read(hasty)
        except Transient as error:
            assert_named(hasty, error)
        else:
            assert found.stock() == hasty.stock()
        assert time.monotonic() - started < LONGEST_S

    def test_a_request_to_slow_down_is_honoured(self, wired: SideDriver) -> None:
        """After 429 nothing is sent before ``Retry-After`` has passed, or the call ends with ``RateLimited``."""
        start = len(wired.exchanges())
        wired.trouble(Trouble.TOO_MANY)
        try:
            found = full_read(wired)
        except RateLimited as error:
            found, pause_s = None, error.retry_after_s
        else:
            refused, following = wired.exchanges()[start : start + 2]
            pause_s = following.at - refused.at
        assert found is None or found.stock() == wired.stock()
        assert pause_s is not None
        assert pause_s >= SHORT_PAUSE_S * 0.95

    def test_a_long_pause_is_reported_and_not_waited_for(self, wired: SideDriver) -> None:
        """A pause of an hour is the engine's business: ``RateLimited`` with the seconds."""
        wired.trouble(Trouble.TOO_MANY_FOR_LONG, times=-1)
        started = time.monotonic()
        with pytest.raises(RateLimited) as caught:
            list(wired.adapter.read_all())
        assert time.monotonic() - started < LONGEST_S
        assert caught.value.retry_after_s == LONG_PAUSE_S
        assert_named(wired, caught.value)

    def test_a_write_that_was_throttled_was_not_applied(self, wired: SideDriver) -> None:
        """429 to a write: ``RateLimited``; it was sent once and nothing has happened."""
        before = wired.stock()
        wired.trouble(Trouble.TOO_MANY, write=True)
        with pytest.raises(RateLimited):
            wired.adapter.write_stock([write(wired.ref(SIMPLE), 3, before=before[SIMPLE])])
        assert (wired.stock(), _writes(wired)) == (before, 1)

    @pytest.mark.parametrize("trouble", list(LOST_WRITES))
    @pytest.mark.parametrize("sku", [SIMPLE, VARIATION])
    def test_a_write_without_a_good_answer_is_unknown(self, hasty: SideDriver, trouble: Trouble, sku: str) -> None:
        """Whether it had an effect or not: the outcome is unknown, the write is sent once, and no other is."""
        before, effect = hasty.stock(), LOST_WRITES[trouble]
        hasty.trouble(trouble, write=True)
        (result,) = outcome(hasty, sku)
        assert isinstance(result, Unknown)
        assert result.reason
        assert _writes(hasty) == (0 if trouble is Trouble.SLOW else 1)
        if effect is not None:
            assert hasty.stock() == before | {sku: before[sku] - 2 * effect}
        if effect is not None and hasty.adapter.capabilities.marker:
            marker = hasty.adapter.fetch([hasty.ref(sku)]).listings[0].marker
            assert marker == ("op-1" if effect else None)

    @pytest.mark.parametrize("trouble", [Trouble.LOST_BEFORE, Trouble.LOST_AFTER, Trouble.TRUNCATED])
    def test_a_lost_answer_leaves_the_whole_call_in_doubt(self, wired: SideDriver, trouble: Trouble) -> None:
        """Of several writes, none is called applied or refused without an answer; each is sent at most once."""
        skus = [SIMPLE, GOODS[1].sku, OTHER, VARIATION]
        before = wired.stock()
        wired.trouble(trouble, write=True, times=-1)
        results = send(wired.adapter, [write(wired.ref(sku), 7, key=sku, before=before[sku]) for sku in skus])
        assert {type(result) for result in results} <= {Unknown, NotSent}
        after = wired.stock()
        for sku, result in zip(skus, results, strict=True):
            moved = after[sku] - before[sku]
            assert moved == (7 if isinstance(result, Unknown) and trouble is not Trouble.LOST_BEFORE else 0)

    def test_a_side_that_is_down(self, wired: SideDriver) -> None:
        """No connection: a write was not sent, and says so."""
        wired.reopen()
        wired.go_down()
        with pytest.raises(Transient) as caught:
            wired.adapter.write_stock([write(wired.ref(SIMPLE), 1)])
        assert_named(wired, caught.value)

    def test_expired_credentials_are_renewed(self, wired: SideDriver) -> None:
        """Where it can be done without a person, reads and writes go on, and a write is applied once."""
        if not wired.traits.renews_credentials:
            lacking(wired, "renews_credentials", "credentials of this side are renewed by people")
        before = wired.stock()[SIMPLE]
        wired.expire_credentials(for_good=False)
        assert full_read(wired).stock() == wired.stock()
        wired.expire_credentials(for_good=False)
        reports = wired.adapter.capabilities.reports_quantity
        assert outcome(wired, SIMPLE) == [Applied(before - 2 if reports else None)]
        assert wired.stock()[SIMPLE] == before - 2

    def test_credentials_that_ended_for_good(self, wired: SideDriver) -> None:
        """Reads and writes raise ``AuthRejected``, ``check`` says so; no secret shows, and nothing is written."""
        known = wired.secrets()
        before, cursor = wired.stock(), read_everything(wired).cursor
        wired.expire_credentials(for_good=True)
        for attempt in (
            lambda: list(wired.adapter.read_all()),
            lambda: list(wired.adapter.read_changes(cursor)),
            lambda: wired.adapter.fetch([wired.ref(SIMPLE)]),
            lambda: wired.adapter.write_stock([write(wired.ref(SIMPLE), 1)]),
        ):
            with pytest.raises(AuthRejected) as caught:
                attempt()
            assert_named(wired, caught.value, known)
        try:
            report = wired.adapter.check()
        except AuthRejected as error:
            assert_named(wired, error, known)
        else:
            assert not report.ok
            assert AuthRejected.exit_code in {line.exit_code for line in report.lines if not line.ok}
            assert not [secret for secret in known if secret in str(report)]
        assert wired.stock() == before

    def test_a_check_of_a_broken_side_is_no_success(self, wired: SideDriver) -> None:
        """``check`` of a side that answers with web pages says so, or raises a classified error."""
        wired.trouble(Trouble.HTML, times=-1)
        try:
            report = wired.adapter.check()
        except SideError as error:
            assert_named(wired, error)
        else:
            assert not report.ok

    def test_errors_show_no_secret(self, wired: SideDriver) -> None:
        """Neither an error's text nor those behind it hold a secret."""
        for trouble in (Trouble.HTML, Trouble.WRONG_SHAPE, Trouble.TOO_MANY_FOR_LONG):
            wired.trouble(trouble, times=-1)
            with pytest.raises(SideError) as caught:
                list(wired.adapter.read_all())
            assert_named(wired, caught.value)
            wired.calm()

    def test_a_stop_ends_reads_and_writes(self, wired: SideDriver) -> None:
        """With the stop event set nothing more is sent: ``Stopped``, or ``NotSent`` for writes."""
        before, start = wired.stock(), len(wired.exchanges())
        wired.stop.set()
        with pytest.raises(Stopped):
            list(wired.adapter.read_all())
        with pytest.raises(Stopped):
            wired.adapter.fetch([wired.ref(SIMPLE)])
        results = send(wired.adapter, [write(wired.ref(SIMPLE), 1), write(wired.ref(VARIATION), 1, key="op-2")])
        assert {type(result) for result in results} == {NotSent}
        assert (wired.stock(), len(wired.exchanges())) == (before, start)

    def test_a_process_that_may_not_write_any_more_sends_no_write(self, wired: SideDriver) -> None:
        """``may_write`` is asked for each write, and reads go on: ``Stopped`` or ``NotSent``, and nothing arrives."""
        before = wired.stock()
        list(wired.adapter.read_all())
        wired.leads = False
        results = send(wired.adapter, [write(wired.ref(SIMPLE), 1), write(wired.ref(VARIATION), 1, key="op-2")])
        assert {type(result) for result in results} == {NotSent}
        assert wired.adapter.fetch([wired.ref(SIMPLE)]).listings
        assert (wired.stock(), [one for one in wired.exchanges() if one.write]) == (before, [])
        wired.leads = True
        send(wired.adapter, [write(wired.ref(SIMPLE), 1, before=before[SIMPLE])])
        assert wired.stock() == before | {SIMPLE: before[SIMPLE] + 1}

    def test_a_stop_ends_a_wait_early(self, wired: SideDriver) -> None:
        """A stop in the middle of a pause that the side asked for is obeyed at once."""
        timers = []

        def stop_soon(_: Exchange) -> None:
            timers.append(threading.Timer(0.1, wired.stop.set))
            timers[-1].start()

        wired.trouble(Trouble.TOO_MANY, times=-1)
        wired.at_each_request(stop_soon)
        started = time.monotonic()
        with pytest.raises((Stopped, RateLimited)):
            list(wired.adapter.read_all())
        assert time.monotonic() - started < SHORT_PAUSE_S * 0.9
        for timer in timers:
            timer.join()

    def test_a_stop_between_pages_ends_the_read(self, open_side: OpenSide) -> None:
        """A stop while a read is under way ends it before its cursor."""
        with open_side(MANY) as side:
            if not side.traits.wire:
                pytest.skip("no wire on this side")
            pages = side.adapter.read_all()
            taken = list(itertools.islice(pages, 1))
            side.stop.set()
            with pytest.raises(Stopped):
                taken += list(pages)
            assert all(page.cursor is None for page in taken)


def full_read(side: SideDriver) -> Found:
    """Read everything."""
    return read(side.adapter.read_all())


def outcome(side: SideDriver, sku: str) -> list[WriteResult]:
    """Take two units out; an error says of the call what a result would say of the write."""
    try:
        return side.adapter.write_stock([write(side.ref(sku), -2, before=side.stock()[sku])])
    except OutcomeUnknown as error:
        assert_named(side, error)
        return [Unknown(error.detail)]


def assert_whole_or_error(side: SideDriver, attempt: Callable[[SideDriver], Found]) -> None:
    """A read brings everything, or raises a classified error; afterwards it works again."""
    try:
        found = attempt(side)
    except (InvalidResponse, Transient) as error:
        assert_named(side, error)
        side.calm()
        found = attempt(side)
    side.calm()
    assert found.stock() == side.stock()
    assert not found.gone


def assert_named(side: SideDriver, error: SideError, secrets: list[str] | None = None) -> None:
    """An error names its side and request, and neither it nor what is behind it shows a secret."""
    assert error.side == side.adapter.name
    assert re.match(r"[A-Z]+ \S", error.request), error.request
    assert error.detail
    assert not isinstance(error, PermissionMissing) or error.exit_code == AuthRejected.exit_code
    shown = "".join(traceback.format_exception(error)) + repr(error.__dict__)
    assert not [secret for secret in [*side.secrets(), *(secrets or [])] if secret in shown]


def _reads_of(side: SideDriver, attempt: Callable[[SideDriver], Found]) -> int:
    before = len(side.exchanges())
    attempt(side)
    return len(side.exchanges()) - before


def _writes(side: SideDriver) -> int:
    return len([exchange for exchange in side.exchanges() if exchange.write])
