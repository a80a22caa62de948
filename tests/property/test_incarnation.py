"""Invented histories of backups, restores and old copies: what is old is refused, what is sound never is."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from syncd.core.incarnation import MOST_KNOWN, Known, Seen, judge, merge, note
from syncd.errors import DatabaseOutdated
from syncd.state.witness import Witness

AT = datetime(2026, 11, 28, tzinfo=UTC)
MACHINES = ("alpha", "beta")
PROCESSES = 4


class Histories(RuleBasedStateMachine):
    """One database, two machines with two processes each, real files.

    ``age`` numbers every state that the database ever had, in the order of time: what nobody can read off a database.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="syncd-witness-"))
        self.lives = 1
        self.now = Seen("life 1", 0, AT)
        self.age: dict[tuple[str, int], int] = {("life 1", 0): 0}
        self.newest = self.now
        self.copies = [self.now]
        self.processes = [self.started(number) for number in range(PROCESSES)]

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def file(self, number: int) -> Path:
        folder = self.folder / MACHINES[number % len(MACHINES)]
        folder.mkdir(exist_ok=True)
        return folder / "syncd.witness"

    def started(self, number: int) -> Witness:
        return Witness(self.file(number))

    def become(self, state: Seen) -> None:
        self.age[state.incarnation, state.beat] = len(self.age)
        self.now = self.newest = state

    @property
    def is_old(self) -> bool:
        return self.now != self.newest

    def look(self, number: int) -> bool:
        """Whether the process works with the database; it must not if it, or its machine, knows of a later state."""
        witness = self.processes[number]
        witness.recall()
        age = self.age[self.now.incarnation, self.now.beat]
        later = [each for each in witness.known if self.age[each.incarnation, each.beat] > age]
        if self.now.incarnation != self.newest.incarnation and not any(
            each.incarnation == self.now.incarnation for each in witness.known
        ):
            return False  # no promise to whoever never saw that life: it may as well be a new one (docs/guarantees.md)
        try:
            witness.refuse(self.now)
        except DatabaseOutdated:
            assert later, f"{self.now} was refused for {witness.known}"
            return False
        assert not later, f"{self.now} was not refused for {witness.known}"
        witness.saw(self.now)
        return True

    @rule(number=st.integers(0, PROCESSES - 1), keeps=st.booleans())
    def stand_by(self, number: int, keeps: bool) -> None:
        if self.look(number) and keeps:
            self.processes[number].keep(lambda: self.now)

    @precondition(lambda self: not self.is_old)
    @rule(number=st.integers(0, PROCESSES - 1), beats=st.integers(1, 3), keeps=st.booleans())
    def lead(self, number: int, beats: int, keeps: bool) -> None:
        assert self.look(number)
        for _ in range(beats):
            self.become(Seen(self.now.incarnation, self.now.beat + 1, AT + timedelta(seconds=len(self.age))))
        self.processes[number].saw(self.now)
        if keeps:
            self.processes[number].keep(lambda: self.now)

    @rule()
    def copy(self) -> None:
        self.copies.append(self.now)

    @rule(data=st.data())
    def put_a_copy_in_place(self, data: Any) -> None:
        self.now = data.draw(st.sampled_from(self.copies))

    @rule()
    def restore(self) -> None:
        """``syncd db restore``, of whatever is there or of any backup: it is the same to all who look."""
        self.lives += 1
        self.become(Seen(f"life {self.lives}", 0, AT))

    @rule(number=st.integers(0, PROCESSES - 1))
    def kill(self, number: int) -> None:
        self.processes[number] = self.started(number)

    @rule(number=st.integers(0, PROCESSES - 1), content=st.sampled_from([None, b"", b'{"form": 1, "known": [["li']))
    def lose_the_file(self, number: int, content: bytes | None) -> None:
        file = self.file(number)
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    known: Known = ()
    for number in range(3 * MOST_KNOWN):
        known = note(known, Seen(str(number), number))
        assert judge(known, Seen(str(number), number)) is None
    assert len(known) == MOST_KNOWN
    assert len(merge(known[:3], known)) == len(merge(known, known[:3])) == MOST_KNOWN
    assert judge(known, Seen(str(3 * MOST_KNOWN - 2), 0)) is not None
