"""A side that answers takes our credentials: the finding that says otherwise is closed at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from syncd.errors import AuthRejected, Transient
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from syncd.service.runs import RequestCounter
    from syncd.state.engine import Database


class Doorkeeper:
    """A side that refuses us, or answers and then fails."""

    def __init__(self, adapter: Any, requests: RequestCounter) -> None:
        self._adapter, self._requests = adapter, requests
        self.does = "refuse"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def read_changes(self, cursor: Any) -> Any:
        if self.does == "refuse":
            raise AuthRejected("web", "GET /products", "401")
        if self.does == "answer":
            self._requests("GET", "/products", 200, 1.0)
            raise Transient("web", "GET /products", "500 on the second page")
        if self.does == "fail":
            self._requests("GET", "/products", 500, 1.0)
            raise Transient("web", "GET /products", "500")
        yield from self._adapter.read_changes(cursor)
        if self.does == "page":
            raise Transient("web", "GET /products", "500 on the second page")


@pytest.fixture
def account(database: Database) -> Account:
    return two_sides(database, {"A": 5}, {"A": 5})


@pytest.mark.parametrize(("then", "is_open"), [("answer", False), ("page", False), ("all", False), ("fail", True)])
def test_it_is_closed_by_the_first_answer(account: Account, then: str, is_open: bool) -> None:
    worker = account.workers["web"]
    worker.side.adapter = door = Doorkeeper(worker.side.adapter, worker.requests)
    account.poll("web")
    assert [row.kind for row in account.findings()] == ["reauthorisation"]
    door.does = then
    account.poll("web")
    assert [row.kind for row in account.findings()] == ["reauthorisation"] * is_open
    door.does = "refuse"
    account.poll("web")
    assert [row.kind for row in account.findings()] == ["reauthorisation"]
