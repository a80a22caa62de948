"""Calls to one side that are under way at once, and which of their failures end a pass."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Self, TypeVar

from syncd.errors import RateLimited, SideError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

Call = TypeVar("Call")
Failure = SideError | None
_MOST_PAUSE_S = 10.0


class Calls:
    """At most so many at once. Further ones can be made ready before the last ones have ended, so that none waits.

    Args:
        most: How many.
        name: For the threads.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)
        self._flying: set[Future[Failure]] = set()

    def __enter__(self) -> Self:
        """Leaving waits for what is under way."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(wait=True)

    def start(self, send: Callable[[Call], Failure], calls: Sequence[Call]) -> None:
        """Have calls made, in order."""
        self._flying.update(self._pool.submit(send, call) for call in calls)

    def until_few(self) -> list[Failure]:
        """Wait until all are under way or over, so that the next ones are needed; how those that are over went."""
        return self._wait(self._most)

    def until_none(self) -> list[Failure]:
        """Wait for all of them; how those that are over went."""
        return self._wait(0)

    def _wait(self, left: int) -> list[Failure]:
        found: list[Failure] = []
        while len(self._flying) > left:
            done, self._flying = wait(self._flying, return_when=FIRST_COMPLETED)
            found += [each.result() for each in done]
        return found


def that_ends(failures: Sequence[Failure]) -> Failure:
    """The failure that ends a pass: none if the side asked for a pause between writes that it took.

    What it refused so was certainly not carried out; it is planned again, and the budget waits.
    """
    others = [error for error in failures if error is not None and not isinstance(error, RateLimited)]
    if others:
        return others[0]
    limited = [error for error in failures if isinstance(error, RateLimited)]
    if limited and (len(limited) == len(failures) or any(_is_long(error) for error in limited)):
        return limited[0]
    return None


def _is_long(error: RateLimited) -> bool:
    return (error.retry_after_s or 0.0) > _MOST_PAUSE_S
