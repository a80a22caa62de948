"""Tokens at rest: sealed, opened, moved from key to key, on both databases."""

from __future__ import annotations

import base64
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from sqlalchemy import event, select

from syncd.adapters.base import TokenPair
from syncd.errors import AuthRejected, DatabaseNotReady, LeaseLost, Transient
from syncd.state.models import Lease, TokenRow
from syncd.state.seal import Seal, SealBroken, key_id, new_key, read_key, require_keys
from syncd.state.tokens import DatabaseTokenStore, forget_lost, keep_all, turn
from tests.state.test_tokens import AuthServer
from tests.support.rows import AT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from syncd.state.engine import Database

OLD, NEW = new_key(), new_key()
PLAIN = Seal()


def seal(*keys: str) -> Seal:
    return Seal.of(*(SecretStr(key) for key in keys))


def store(database: Database, kept: Seal, side: str = "hub", seed: str = "seed") -> DatabaseTokenStore:
    return DatabaseTokenStore(database, side, seed, now=lambda: AT, seal=kept)


def rows(database: Database) -> dict[str, tuple[str, str, str]]:
    with database.read() as session:
        found = session.scalars(select(TokenRow))
        return {row.credential: (row.access_token, row.refresh_token, row.sealed_with) for row in found}


def pair(name: str) -> TokenPair:
    return TokenPair(f"access-{name}", f"refresh-{name}", AT + timedelta(hours=1), "read")


def given(database: Database, kept: Seal, *sides: str) -> None:
    for side in sides:
        store(database, kept, side).refresh(None, lambda _, side=side: pair(side))  # type: ignore[misc]


@pytest.mark.parametrize(
    "text",
    [
        lambda raw: base64.b64encode(raw).decode(),
        lambda raw: base64.urlsafe_b64encode(raw).decode() + "\n",
        lambda raw: raw.hex(),
    ],
)
def test_a_key_is_read_in_the_forms_that_tools_write(text: Callable[[bytes], str]) -> None:
    raw = bytes(range(224, 256))
    assert read_key(text(raw)) == raw


@pytest.mark.parametrize("text", ["", "password", "é" * 44, "A" * 44, "0" * 63, base64.b64encode(b"x" * 31).decode()])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="syncd db key") as caught:
        read_key(text)
    assert not text or text not in str(caught.value)


def test_with_a_key_nothing_in_the_database_shows_a_token(database: Database) -> None:
    server, kept = AuthServer("seed"), seal(NEW)
    tokens = store(database, kept)
    first = tokens.refresh(None, server.exchange)
    second = tokens.refresh(first, server.exchange)
    access, refresh, key = rows(database)["hub"]
    assert "access" not in access
    assert "refresh" not in refresh
    assert key == key_id(read_key(NEW))
    assert store(database, kept).load() == second
    assert server.asked == ["seed", "refresh-1"]


def test_the_same_token_is_never_sealed_alike(database: Database) -> None:
    given(database, seal(NEW), "hub", "main")
    one, two = (seal(NEW).close("t", "a", seal(NEW).current) for _ in range(2))
    assert one != two


def test_sealed_tokens_belong_to_their_side_and_column(database: Database) -> None:
    given(database, seal(NEW), "hub", "main")
    with database.write() as session:
        hub, main = session.get_one(TokenRow, "hub"), session.get_one(TokenRow, "main")
        hub.access_token, hub.refresh_token = main.access_token, main.refresh_token
    with pytest.raises(SealBroken, match="belongs to another side"):
        require_keys(database, seal(NEW))
    with database.write() as session:
        main = session.get_one(TokenRow, "main")
        main.access_token, main.refresh_token = main.refresh_token, main.access_token
    with pytest.raises(SealBroken, match="tokens/main/access_token"):
        store(database, seal(NEW), "main").load()


def test_what_was_changed_does_not_open(database: Database) -> None:
    given(database, seal(NEW), "hub")
    with database.write() as session:
        row = session.get_one(TokenRow, "hub")
        row.refresh_token = row.refresh_token[:-2] + ("AA" if row.refresh_token[-2:] != "AA" else "BB")
    with pytest.raises(SealBroken, match="was changed"):
        require_keys(database, seal(NEW))


@pytest.mark.parametrize("kept", [PLAIN, seal(NEW)], ids=["no key", "another key"])
def test_without_the_right_key_nothing_is_exchanged_and_nothing_lost(database: Database, kept: Seal) -> None:
    given(database, seal(OLD), "hub")
    before = rows(database)
    with pytest.raises(SealBroken) as caught:
        require_keys(database, kept)
    assert caught.value.exit_code == 78
    assert key_id(read_key(OLD)) in str(caught.value)
    assert "database_key" in str(caught.value)
    stale, server = pair("hub"), AuthServer("refresh-hub")
    actions: list[Callable[[], object]] = [
        lambda: store(database, kept).load(),
        lambda: store(database, kept).refresh(stale, server.exchange),
    ]
    for action in actions:
        with pytest.raises(DatabaseNotReady):
            action()
    assert server.asked == []
    assert rows(database) == before
    assert store(database, seal(OLD)).load() == stale


