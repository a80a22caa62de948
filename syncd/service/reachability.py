"""Whether a side answers and takes our credentials: what a person is told of it, and when that is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger

from syncd.errors import (
    AuthRejected,
    CountsOtherwise,
    InvalidResponse,
    PermissionMissing,
    SafetyStop,
    Untrusted,
)
from syncd.service.findings import Found, close_finding, open_finding, open_kinds

if TYPE_CHECKING:
    from syncd.errors import SideError
    from syncd.service.runs import RequestCounter
    from syncd.service.side import SideContext

_UNREACHABLE_AFTER = 3
_FAILURE_KINDS = (
    "reauthorisation",
    "permission_missing",
    "counts_otherwise",
    "invalid_answer",
    "certificate_wrong",
    "side_unreachable",
)


@dataclass(slots=True)
class Reachability:
    """Keeps the findings about one side that passes fail by.

    Attributes:
        failures: Passes that failed one after the other.
    """

    side: SideContext
    requests: RequestCounter
    failures: int = 0
    _answered: bool = False
    _good_before: int = 0

    def begin(self) -> None:
        """A pass begins."""
        self._good_before = self._good()

    def note(self) -> None:
        """A side that answers takes our credentials, whatever becomes of the rest of the pass."""
        if self._answered:
            return
        self._answered = True
        self._close(("reauthorisation",))

    def note_success(self, *, everything: bool) -> None:
        """A pass went well; ``everything``: the side was asked for news, not only written to if need be."""
        if self.failures or everything:
            self._close(_FAILURE_KINDS)
        self.failures = 0

    def note_failure(self, error: SideError | SafetyStop) -> None:
        """A pass failed; a safety stop says nothing against the side."""
        if isinstance(error, SafetyStop):
            return
        self.failures += 1
        self._answered = False
        if not isinstance(error, AuthRejected) and self._good() > self._good_before:
            self.note()
        found = _failure_finding(self.side, error, self.failures)
        if found is not None:
            with self.side.db.write() as session:
                open_finding(session, found, self.side.now())
        logger.bind(side=self.side.name, failures=self.failures, request=error.request).debug("side.failed")

    def _good(self) -> int:
        return sum(number for (_, outcome), number in self.requests.outcomes().items() if outcome == "ok")

    def _close(self, kinds: tuple[str, ...]) -> None:
        with self.side.db.read() as session:
            found = open_kinds(session, self.side.name, kinds)
        if found:
            with self.side.db.write() as session:
                for kind in found:
                    close_finding(session, kind, self.side.name, self.side.now())


def _failure_finding(side: SideContext, error: SideError, failures: int) -> Found | None:
    """What a person should be told of a failed run; a single temporary failure is nobody's business."""
    match error:
        case AuthRejected():
            kind, advice = "reauthorisation", "Make a new token or key on that side and put it into the configuration."
        case PermissionMissing():
            kind, advice = "permission_missing", "Give the token or key the missing right; `syncd check` names it."
        case CountsOtherwise():
            kind, advice = (
                "counts_otherwise",
                "`syncd check` tells both; accepting it counts nothing of the difference.",
            )
        case InvalidResponse():
            kind, advice = "invalid_answer", "Open the address in a browser; a proxy, login page or plugin may answer."
        case Untrusted():
            kind = "certificate_wrong"
            advice = "Renew it on the side, or name its authority as `ca`; nothing is sent to whoever shows this one."
        case _ if failures >= _UNREACHABLE_AFTER:
            kind, advice = "side_unreachable", "Look at the network and at the side itself; syncd keeps trying."
        case _:
            return None
    severity = "warning" if kind == "side_unreachable" else "error"
    message = f"{side.name}: {error.detail}"
    return Found(kind, side.name, message, advice, severity, side_id=side.id)
