"""Machines that share a PostgreSQL server share its clock; whoever is alone with SQLite uses its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.state.clock import DatabaseClock
from syncd.state.engine import Database

LOCAL = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
SERVER = LOCAL + timedelta(minutes=7)


class Machine:
    """Its uptime and its wall clock."""

    def __init__(self) -> None:
        self.up_s = 1000.0
        self.clock = DatabaseClock(ticks=lambda: self.up_s, local=lambda: LOCAL)

    def look(self, moment: datetime, took_s: float = 0.0) -> None:
        asked = self.up_s
        self.up_s += took_s
        self.clock.note(moment, asked, self.up_s)


def test_before_the_first_look_it_is_the_machines_own() -> None:
    assert Machine().clock() == LOCAL


def test_after_a_look_it_is_the_servers_and_goes_on_by_uptime() -> None:
    machine = Machine()
    machine.look(SERVER)
    machine.up_s += 3
    assert machine.clock() == SERVER + timedelta(seconds=3)


def test_the_answer_is_from_the_middle_of_the_time_it_took() -> None:
    machine = Machine()
    machine.look(SERVER, took_s=0.4)
    assert machine.clock() == SERVER + timedelta(seconds=0.2)


@pytest.mark.parametrize(
    ("off_s", "took_s", "moves"),
    [(0.04, 0.0, False), (0.3, 0.4, False), (0.3, 0.0, True), (-60, 0.1, True), (60, 1.5, False)],
)
def test_only_a_difference_that_is_not_the_networks_moves_it(off_s: float, took_s: float, moves: bool) -> None:
    machine = Machine()
    machine.look(SERVER)
    moment = SERVER + timedelta(seconds=took_s / 2 + off_s)
    machine.look(moment, took_s)
    told = machine.clock() - SERVER - timedelta(seconds=took_s)
    assert told.total_seconds() == pytest.approx(off_s if moves else 0)


def test_a_database_with_a_server_gives_its_time(database: Database) -> None:
    local = datetime.now(UTC)
    shifted = DatabaseClock(local=lambda: local - timedelta(days=1))
    database.now = shifted
    with database.read() as session:
        seen = database.ask_time(session)
    expected = timedelta(0) if database.dialect == "postgresql" else timedelta(days=1)
    assert abs(local - seen - expected) < timedelta(seconds=5)
    assert abs(local - database.now() - expected) < timedelta(seconds=5)
