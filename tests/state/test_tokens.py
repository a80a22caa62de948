from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from sqlalchemy import event

from syncd.adapters.base import TokenPair
from syncd.errors import AuthRejected, DatabaseUnavailable, StateError, Stopped, Transient
from syncd.state import engine as engine_module
from syncd.state import lease
from syncd.state.engine import open_database
from syncd.state.models import TokenRow
from syncd.state.tokens import DatabaseTokenStore
from tests.support.rows import AT

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from syncd.state.engine import Database


class AuthServer:
    """Rotates refresh tokens: each may be used once; a spent or foreign one is refused."""

    def __init__(self, *valid: str) -> None:
        self.valid = set(valid)
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def exchange(self, refresh_token: str) -> TokenPair:
        with self._lock:
            self.asked.append(refresh_token)
            if refresh_token not in self.valid:
                raise AuthRejected("hub", "POST /auth/token/", "invalid_grant")
            self.valid.remove(refresh_token)
            number = len(self.asked)
            self.valid.add(f"refresh-{number}")
            return TokenPair(f"access-{number}", f"refresh-{number}", AT + timedelta(hours=number), "read write")


def store(database: Database, seed: str = "seed", **options: object) -> DatabaseTokenStore:
    return DatabaseTokenStore(database, "hub", SecretStr(seed), now=lambda: AT, **options)  # type: ignore[arg-type]


def fingerprints(database: Database) -> list[str]:
    with database.read() as session:
        return session.get_one(TokenRow, "hub").seed_fingerprint.split()


def test_the_seed_is_exchanged_once_and_what_comes_back_is_stored(database: Database) -> None:
    server = AuthServer("seed")
    tokens = store(database)
    assert tokens.load() is None
    pair = tokens.refresh(None, server.exchange)
    assert pair == TokenPair("access-1", "refresh-1", AT + timedelta(hours=1), "read write")
    assert store(database).load() == pair
    assert store(database).refresh(pair, server.exchange).access_token == "access-2"
    assert server.asked == ["seed", "refresh-1"]
    with database.read() as session:
        row = session.get_one(TokenRow, "hub")
        assert (row.generation, row.rotated_at) == (2, AT)
        assert "seed" not in row.seed_fingerprint


def test_who_comes_late_gets_what_the_first_rotated(database: Database) -> None:
    server = AuthServer("seed")
    one, two = store(database), store(database)
    stale = one.refresh(None, server.exchange)
    fresh = one.refresh(stale, server.exchange)
    assert two.refresh(stale, server.exchange) == fresh
    assert two.refresh(None, server.exchange) == fresh
    assert len(server.asked) == 2


def test_threads_with_one_or_many_stores_rotate_once(database: Database) -> None:
    server = AuthServer("seed")
    stale = store(database).refresh(None, server.exchange)
    stores = [store(database), store(database)]
    with ThreadPoolExecutor(8) as pool:
        pairs = list(pool.map(lambda n: stores[n % 2].refresh(stale, server.exchange), range(8)))
    assert set(pairs) == {stores[0].load()}
    assert server.asked == ["seed", "refresh-1"]


ROTATE = """
import sys
from pathlib import Path
from syncd.adapters.base import TokenPair
from syncd.state.engine import open_database
from syncd.state.tokens import DatabaseTokenStore
url, log = sys.argv[1:]
database = open_database(url)
tokens = DatabaseTokenStore(database, "hub", "seed")
stale = tokens.load()
print(flush=True)
sys.stdin.readline()
def exchange(refresh_token):
    with Path(log).open("a") as file:
        file.write(refresh_token + "\\n")
    return TokenPair("access-x", "refresh-x", stale.expires_at)
assert tokens.refresh(stale, exchange).access_token == "access-x"
"""


def test_processes_rotate_once(database: Database, tmp_path: Path) -> None:
    store(database).refresh(None, AuthServer("seed").exchange)
    log = tmp_path / "asked"
    url = database.engine.url.render_as_string(hide_password=False)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ROTATE, url, str(log)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        process.communicate("\n", timeout=60)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert log.read_text().split() == ["refresh-1"]


def test_the_pair_is_durable_before_anyone_gets_it(database: Database) -> None:
    server = AuthServer("seed")
    steps: list[str] = []

    def committed(connection: Connection) -> None:
        if not connection.get_execution_options().get("syncd_reading"):
            steps.append("commit")

    event.listen(database.engine, "commit", committed)

    def exchange(token: str) -> TokenPair:
        steps.append("exchange")
        return server.exchange(token)

    store(database).refresh(None, exchange)
    assert steps == ["commit", "exchange", "commit", "commit"]  # lease, tokens, release
    with database.read() as session:
        assert session.get_one(TokenRow, "hub").access_token == "access-1"


def test_no_transaction_is_open_during_the_exchange(database: Database) -> None:
    server = AuthServer("seed")

    def exchange(token: str) -> TokenPair:
        with database.write():  # would be refused inside another one, or wait for it
            pass
        return server.exchange(token)

    store(database).refresh(None, exchange)
    with database.write(), pytest.raises(StateError):
        store(database).refresh(None, server.exchange)


