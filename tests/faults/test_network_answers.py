"""What the network does to one side: the others go on, a person is told, and afterwards every unit is counted once."""

from __future__ import annotations

import os
import shutil
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from syncd.errors import RateLimited
from syncd.http.session import RetryPolicy
from tests.chaos.stage import TILL
from tests.faults.network import UNITS, NetworkStage, Resolver, html, in_an_hour, too_many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

NEVER_PAUSE = RetryPolicy(attempts=2, first_wait_s=0.001, longest_wait_s=0.002)
HOUR_S = 3600.0


@dataclass(frozen=True)
class Trouble:
    """What happens, and what is to be seen: kind of finding, words in its message, exit code of ``syncd sync``."""

    begin: Callable[[NetworkStage, str], AbstractContextManager[None]]
    kind: str
    words: str
    code: int = 1


def answers(answer: Callable[..., object]) -> Callable[[NetworkStage, str], AbstractContextManager[None]]:
    return lambda stage, side: stage.answering(side, answer)  # type: ignore[arg-type]


TROUBLES = {
    "refused": Trouble(NetworkStage.refusing, "side_unreachable", "no connection"),
    "reset in the body": Trouble(lambda stage, side: stage.faulty(side, "reset"), "side_unreachable", "Error"),
    "cut off in the body": Trouble(lambda stage, side: stage.faulty(side, "truncated"), "side_unreachable", "Error"),
    "a page with 200": Trouble(answers(html(200, "Checking your browser")), "invalid_answer", "HTML"),
    "a page with 502": Trouble(answers(html(502, "Bad Gateway")), "side_unreachable", "server error 502"),
    "a page with 503": Trouble(answers(html(503, "Maintenance")), "side_unreachable", "server error 503"),
    "a captive portal": Trouble(
        answers(html(302, "Log in", Location="http://portal.example/login")), "invalid_answer", "redirected to"
    ),
    "429 for an hour": Trouble(answers(too_many(lambda: "3600")), "side_unreachable", "too many requests"),
    "429 until a date": Trouble(answers(too_many(in_an_hour)), "side_unreachable", "too many requests"),
    "429 without a word": Trouble(answers(too_many(None)), "side_unreachable", "too many requests"),
}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[NetworkStage]:
    """One for all: each test leaves it in step."""
    folder = tmp_path_factory.mktemp("network")
    shutil.copy(sqlite_template, folder / "syncd.db")
    stage = NetworkStage(folder, f"sqlite:///{folder}/syncd.db")
    try:
        stage.open()
        yield stage
    finally:
        stage.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.http.session.RetryPolicy", lambda: NEVER_PAUSE)


def skus(stage: NetworkStage) -> list[str]:
    """Those of which there is most."""
    stock = stage.till_stock()
    return sorted(stock, key=lambda sku: -stock[sku])


def in_trouble(network: NetworkStage, side: str, trouble: Trouble) -> int:
    """Sales on all sides while one of them is in trouble; returns how many units were moved."""
    sold_at_till, sold_in_main, sold_in_outlet = skus(network)[:3]
    before = {name: network.shop_stock(name) for name in network.shops}
    till = network.till_stock()
    with trouble.begin(network, side):
        network.till.sale(sold_at_till, 1)
        network.shops["main"].order([(sold_in_main, 2)])
        network.shops["outlet"].order([(sold_in_outlet, 3)])
        codes = {network.sync()[1] for _ in range(3)}
        assert codes == {trouble.code}
        told = network.findings()
        assert [kind for kind, _ in told] == [trouble.kind], told
        assert trouble.words in told[0][1]
        well, late = network.health(), network.health(later_s=HOUR_S)
        assert late.code in {trouble.code, 1}
        assert any(f"{side} was not read for" in problem for problem in late.problems)
        assert not any("wait for a person" in problem for problem in well.problems)
        other = "outlet" if side == "main" else "main"
        sold = {"main": sold_in_main, "outlet": sold_in_outlet}
        if side != TILL:
            assert network.shop_stock(other)[sold_at_till] == int(before[other][sold_at_till] or 0) - 1
            assert network.till_stock()[sold[other]] == till[sold[other]] - (3 if other == "outlet" else 2)
            assert network.till_stock()[sold[side]] == till[sold[side]]
    return 6


