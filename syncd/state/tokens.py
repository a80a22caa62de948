"""OAuth tokens in the database: rotated by one at a time, durable before first use.

The window that cannot be closed: the side has rotated, its answer is on the way or just read, and this process dies
before the commit. Then the new refresh token is lost, the old one is spent, and a person must authorise again. Between
the answer and the commit nothing else happens here, and a pair whose commit failed is kept in memory and committed
before anything else.
"""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import SecretStr

from syncd.adapters.base import TokenPair
from syncd.errors import AuthRejected, DatabaseUnavailable, Stopped, Transient
from syncd.state import lease
from syncd.state.engine import forget_journal, leave_no_trace
from syncd.state.models import TokenRow
from syncd.state.process import Process
from syncd.state.seal import Seal, forget_unopened, keep_with, rows_not_kept_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from syncd.state.engine import Database

LEASE_TTL_S = 120.0
"""Longer than an exchange may take; a process that died holding it is noticed sooner on the same machine."""

LEASE_WAIT_S = 60.0
"""How long to wait for another process that is rotating."""

_POLL_S = 0.2
_KEPT_FINGERPRINTS = 20
_REQUEST = "token refresh"


class DatabaseTokenStore:
    """The ``TokenStore`` of one credential (see ``syncd.adapters.base.TokenStore`` for the promise).

    The configured refresh token is a seed: it is exchanged once and never again, and only its fingerprint is kept. A
    configured token that was never used as seed is a deliberate re-authorisation and is exchanged next. If the side
    refuses it, the stored pair stays and is used on; it is replaced by a working one only.

    Args:
        database: Where the tokens are; in a dry run too it is the real one.
        credential: Name of the side.
        seed: Refresh token of the configuration; empty if there is none.
        stop: Ends waiting early.
        now: Our clock, for the record; leases use the real one.
        wait_s: How long to wait for another process that is rotating, in seconds.
        seal: Keys for tokens that are kept sealed.
    """

    def __init__(
        self,
        database: Database,
        credential: str,
        seed: SecretStr | str | None,
        *,
        stop: threading.Event | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        wait_s: float = LEASE_WAIT_S,
        seal: Seal | None = None,
    ) -> None:
        self._database = database
        self._credential = credential
        self._seed = seed if isinstance(seed, SecretStr) else SecretStr(seed or "")
        self._stop = stop or threading.Event()
        self._now = now
        self._wait_s = wait_s
        self._seal = seal or Seal()
        self._owner = str(Process.this())
        self._lock = threading.Lock()
        self._uncommitted: tuple[TokenPair, str] | None = None
        self._refused_seed = ""

    @property
    def seed_refused(self) -> bool:
        """Whether the configured token was refused in this process while the stored pair is used on."""
        return bool(self._refused_seed)

    def load(self) -> TokenPair | None:
        """Return the stored pair; ``None`` if nothing is stored, or if a newly configured token is to be exchanged."""
        row = self._row()
        return None if row is None or self._is_new_seed(row) else self._pair(row)

    def refresh(self, stale: TokenPair | None, exchange: Callable[[str], TokenPair]) -> TokenPair:
        """Rotate the tokens once, however many threads and processes ask at the same time.

        Raises:
            AuthRejected: the side refused every token there is, or none is configured.
            Transient: another process has been rotating for longer than ``wait_s``; or raised by ``exchange``.
            Stopped: a stop was asked for while waiting.
            DatabaseUnavailable: the new pair could not be committed; it is kept for the next call and not used.
        """
        with self._alone():
            if self._uncommitted is not None:
                return self._commit(*self._uncommitted)
            row = self._row()
            if row is None:
                return self._exchange(self._configured(), self._fingerprint(), exchange)
            if self._is_new_seed(row):
                pair = self._try_seed(row, exchange)
                if pair is not None:
                    return pair
            stored = self._pair(row)
            if stale is None or stored.access_token != stale.access_token:
                return stored
            return self._rotate(row, exchange)

    def _try_seed(self, row: TokenRow, exchange: Callable[[str], TokenPair]) -> TokenPair | None:
        fingerprints = " ".join([self._fingerprint(), *row.seed_fingerprint.split()][:_KEPT_FINGERPRINTS])
        try:
            return self._exchange(self._seed.get_secret_value(), fingerprints, exchange)
        except AuthRejected:
            # Perhaps a slip in the configuration. What works is not given up for it.
            self._refused_seed = self._fingerprint()
            return None

    def _rotate(self, row: TokenRow, exchange: Callable[[str], TokenPair]) -> TokenPair:
        stored = self._pair(row)  # what does not open is not exchanged: the side would take it for a stolen token
        fingerprints = row.seed_fingerprint
        if self._refused_seed and self._refused_seed not in fingerprints.split():
            # Written only together with a success: if the side refuses everything (a wrong client secret), the seed
            # has proved nothing and is tried again.
            fingerprints = " ".join([self._refused_seed, *fingerprints.split()][:_KEPT_FINGERPRINTS])
        try:
            return self._exchange(stored.refresh_token, fingerprints, exchange)
        except AuthRejected:
            other = self._row()
            if other is not None and self._pair(other).access_token != stored.access_token:
                return self._pair(other)
            raise

    def _exchange(self, refresh_token: str, fingerprints: str, exchange: Callable[[str], TokenPair]) -> TokenPair:
        pair = exchange(refresh_token)
        self._uncommitted = (pair, fingerprints)
        return self._commit(pair, fingerprints)

    def _commit(self, pair: TokenPair, fingerprints: str) -> TokenPair:
        with self._database.write(fenced=False) as session:
            row = session.get(TokenRow, self._credential)
            if row is None:
                row = TokenRow(credential=self._credential, generation=0, sealed_with=self._seal.current)
                session.add(row)
            # Kept as it was kept, so that others with an older configuration go on. A key that is lost is replaced:
            # only a token that a person configured anew comes here then.
            key = row.sealed_with if self._seal.fits(row) else self._seal.current
            self._seal.store(row, pair.access_token, pair.refresh_token, key)
            row.expires_at = pair.expires_at
            row.scope = pair.scope
            row.seed_fingerprint = fingerprints
            row.generation += 1
            row.rotated_at = self._now()
        self._uncommitted = None
        return pair

    def _row(self) -> TokenRow | None:
        with self._database.read() as session:
            return session.get(TokenRow, self._credential)

    def _configured(self) -> str:
        if not self._seed.get_secret_value():
            raise AuthRejected(self._credential, _REQUEST, "no refresh token is configured and none is stored")
        return self._seed.get_secret_value()

    def _fingerprint(self) -> str:
        return hashlib.sha256(self._seed.get_secret_value().encode()).hexdigest()

    def _is_new_seed(self, row: TokenRow) -> bool:
        if not self._seed.get_secret_value():
            return False
        fingerprint = self._fingerprint()
        return fingerprint != self._refused_seed and fingerprint not in row.seed_fingerprint.split()

    def _pair(self, row: TokenRow) -> TokenPair:
        access_token, refresh_token = self._seal.tokens(row)
        return TokenPair(access_token, refresh_token, row.expires_at, row.scope)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads out by a lock, other processes by a lease; no transaction is open meanwhile."""
        deadline = time.monotonic() + self._wait_s
        while not self._lock.acquire(timeout=_POLL_S):
            _check_wait(self._credential, self._stop, deadline)
        try:
            with turn(self._database, self._credential, self._owner, self._stop, deadline):
                yield
        finally:
            self._lock.release()


@contextmanager
def turn(database: Database, credential: str, owner: str, stop: threading.Event, deadline: float) -> Iterator[None]:
    """Keep other owners from rotating or rewriting the tokens of a credential; no transaction is open meanwhile.

    Raises:
        Transient: Another process has not ended by ``deadline``, in seconds of the monotonic clock.
        Stopped: A stop was asked for.
    """
    name = f"token:{credential}"
    fence = lease.acquire(database, name, owner, LEASE_TTL_S)
    while fence is None:
        _check_wait(credential, stop, deadline)
        stop.wait(_POLL_S)
        fence = lease.acquire(database, name, owner, LEASE_TTL_S)
    try:
        yield
    finally:
        # Must not hide what happened; the lease ends by itself.
        with suppress(DatabaseUnavailable):
            lease.release(database, name, fence)


def keep_all(
    database: Database, seal: Seal, key: str, *, stop: threading.Event | None = None, wait_s: float = LEASE_WAIT_S
) -> list[str]:
    """Seal all tokens with the key of this id, or open them if it is empty; each side in a transaction of its own.

    Only for the process that leads: its fence is verified with each. Stopped anywhere, each side's tokens are as they
    were or as they are to be, and open with the same keys.

    Returns:
        Of which sides tokens were changed.
    """
    stop, owner, changed = stop or threading.Event(), str(Process.this()), []
    for credential in rows_not_kept_with(database, key):
        with (
            turn(database, credential, owner, stop, time.monotonic() + wait_s),
            database.write() as session,
        ):
            leave_no_trace(session)
            if keep_with(session, seal, credential, key):
                changed.append(credential)
    if changed:
        forget_journal(database)
    return changed


def forget_lost(database: Database, seal: Seal) -> Sequence[str]:
    """Delete tokens that no key opens; returns of which sides, which must be authorised again."""
    with database.write() as session:
        return forget_unopened(session, seal)


def _check_wait(credential: str, stop: threading.Event, deadline: float) -> None:
    if stop.is_set():
        raise Stopped(f"{credential}: stopped while waiting for the tokens")
    if time.monotonic() > deadline:
        raise Transient(credential, _REQUEST, "another process is still rotating the tokens")
