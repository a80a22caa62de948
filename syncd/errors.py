"""The error tree. The caller's next move decides the class; facts are fields, never parsed from messages.

::

    SyncdError
    ├─ ConfigError(problems)             exit 78; every problem at once, each with its key path
    ├─ Stopped                           a stop was asked for: unwind, nothing is wrong
    ├─ SideError(side, request, detail)
    │  ├─ Transient                      nothing was applied; try again later, with back-off
    │  │  ├─ RateLimited(retry_after_s)  the same, and the side said when
    │  │  └─ Untrusted                   its TLS certificate is wrong: nothing was sent, a person is asked
    │  ├─ OutcomeUnknown                 a write was sent and its effect is not known: settle it, never repeat it
    │  ├─ Rejected(status, key, fields)  the side refused the request; nothing was applied
    │  │  └─ NotFound                    the thing does not exist there
    │  ├─ AuthRejected                   credentials refused: this side stops, a person is asked (exit 5)
    │  ├─ PermissionMissing              the credential lacks a right: as above, with the right's name
    │  ├─ CountsOtherwise                its quantities are others than before: the side stops (exit 78)
    │  └─ InvalidResponse                the answer is not what the contract says: never treated as empty
    ├─ SafetyStop(reason, counts)        a plan was refused: a person confirms or repairs (exit 3)
    ├─ NotCompared                       put back from a backup: nothing is planned before the sides were compared
    ├─ NotDelivered                      a word to people or to a monitor was not taken; the sync goes on
    ├─ LeaseLost                         another process leads now: write nothing more
    │  └─ DatabaseExchanged              another database is in its place: start again, and look at what is there
    ├─ DatabaseNotReady                  the schema is missing or of another version: `syncd db upgrade`
    │  └─ DatabaseOutdated               an old copy of it was put in place: `syncd db restore` (exit 78)
    ├─ DatabaseUnavailable               locked, full or not answering: try again later, nothing was written
    └─ StateError                        an invariant of ours broke: fail loudly
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class SyncdError(Exception):
    """Base of everything syncd raises on purpose."""

    exit_code: int = 1


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One mistake in the configuration.

    Attributes:
        path: Key path as typed, for example ``shops.main.stock.buffer``.
        message: What is wrong and what would be right; never contains a secret.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(SyncdError):
    """The configuration cannot be used; carries every problem found."""

    exit_code = 78

    def __init__(self, source: str, problems: Sequence[ConfigProblem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__(f"{source}: " + "; ".join(str(problem) for problem in problems))


class Stopped(SyncdError):
    """A stop was requested while waiting or reading."""

    exit_code = 0


class SideError(SyncdError):
    """Something went wrong with one side.

    Args:
        side: Name of the side as configured.
        request: Method and path without query string, for example ``GET /products/delta/modified/``.
        detail: What happened, free of secrets.
    """

    def __init__(self, side: str, request: str, detail: str) -> None:
        self.side = side
        self.request = request
        self.detail = detail
        super().__init__(f"{side}: {request}: {detail}")


class Transient(SideError):
    """Nothing was applied; the same request may succeed later."""

    def __init__(self, side: str, request: str, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(side, request, detail)
        self.retry_after_s = retry_after_s


class RateLimited(Transient):
    """The side asked us to slow down (429, or a throttled answer)."""


class Untrusted(Transient):
    """The other end shows a TLS certificate that is not trusted: nothing was sent; it may be anybody."""


class OutcomeUnknown(SideError):
    """A write was sent and no trustworthy answer came."""


class Rejected(SideError):
    """The side understood the request and refused it; nothing was applied."""

    def __init__(
        self,
        side: str,
        request: str,
        detail: str,
        *,
        status: int = 0,
        key: str = "",
        fields: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(side, request, detail)
        self.status = status
        self.key = key
        self.fields = dict(fields or {})


class NotFound(Rejected):
    """The thing asked for does not exist on that side."""


class AuthRejected(SideError):
    """The side refused our credentials; a person must authorise again."""

    exit_code = 5


class PermissionMissing(SideError):
    """The credential is valid but lacks a right."""

    exit_code = 5


class CountsOtherwise(SideError):
    """What the side counts is not what it counted until now: a difference from that would be no sale and no receipt."""

    exit_code = 78


class InvalidResponse(SideError):
    """The answer breaks the contract (HTML, truncated, wrong types); it is never read as "nothing there".

    ``sample`` holds the first characters of the body for a log, with secrets removed.
    """

    def __init__(self, side: str, request: str, detail: str, *, sample: str = "") -> None:
        super().__init__(side, request, detail)
        self.sample = sample


class SafetyStop(SyncdError):
    """A plan would change more than the safety limits allow; it waits for a person."""

    exit_code = 3

    def __init__(self, side: str, reason: str, counts: Mapping[str, int]) -> None:
        self.side = side
        self.reason = reason
        self.counts = dict(counts)
        super().__init__(f"{side}: {reason}")


class NotCompared(SyncdError):
    """The database was put back from a backup, and the sides were not compared with it yet."""

    exit_code = 3


class NotDelivered(SyncdError):
    """A ping or a message to people was not taken. Its text names no address: that alone may be a secret."""


class LeaseLost(SyncdError):
    """Another process holds the leader lease now; this one must not write."""


class DatabaseExchanged(LeaseLost):
    """Another database was put in the place of the one that this process works with; who starts again judges it."""


class DatabaseNotReady(SyncdError):
    """The database has no syncd schema, or one of another version."""

    exit_code = 78


class DatabaseOutdated(DatabaseNotReady):
    """The database is an old copy of the one that was worked with: what it lacks would be counted once more."""


class DatabaseUnavailable(SyncdError):
    """The database cannot be used right now (locked, disk full, server gone); try again later."""


class StateError(SyncdError):
    """An invariant of syncd itself does not hold."""