def recovered(network: NetworkStage, moved: int, since: int) -> None:
    network.until_in_step()
    assert network.findings() == []
    assert network.health().code == 0
    assert -sum(network.counted(since)) == moved
    assert network.sync()[1] == 0


AT_THE_TILL = ("refused", "reset in the body", "a page with 200", "a captive portal", "429 until a date")
"""What differs there: another client and another contract. All troubles are tried on a shop."""

LIKE_ANOTHER = {"a page with 502", "429 until a date", "429 without a word"}
"""Tried by ``make faults`` alone."""

TRIED = [
    (name, side)
    for side, names in (("main", tuple(TROUBLES)), (TILL, AT_THE_TILL))
    for name in names
    if "SYNCD_TEST_FAULTS" in os.environ or name not in LIKE_ANOTHER
]


@pytest.mark.parametrize(("name", "side"), TRIED)
def test_one_side_is_in_trouble_and_nothing_is_lost_or_doubled(network: NetworkStage, name: str, side: str) -> None:
    since = network.newest_movement()
    moved = in_trouble(network, side, TROUBLES[name])
    recovered(network, moved, since)


@pytest.mark.parametrize("side", ["main"])
def test_401_for_a_while(network: NetworkStage, side: str) -> None:
    """A person is asked, as the key may be gone; when it is taken again nobody has to do anything."""
    since = network.newest_movement()
    refusal = html(401, "Unauthorized")
    trouble = Trouble(answers(refusal), "reauthorisation", "", code=5)
    recovered(network, in_trouble(network, side, trouble), since)


def test_a_wish_for_an_hour_is_known_to_the_scheduler_in_both_forms(network: NetworkStage) -> None:
    for answer, most in ((too_many(lambda: "3600"), 0), (too_many(in_an_hour), 2)):
        with network.answering("main", answer):
            outcomes, _ = network.sync()
            (error,) = [outcome.error for outcome in outcomes if outcome.error]
            assert isinstance(error, RateLimited)
            assert error.retry_after_s is not None
            assert HOUR_S - most <= error.retry_after_s <= HOUR_S
    network.until_in_step()


@contextmanager
def nobody_knows(resolver: Resolver, name: str) -> Iterator[None]:
    address = resolver.known.pop(name)
    yield
    resolver.known[name] = address


def test_a_name_that_does_not_resolve_for_a_while(network: NetworkStage, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver()
    resolver.known["shop.example"] = "127.0.0.1"
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    config = network.folder / "config.toml"
    plain = config.read_text(encoding="utf-8")
    address = network.servers["main"].url
    config.write_text(plain.replace(address, address.replace("127.0.0.1", "shop.example")), encoding="utf-8")
    try:
        network.until_in_step()
        assert resolver.asked > 0
        since = network.newest_movement()
        trouble = Trouble(
            lambda _stage, _side: nobody_knows(resolver, "shop.example"),
            "side_unreachable",
            "Name or service not known",
        )
        recovered(network, in_trouble(network, "main", trouble), since)
    finally:
        config.write_text(plain, encoding="utf-8")


def test_a_write_that_a_portal_answers_is_not_taken_for_done(network: NetworkStage) -> None:
    """The reads went well, the network changed in between: 200 and a page for the booking itself."""
    sku = skus(network)[0]
    since = network.newest_movement()

    def portal_for_writes(request: object) -> object:
        method, path = request.method, request.path  # type: ignore[attr-defined]
        if method != "GET" and "token" not in path:
            return html(200, "Welcome to the café")(request)  # type: ignore[arg-type]
        return network.between["main"].simulator.handle(request)  # type: ignore[arg-type]

    with network.answering("main", portal_for_writes):  # type: ignore[arg-type]
        network.till.sale(sku, 4)
        network.sync()
        network.sync()
        assert network.shop_stock("main")[sku] != network.till_stock()[sku]
        assert network.shop_stock("outlet")[sku] == network.till_stock()[sku]
    recovered(network, 4, since)
    assert network.till_stock()[sku] <= UNITS
