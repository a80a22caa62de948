"""The daemon as its own process against servers that were written from the vendors' contracts alone."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.acceptance import Stage, terminated, until
from tests.support.contract_http import Call


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Eight linked products with 20 units each, and a group of five variations."""
    with Stage(tmp_path) as made:
        made.stock(8, 1, till=lambda _n: 20, shop=lambda _n: 20)
        made.syncd("sync")
        made.later()
        made.forget_calls()
        yield made


def _settled(stage: Stage, **expected: int) -> bool:
    """Whether both sides have the expected quantities, by SKU (``S_1``) and nothing is in doubt."""
    wanted = {code.replace("_", "-"): units for code, units in expected.items()}
    till, shop = stage.till.quantities(), stage.shop.stocks()
    right = all(till[code] == units == shop[code] for code, units in wanted.items())
    return right and not stage.rows("SELECT 1 FROM operations WHERE state NOT IN ('confirmed', 'cancelled')")


def test_sigterm_ends_within_ten_seconds_while_sides_are_slow(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Stage(tmp_path_factory.mktemp("reading")) as other:
        other.stock(2, till=lambda _n: 5, shop=lambda _n: 5)
        booking = stage.till.hold("PUT", "adjust_inventory", after_effect=True)
        reading = other.till.hold("GET", "/products/delta/modified/")
        stage.shop.order({stage.in_shop("S-1"): 3})
        daemons = stage.daemon(), other.daemon()
        assert booking.reached.wait(30)
        assert reading.reached.wait(30)
        for daemon in daemons:
            daemon.terminate()
        began = time.monotonic()
        assert [daemon.wait(30) for daemon in daemons] == [0, 0]
        assert time.monotonic() - began < 10
        booking.release.set()
    # The booking took effect although its answer was never seen: it must not be repeated.
    stage.daemon()
    until(lambda: _settled(stage, S_1=17), "the lost answer is settled")
    assert [units for _, units, _ in stage.till.bookings] == [-3]


def test_a_second_daemon_takes_over_after_kill_9(stage: Stage) -> None:
    first, second = stage.daemon(), stage.daemon()
    until(lambda: "daemon.standby" in stage.daemon_log(0) + stage.daemon_log(1), "one of them stands by")
    leads = 1 if "daemon.standby" in stage.daemon_log(0) else 0
    leader, follower = (first, second) if leads == 0 else (second, first)
    booking = stage.till.hold("PUT", "adjust_inventory", after_effect=True)
    stage.shop.order({stage.in_shop("S-2"): 5})
    assert booking.reached.wait(30)
    leader.kill()
    leader.wait()
    booking.release.set()
    stage.shop.order({stage.in_shop("S-3"): 1})
    stage.till.sell(stage.at_till("G-0-1"), 2)
    until(lambda: _settled(stage, S_2=15, S_3=19, G_0_1=18), "the other daemon has taken over and settled")
    assert sorted(units for _, units, _ in stage.till.bookings) == [-5, -1]
    assert terminated(follower) < 10


def test_kill_9_and_restart_counts_everything_once(stage: Stage) -> None:
    write = stage.shop.hold("POST", "/products/", after_effect=True)
    stage.till.sell(stage.at_till("S-4"), 6)
    daemon = stage.daemon()
    assert write.reached.wait(30)
    daemon.kill()
    daemon.wait()
    write.release.set()
    stage.shop.order({stage.in_shop("S-4"): 1})
    stage.daemon()
    until(lambda: _settled(stage, S_4=13), "the write is settled by its marker, the order is counted")


def test_sync_beside_a_daemon_says_what_to_do_and_writes_nothing(stage: Stage) -> None:
    stage.daemon()
    until(lambda: "daemon.started" in stage.daemon_log(0), "the daemon works")
    stage.shop.order({stage.in_shop("S-5"): 1})
    until(lambda: _settled(stage, S_5=19), "the daemon carries the order")
    stage.forget_calls()
    refused = stage.syncd("sync", code=1)
    assert "stop the daemon first" in refused.err
    assert stage.writes() == 0
    assert "daemon: at work" in stage.syncd("status").out


def test_sales_between_any_two_requests_and_lost_answers_are_counted_once(tmp_path: Path) -> None:
    """Random trade and faults for some passes, then calm: both sides hold the sum of the events.

    Bookings at the till are spared from faults: it has no markers, so that an unlucky sale beside a lost answer may
    rightly leave a booking to a person.
    """
    dice = random.Random(20)  # noqa: S311 - a repeatable day, no secret
    with Stage(tmp_path) as stage:
        stage.stock(6, 1, till=lambda _n: 200, shop=lambda _n: 200)
        stage.syncd("sync")
        ids = [(stage.at_till(code), stage.in_shop(code)) for code in (*(f"S-{n}" for n in range(6)), "G-0-1")]
        sums = dict.fromkeys(range(len(ids)), 200)

        def trade(_call: Call) -> None:
            if dice.random() > 0.3:
                return
            which, units = dice.randrange(len(ids)), dice.randint(1, 3)
            with stage.till.lock, stage.shop.lock:
                sums[which] -= units
                if dice.random() < 0.5:
                    stage.till.sell(ids[which][0], units)
                else:
                    stage.shop.order({ids[which][1]: units})

        def trouble(call: Call) -> str:
            if "token" in call.path or call.method == "PUT" or dice.random() > 0.1:
                return ""
            return dice.choice(["busy", "lost request", "lost answer", "cut"])

        for server in (stage.till, stage.shop):
            server.before, server.fault = trade, trouble
        for _ in range(4):
            stage.syncd("sync", code=None)
        for server in (stage.till, stage.shop):
            server.calm()
        for _ in range(3):
            time.sleep(1)  # the longest that a lost request may still be at work, by the configuration
            stage.syncd("sync", code=None)
        till, shop = stage.till.products, stage.shop.products
        assert {which: till[ids[which][0]].quantity for which in sums} == sums
        assert {which: shop[ids[which][1]].stock for which in sums} == sums