def test_plain_tokens_are_sealed_and_opened_again(database: Database) -> None:
    given(database, PLAIN, "hub", "main")
    assert rows(database)["main"] == ("access-main", "refresh-main", "")
    kept = seal(NEW)
    assert keep_all(database, kept, kept.current) == ["hub", "main"]
    assert keep_all(database, kept, kept.current) == []
    assert {row[2] for row in rows(database).values()} == {kept.current}
    assert store(database, kept, "main").load() == pair("main")
    assert keep_all(database, kept, "") == ["hub", "main"]
    assert rows(database)["main"] == ("access-main", "refresh-main", "")


def test_what_was_plain_leaves_no_trace_in_the_files(sqlite_database: Database, tmp_path: Path) -> None:
    """Long tokens have pages of their own, which SQLite frees without overwriting them."""
    long = TokenPair("PLAIN" * 4000, "PLAIN" * 900, AT, "")
    store(sqlite_database, PLAIN).refresh(None, lambda _: long)
    kept = seal(NEW)
    assert any(b"PLAINPLAIN" in file.read_bytes() for file in tmp_path.glob("syncd.db*"))
    keep_all(sqlite_database, kept, kept.current)
    assert not any(b"PLAINPLAIN" in file.read_bytes() for file in tmp_path.glob("syncd.db*"))
    assert store(sqlite_database, kept).load() == long


def test_whoever_refreshes_keeps_tokens_as_they_were_kept(database: Database) -> None:
    given(database, PLAIN, "hub")
    rotate = {"access-hub": "second", "access-second": "third"}
    for kept in (seal(NEW, OLD), PLAIN):
        tokens = store(database, kept)
        now = tokens.load()
        assert now is not None
        tokens.refresh(now, lambda _, now=now: pair(rotate[now.access_token]))  # type: ignore[misc]
        assert rows(database)["hub"][2] == ""
    old = seal(OLD)
    keep_all(database, old, old.current)
    store(database, seal(NEW, OLD)).refresh(pair("third"), lambda _: pair("fourth"))
    assert store(database, old).load() == pair("fourth")


def test_a_change_of_keys_that_stops_anywhere_opens_with_both(database: Database) -> None:
    sides = ("a", "b", "c")
    given(database, seal(OLD), *sides)
    both, statements = seal(NEW, OLD), 0

    class Stop(Exception):
        pass

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1
        if statements == limit:
            raise Stop

    event.listen(database.engine, "before_cursor_execute", count)
    limit, stops = 0, 0
    while True:
        limit, statements = limit + 1, 0
        try:
            keep_all(database, both, both.current, wait_s=0)
        except Stop:
            stops += 1
            event.remove(database.engine, "before_cursor_execute", count)
            for side in sides:
                assert store(database, both, side).load() == pair(side)
                with database.write() as session:  # the lease of who died ends by itself; here at once
                    row = session.get(Lease, f"token:{side}")
                    if row is not None:
                        row.owner = ""
            old = seal(OLD)
            keep_all(database, both, old.current)
            event.listen(database.engine, "before_cursor_execute", count)
        else:
            break
    event.remove(database.engine, "before_cursor_execute", count)
    assert stops > 10
    assert [store(database, seal(NEW), side).load() for side in sides] == [pair(side) for side in sides]


def test_keys_change_between_two_rotations_and_never_within_one(database: Database) -> None:
    given(database, seal(OLD), "hub")
    both = seal(NEW, OLD)

    def exchange(_: str) -> TokenPair:
        with pytest.raises(Transient, match="still rotating"):
            keep_all(database, both, both.current, wait_s=0)
        return pair("second")

    store(database, seal(OLD)).refresh(pair("hub"), exchange)
    assert store(database, seal(OLD)).load() == pair("second")
    with turn(database, "hub", "another", threading.Event(), 0), pytest.raises(Transient):
        keep_all(database, both, both.current, wait_s=0)
    assert keep_all(database, both, both.current) == ["hub"]


def test_only_the_leader_changes_how_tokens_are_kept(database: Database) -> None:
    given(database, PLAIN, "hub")
    database.set_fence("leader", 7)
    with pytest.raises(LeaseLost):
        keep_all(database, seal(NEW), seal(NEW).current)
    database.clear_fence()
    assert rows(database)["hub"] == ("access-hub", "refresh-hub", "")


def test_a_lost_key_is_given_up_and_the_side_authorised_again(database: Database) -> None:
    given(database, seal(OLD), "hub")
    given(database, PLAIN, "main")
    assert forget_lost(database, seal(NEW)) == ["hub"]
    assert list(rows(database)) == ["main"]
    server = AuthServer("another seed")
    with pytest.raises(AuthRejected):
        store(database, seal(NEW)).refresh(None, server.exchange)
    fresh = store(database, seal(NEW), seed="another seed").refresh(None, server.exchange)
    assert rows(database)["hub"][2] == seal(NEW).current
    assert store(database, seal(NEW)).load() in {None, fresh}


def test_a_new_token_of_a_person_replaces_what_nobody_can_open(database: Database) -> None:
    given(database, seal(OLD), "hub")
    server = AuthServer("seed-2")
    tokens = store(database, seal(NEW), seed="seed-2")
    assert tokens.load() is None
    fresh = tokens.refresh(None, server.exchange)
    assert rows(database)["hub"][2] == seal(NEW).current
    assert tokens.load() == fresh


def test_keys_are_in_no_repr() -> None:
    assert "keys" not in repr(seal(NEW))
    assert NEW not in repr(seal(NEW, OLD))