def test_a_new_seed_replaces_what_is_stored_and_is_never_used_twice(database: Database) -> None:
    server = AuthServer("seed", "seed-2")
    store(database).refresh(None, server.exchange)
    renewed = store(database, "seed-2")
    assert renewed.load() is None
    pair = renewed.refresh(None, server.exchange)
    assert pair.access_token == "access-2"
    assert renewed.load() == pair
    # Someone restores the old configuration: that token is spent, presenting it again could end the grant.
    assert store(database, "seed").load() == pair
    assert store(database, "seed").refresh(pair, server.exchange).access_token == "access-3"
    assert server.asked == ["seed", "seed-2", "refresh-2"]


def test_a_new_seed_that_is_refused_destroys_nothing(database: Database) -> None:
    server = AuthServer("seed")
    pair = store(database).refresh(None, server.exchange)
    tokens = store(database, "mistyped")
    assert tokens.load() is None
    refused_before = tokens.seed_refused
    assert tokens.refresh(None, server.exchange) == pair
    assert (refused_before, tokens.seed_refused) == (False, True)
    assert tokens.load() == pair
    rotated = tokens.refresh(pair, server.exchange)
    assert rotated.access_token == "access-3"
    assert server.asked == ["seed", "mistyped", "refresh-1"]
    # The stored grant works, so the refusal was about the seed: it is not tried again after a restart either.
    assert store(database, "mistyped").load() == rotated
    assert len(fingerprints(database)) == 2


def test_a_seed_refused_together_with_everything_else_is_tried_again_later(database: Database) -> None:
    store(database).refresh(None, AuthServer("seed").exchange)
    wrong_secret = AuthServer()
    tokens = store(database, "seed-2")
    with pytest.raises(AuthRejected):
        tokens.refresh(store(database).load(), wrong_secret.exchange)
    assert wrong_secret.asked == ["seed-2", "refresh-1"]
    server = AuthServer("seed-2")
    assert store(database, "seed-2").refresh(None, server.exchange).access_token == "access-1"


def test_without_any_token_the_side_needs_a_person(database: Database) -> None:
    server = AuthServer()
    with pytest.raises(AuthRejected, match="no refresh token"):
        store(database, "").refresh(None, server.exchange)
    assert server.asked == []
    with pytest.raises(AuthRejected, match="invalid_grant"):
        store(database).refresh(None, server.exchange)
    assert store(database).load() is None


def test_without_a_seed_the_stored_pair_is_used_on(database: Database) -> None:
    server = AuthServer("seed")
    pair = store(database).refresh(None, server.exchange)
    assert store(database, "").load() == pair
    assert store(database, "").refresh(pair, server.exchange).access_token == "access-2"


def test_a_refusal_is_forgiven_if_another_one_rotated_meanwhile(database: Database) -> None:
    server = AuthServer("seed")
    stale = store(database).refresh(None, server.exchange)

    def exchange(_token: str) -> TokenPair:
        # A process whose lease had run out was faster.
        with database.write() as session:
            session.get_one(TokenRow, "hub").access_token = "access-other"
        raise AuthRejected("hub", "POST /auth/token/", "invalid_grant")

    assert store(database).refresh(stale, exchange).access_token == "access-other"


def test_a_transient_failure_changes_nothing(database: Database) -> None:
    def exchange(_token: str) -> TokenPair:
        raise Transient("hub", "POST /auth/token/", "503")

    tokens = store(database)
    with pytest.raises(Transient):
        tokens.refresh(None, exchange)
    assert tokens.refresh(None, AuthServer("seed").exchange).access_token == "access-1"


def test_a_pair_that_could_not_be_committed_is_kept_and_committed_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = AuthServer("seed")
    url = database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setattr(engine_module, "LOCK_WAIT_S", 0.05)
    impatient = open_database(url)
    tokens = store(impatient)
    with ExitStack() as blocked:

        def exchange(token: str) -> TokenPair:
            pair = server.exchange(token)
            blocked.enter_context(database.write())
            return pair

        with pytest.raises(DatabaseUnavailable):
            tokens.refresh(None, exchange)
        assert tokens.load() is None
    assert tokens.refresh(None, server.exchange).access_token == "access-1"
    assert server.asked == ["seed"]
    assert store(database).load() == tokens.load()
    impatient.dispose()


def test_waiting_for_another_process_ends_in_time(database: Database) -> None:
    assert lease.acquire(database, "token:hub", "another process", 60) == 1
    server = AuthServer("seed")
    with pytest.raises(Transient, match="another process"):
        store(database, wait_s=0.0).refresh(None, server.exchange)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        store(database, stop=stop).refresh(None, server.exchange)
    assert server.asked == []


def test_nothing_shows_a_token(database: Database) -> None:
    pair = store(database, "top-secret").refresh(None, AuthServer("top-secret").exchange)
    shown = f"{pair!r} {store(database, 'top-secret').__dict__!r}"
    assert "top-secret" not in shown
    assert "access-1" not in shown
