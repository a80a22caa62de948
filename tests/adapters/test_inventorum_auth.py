"""Tokens: rotation is durable before use, one refresh at a time, and a refusal says what to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from syncd.adapters.base import TokenPair
from syncd.adapters.inventorum import InventorumAdapter
from syncd.core.model import Applied, ListingRef, StockWrite
from syncd.errors import AuthRejected, InvalidResponse, RateLimited, SideError, Transient
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.server import Fault, SimRequest, SimResponse, SimServer
from tests.support.inventorum import Account, MemoryTokens, make_adapter, open_account, utc_now


@pytest.fixture
def account() -> Iterator[Account]:
    with shop() as account:
        yield account


def shop(**settings: Any) -> AbstractContextManager[Account]:
    return open_account(make_catalogue(3, 0), **settings)


def read(adapter: InventorumAdapter, account: Account) -> str:
    return str(adapter.fetch([account.ref("S-00001")]).listings[0].quantity)


def token_requests(account: Account) -> int:
    return len(account.server.requests(method="POST", path="/auth/token/"))


def test_the_seed_is_traded_once_and_the_pair_is_kept(account: Account) -> None:
    read(account.adapter, account)
    read(account.adapter, account)
    assert token_requests(account) == 1
    assert account.tokens.stored == [account.tokens.pair.refresh_token if account.tokens.pair else ""]
    assert account.tokens.stored != [account.tokens.seed]


def test_a_new_pair_is_durable_before_its_first_use(account: Account) -> None:
    durable: list[int] = []

    def note(request: SimRequest) -> None:
        if not request.path.endswith("/auth/token/"):
            durable.append(len(account.tokens.stored))

    account.server.hooks.append(note)
    read(account.adapter, account)
    assert set(durable) == {1}


def test_a_stored_pair_is_used_without_a_refresh(account: Account) -> None:
    read(account.adapter, account)
    second = make_adapter(account.server.url, account.tokens)
    read(second, account)
    second.close()
    assert token_requests(account) == 1


@pytest.mark.parametrize(
    ("life_s", "later_s", "refreshes"),
    [
        (36_000, 36_000 - 400, 1),
        (36_000, 36_000 - 200, 2),
        (100, 80, 1),
        (100, 95, 2),
    ],
)
def test_tokens_are_renewed_early(life_s: int, later_s: int, refreshes: int) -> None:
    clock = [utc_now()]
    with shop(expires_in=life_s) as account:
        with closing(make_adapter(account.server.url, account.tokens, now=lambda: clock[0])) as adapter:
            read(adapter, account)
            clock[0] += timedelta(seconds=later_s)
            read(adapter, account)
        assert token_requests(account) == refreshes
        assert len(account.told) == 0, "no request was refused on the way"


@pytest.mark.parametrize("status", [401, 400])
def test_an_expired_token_is_renewed_and_the_read_repeated_once(status: int) -> None:
    with shop(invalid_token_status=status) as account:
        read(account.adapter, account)
        account.sim.expire_access_tokens()
        since = account.mark()
        assert read(account.adapter, account)
        assert [status for _, _, status in account.told][-3:] == [status, 200, 200]
        assert len(account.server.requests(since=since)) == 3


@pytest.mark.parametrize("status", [401, 400])
def test_a_write_refused_for_its_token_is_sent_again_once_and_applied_once(status: int) -> None:
    with shop(invalid_token_status=status) as account:
        before = account.stock("S-00001")
        read(account.adapter, account)
        account.sim.expire_access_tokens()
        (result,) = account.adapter.write_stock([write(account.ref("S-00001"))])
        assert isinstance(result, Applied)
        assert float(account.stock("S-00001")) == float(before) + 1
        assert len(account.sim.adjustments()) == 1


def write(ref: ListingRef) -> StockWrite:
    return StockWrite(ref, "op-1", Decimal(1), Decimal(0))


def test_many_threads_refresh_once(account: Account) -> None:
    read(account.adapter, account)
    account.sim.expire_access_tokens()
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(read(account.adapter, account))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(results) == 6
    assert token_requests(account) == 2


def test_a_pair_rotated_by_another_process_is_taken_over(account: Account) -> None:
    read(account.adapter, account)
    other = make_adapter(account.server.url, account.tokens)
    account.sim.expire_access_tokens()
    read(other, account)
    other.close()
    read(account.adapter, account)
    assert token_requests(account) == 2


def test_a_refused_refresh_token_says_what_to_do(account: Account) -> None:
    account.sim.revoke_refresh_token()
    with pytest.raises(AuthRejected, match=r"manager\.shore\.com/api-apps") as caught:
        read(account.adapter, account)
    assert "invalid_grant" in str(caught.value)
    assert account.tokens.seed not in str(caught.value)
    assert caught.value.exit_code == 5


def test_wrong_client_credentials_are_told_apart(account: Account) -> None:
    adapter = make_adapter(account.server.url, account.tokens, client_secret="wrong-hidden")
    with closing(adapter), pytest.raises(AuthRejected, match="client_id and client_secret") as caught:
        read(adapter, account)
    assert "wrong-hidden" not in str(caught.value)


def test_after_a_refusal_a_new_token_is_enough(account: Account) -> None:
    account.sim.revoke_refresh_token()
    with pytest.raises(AuthRejected):
        read(account.adapter, account)
    account.tokens.seed = account.sim.issue_refresh_token()["refresh_token"]
    assert read(account.adapter, account)


@pytest.mark.parametrize("kind", ["lost_after", "error_500_after", "truncated"])
def test_a_lost_answer_to_a_refresh_names_the_danger_and_is_not_repeated(account: Account, kind: str) -> None:
    account.server.add_fault(Fault(kind, path="/auth/token/"))
    with pytest.raises(Transient, match="answer to the token refresh was lost"):
        read(account.adapter, account)
    assert token_requests(account) == 1
    with pytest.raises(AuthRejected):
        read(account.adapter, account)


def test_a_throttled_refresh_is_temporary(account: Account) -> None:
    account.server.add_fault(Fault("too_many", path="/auth/token/", seconds=0))
    with pytest.raises(RateLimited):
        read(account.adapter, account)
    assert read(account.adapter, account)


@dataclass
class TokenServer:
    """Answers token requests from a list, everything else with 400 or the present status."""

    answers: list[SimResponse]
    status: int = 200
    seen: list[SimRequest] = field(default_factory=list)

    def handle(self, request: SimRequest) -> SimResponse:
        self.seen.append(request)
        if request.path.endswith("/auth/token/"):
            return self.answers.pop(0)
        return SimResponse(self.status, {"total": 0, "data": []} if self.status == 200 else {"detail": "no"})

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        raise KeyError(action)


def pair(number: int, **changes: Any) -> SimResponse:
    body: dict[str, Any] = {
        "access_token": f"access-{number}",
        "refresh_token": f"refresh-{number}",
        "expires_in": 3600,
    }
    return SimResponse(200, {name: value for name, value in (body | changes).items() if value is not None})


def exchange(*answers: SimResponse) -> MemoryTokens:
    tokens = MemoryTokens()
    with serving(TokenServer(list(answers)), tokens) as adapter:
        adapter.check()
    return tokens


@contextmanager
def serving(logic: TokenServer, tokens: MemoryTokens | None = None) -> Iterator[InventorumAdapter]:
    with SimServer(logic) as server, closing(make_adapter(server.url, tokens or MemoryTokens())) as adapter:
        yield adapter


def stored(tokens: MemoryTokens) -> TokenPair:
    assert tokens.pair is not None
    return tokens.pair


def test_nothing_odd_in_the_answer_may_lose_the_new_refresh_token() -> None:
    assert stored(exchange(pair(1, expires_in=None))).refresh_token == "refresh-1"
    assert stored(exchange(pair(1, expires_in="soon", scope=None))).refresh_token == "refresh-1"
    assert stored(exchange(pair(1, expires_in=10**30))).refresh_token == "refresh-1"


def test_without_a_new_refresh_token_the_old_one_stays() -> None:
    assert stored(exchange(pair(1, refresh_token=None))).refresh_token == "sim-refresh-0"


def test_a_refresh_token_that_could_not_be_sent_is_none() -> None:
    assert stored(exchange(pair(1, refresh_token="a\nb"))).refresh_token == "sim-refresh-0"


def test_a_life_given_as_text_is_understood() -> None:
    life = stored(exchange(pair(1, expires_in="36000"))).expires_at - utc_now()
    assert timedelta(seconds=35_900) < life <= timedelta(seconds=36_000)


@pytest.mark.parametrize(
    "answer",
    [
        SimResponse(200, b'{"access_token": "hidden-hidden", "refr', {}),
        SimResponse(200, b"<html>hidden-hidden</html>", {}),
        SimResponse(200, {"refresh_token": "hidden-hidden"}),
        SimResponse(404, b"<html></html>", {}),
        SimResponse(403, b"<html>hidden-hidden</html>", {}),
        SimResponse(200, {"access_token": "hidden-hidden\r\nX-Evil: 1", "refresh_token": "hidden-hidden"}),
        SimResponse(200, {"access_token": "hidden-hidden ü", "refresh_token": "hidden-hidden"}),
        SimResponse(200, {"access_token": "hidden-hidden" * 1000, "refresh_token": "hidden-hidden"}),
    ],
)
def test_a_damaged_answer_shows_no_token(answer: SimResponse) -> None:
    with pytest.raises(InvalidResponse) as caught:
        exchange(answer)
    assert "hidden-hidden" not in f"{caught.value} {caught.value.sample}"


def test_a_400_costs_at_most_one_refresh_however_often_it_comes() -> None:
    logic = TokenServer([pair(1), pair(2), pair(3)], status=400)
    with serving(logic) as adapter:
        for _ in range(3):
            with pytest.raises(SideError):
                adapter.fetch([ListingRef("1")])
    assert len(logic.answers) == 1
    assert [request.headers["authorization"] for request in logic.seen if request.method == "GET"] == [
        "Bearer access-1",
        "Bearer access-2",
        "Bearer access-2",
        "Bearer access-2",
    ]


def test_a_token_refused_after_its_renewal_ends_at_once() -> None:
    logic = TokenServer([pair(1), pair(2), pair(3)], status=401)
    with serving(logic) as adapter, pytest.raises(AuthRejected, match="right after its renewal"):
        adapter.fetch([ListingRef("1")])
    assert len(logic.answers) == 1


def test_the_refresh_is_sent_as_documented() -> None:
    logic = TokenServer([pair(1)])
    with serving(logic) as adapter:
        adapter.check()
    request = logic.seen[0]
    assert (request.method, request.path) == ("POST", "/api/auth/token/")
    assert request.headers["authorization"] == "Basic c2ltLWNsaWVudDpzaW0tc2VjcmV0"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.body == b"grant_type=refresh_token&refresh_token=sim-refresh-0"


def test_a_pair_about_to_end_when_found_is_not_refreshed_in_a_circle(account: Account) -> None:
    """Another process's pair with little life left is used: its remaining life sets the margin."""
    read(account.adapter, account)
    tokens = account.tokens
    tokens.pair = replace(stored(tokens), expires_at=soon(utc_now()))
    late = make_adapter(account.server.url, tokens)
    read(late, account)
    late.close()
    assert token_requests(account) == 1


def soon(now: datetime) -> datetime:
    return now + timedelta(seconds=60)
