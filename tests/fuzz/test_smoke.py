"""A few mutated bodies for every endpoint with each run of the tests; ``make fuzz`` tries thousands."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.core.model import ListingRef, RemoteListing, StockMode
from syncd.errors import InvalidResponse
from syncd.simulators.server import SimRequest
from tests.fuzz.__main__ import jobs_of
from tests.fuzz.bench import run_bench
from tests.fuzz.endpoints import ENDPOINTS, HUB_ERRORS, Seen
from tests.fuzz.engine import run_engine
from tests.fuzz.judge import judge_error, judge_secrets, judge_seen
from tests.fuzz.mutate import NO_EFFECT_FAMILIES, READ_FAMILIES, Mutator, Surroundings
from tests.fuzz.values import PLAIN, Raw, is_lie
from tests.fuzz.wire import Answer

SEED = 4711
_NUMBERS = ("0", "-7", "00", "7" * 30, "٣")
ANSWER = Answer(200, (("Content-Type", "application/json"),), b'{"id": 7, "name": "Cap", "quantity": "3.00"}')
REQUEST = SimRequest("GET", "/api/products/7/", (), {"authorization": "Bearer hidden-hidden"}, b"", "http://x/")
AROUND = Surroundings(frozenset({"id", "quantity"}), HUB_ERRORS, ([{"id": 9}],), secrets=lambda _: ["hidden-hidden"])


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_adapter_survives_a_few_bodies(name: str) -> None:
    result = run_bench(name, 4, SEED)
    assert result.violations == []
    assert result.counts["bodies"] == 4


@pytest.mark.parametrize("name", ["modified delta", "products by id", "stock booking"])
def test_the_engine_survives_a_few_bodies(name: str) -> None:
    result = run_engine(name, 2, SEED)
    assert result.violations == []
    assert result.counts["engine bodies"] == 2


@pytest.mark.parametrize("effect", [True, False])
def test_mutations_follow_from_their_seed_and_cover_every_family(effect: bool) -> None:
    made = [Mutator(f"{number}", AROUND, effect=effect)(ANSWER, REQUEST) for number in range(400)]
    again = [Mutator(f"{number}", AROUND, effect=effect)(ANSWER, REQUEST) for number in range(400)]
    assert made == again
    assert {one.kind for one in made} == {name for name, _ in (READ_FAMILIES if effect else NO_EFFECT_FAMILIES)}
    assert len({one.raw for one in made}) > 100


def test_the_full_run_tries_as_many_bodies_as_asked_for() -> None:
    jobs = jobs_of(list(ENDPOINTS), 1000, 60, SEED)
    for name, endpoint in ENDPOINTS.items():
        mine = [job for job in jobs if job.name == name]
        assert sum(job.bodies for job in mine) == 1000
        assert sum(job.bodies for job in mine if job.run is run_engine) == (60 if endpoint.engine else 0)
    assert len({(job.run, job.name, job.seed) for job in jobs}) == len(jobs)


@pytest.mark.parametrize("value", [value for value in PLAIN if value not in _NUMBERS])
def test_hostile_values_are_no_lies_about_a_quantity(value: object) -> None:
    assert is_lie(("data", 0, "quantity"), value) == (isinstance(value, int) and not isinstance(value, bool))


def test_lies_are_left_out() -> None:
    assert is_lie(("quantity",), Raw("-0.0"))
    assert is_lie((0, "stock_quantity"), None)
    assert is_lie((0, "meta_data", 0, "key"), "other")
    assert is_lie((0, "manage_stock"), False)
    assert not is_lie((0, "meta_data"), None)
    assert not is_lie((0, "id"), -5)


def reading(quantity: str) -> RemoteListing:
    return RemoteListing(ListingRef("7"), "Cap", "C-7", None, StockMode.OWN, Decimal(quantity))


def test_the_judge_sees_false_readings_and_false_deaths() -> None:
    truth = {"7": Decimal(3)}
    assert judge_seen(Seen(readings=[reading("3")]), truth, {"7"}, {}) == []
    assert judge_seen(Seen(readings=[reading("4")]), truth, {"7"}, {}) == ["reads 4 of 7, which has 3"]
    assert judge_seen(Seen(readings=[reading("0.00001")]), {}, {"7"}, {}) != []


def test_the_judge_sees_errors_of_others_and_secrets() -> None:
    assert judge_error(ValueError("x"), "till") != []
    assert judge_error(InvalidResponse("web", "GET x", "y"), "till") != []
    assert judge_error(InvalidResponse("till", "GET x", "y"), "till") == []
    assert judge_secrets(["it was hidden-hidden"], ["hidden-hidden"]) != []
