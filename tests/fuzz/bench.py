"""Mutated answers to one adapter: what it makes of each, and whether it is well again right after."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from loguru import logger

from syncd.errors import OutcomeUnknown, SyncdError, Transient
from syncd.simulators.server import SimRequest
from tests.fuzz.endpoints import (
    ENDPOINTS,
    FAMILIES,
    HUB_ERRORS,
    SHOP_ERRORS,
    SIMPLE,
    TRASHED,
    TRASHED_PARENT,
    Endpoint,
    Scene,
    Seen,
    examples_of,
    foreign_to,
)
from tests.fuzz.judge import LONGEST_S, Result, judge_error, judge_secrets, judge_seen, judge_writes, shown_of
from tests.fuzz.mutate import Mutator, Surroundings, dump
from tests.fuzz.scenes import Hub, Shop, hub_scene, shop_scene
from tests.fuzz.values import numbers
from tests.fuzz.wire import Answer, Plan, Spoiled
from tests.support.engine import Clock

_WRITTEN = (*SIMPLE[1:4], *FAMILIES[0])
_EXAMPLES_PART = 0.25
_RECOVER_EVERY = 5
"""An adapter that was led astray stays so until it is noticed here."""


@dataclass
class Bench:
    """One adapter, one endpoint, many bodies."""

    scene: Scene
    endpoint: Endpoint
    seed: int
    surroundings: Surroundings
    examples: tuple[Any, ...]
    known: dict[str, Decimal]
    logged: list[str]

    def run(self, bodies: int, result: Result) -> None:
        """Try ``bodies`` mutated answers."""
        aim = result.counts["bodies"] + bodies
        for number in range(3 * bodies):
            if result.counts["bodies"] < aim:
                self._try(f"{self.seed}/{self.endpoint.name}/{number}", result)
        if result.counts["bodies"] < aim:
            result.violations.append(f"{self.endpoint.name}: only {result.counts['bodies']} bodies were asked for")

    def _try(self, name: str, result: Result) -> None:
        rng = numbers(name)
        effect = not self.endpoint.write or rng.random() < 0.6
        spoil = Mutator(name, self.surroundings, write=self.endpoint.write, effect=effect)
        base = dump(rng.choice(self.examples)) if self.examples and rng.random() < _EXAMPLES_PART else None

        def spoiling(answer: Answer, request: SimRequest) -> Spoiled:
            return spoil(answer if base is None else replace(answer, status=200, body=base), request)

        plan = Plan(self.endpoint.matches, spoiling, effect=effect, skip=rng.choice((0, 0, 0, 0, 0, 1)))
        problems = self._call(plan, result)
        if isinstance(self.scene, Hub) and self.endpoint.name == "token":
            self.scene.reauthorise()  # the pair that was spoiled on its way is lost: a person makes a new one
        if plan.hit is None:
            return
        result.counts["bodies"] += 1
        result.counts[f"family {plan.hit.kind}"] += 1
        if problems or result.counts["bodies"] % _RECOVER_EVERY == 0:
            problems += self._recover()
        result.violations += [f"{name}: [{plan.hit.kind}] {plan.hit.detail[:300]}: {text}" for text in problems]

    def _call(self, plan: Plan, result: Result) -> list[str]:
        scene, between = self.scene, self.scene.between
        between.arm(plan)
        self.logged.clear()
        between.failures.clear()
        before = {sku: scene.stock(sku) for sku in _WRITTEN}
        truth = scene.truth() if not self.endpoint.write else {}
        seen, error = Seen(), None
        began = time.monotonic()
        try:
            self.endpoint.probe(scene, seen)
        except Exception as caught:  # noqa: BLE001 - that nothing else gets through is what is tested
            error = caught
        took_s = time.monotonic() - began
        problems = [] if error is None else judge_error(error, scene.adapter.name)
        problems += judge_seen(seen, truth, scene.living(), self.known)
        problems += judge_writes(scene, seen, before, _WRITTEN, error)
        shown = [*self.logged, *(shown_of(error) if error else ()), repr(seen.report), repr(seen.writes)]
        asked = [secret for request in between.traffic.log for secret in self.surroundings.secrets(request)]
        problems += judge_secrets(shown, asked)
        problems += [f"the fuzzer itself failed: {text}" for text in between.failures]
        if between.traffic.endless:
            problems.append(f"asks without end: {between.traffic.requests} requests")
        if took_s > LONGEST_S:
            problems.append(f"took {took_s:.1f} s")
        self._count(plan, error, seen, result)
        return problems

    def _count(self, plan: Plan, error: Exception | None, seen: Seen, result: Result) -> None:
        if plan.hit is None:
            return
        doubts = [type(one).__name__ for _, _, one in seen.writes if type(one).__name__ != "Applied"]
        doubts += ["CheckLine" for line in (seen.report.lines if seen.report else ()) if not line.ok][:1]
        if isinstance(error, SyncdError):
            result.counts[f"error:{type(error).__name__}"] += 1
        elif doubts:
            result.counts[f"error:{doubts[0]}"] += 1
        elif error is None:
            result.counts["accepted"] += 1

    def _recover(self) -> list[str]:
        """The same call again, now with true answers, must find the truth."""
        scene = self.scene
        scene.between.arm(None)
        before = {sku: scene.stock(sku) for sku in _WRITTEN}
        seen = Seen()
        try:
            self.endpoint.probe(scene, seen)
        except (Transient, OutcomeUnknown):
            return []  # the broken connection was only noticed now; that is allowed once, and is seen if it goes on
        except Exception as error:  # noqa: BLE001 - as above
            return [f"and is not well afterwards: {type(error).__name__}: {error!s:.300}"]
        truth = scene.truth() if not self.endpoint.write else {}
        problems = judge_seen(seen, truth, scene.living(), self.known)
        problems += judge_writes(scene, seen, before, _WRITTEN, None)
        return [f"and afterwards {text}" for text in problems]


def run_bench(name: str, bodies: int, seed: int) -> Result:
    """Try mutated answers to one endpoint with the adapter alone."""
    endpoint = ENDPOINTS[name]
    result = Result({endpoint.name})
    logged: list[str] = []
    sink = logger.add(lambda message: logged.append(str(message)), level="DEBUG", format="{message} {extra}")
    try:
        with _scene(endpoint) as scene:
            around = surroundings(scene, endpoint)
            known = _documents(scene)
            bench = Bench(scene, endpoint, seed, around, examples_of(endpoint), known, logged)
            bench.run(bodies, result)
    finally:
        logger.remove(sink)
    return result


def surroundings(scene: Scene, endpoint: Endpoint) -> Surroundings:
    """What mutations of an endpoint may draw on."""
    hub = isinstance(scene, Hub)
    header = "" if hub or endpoint.method != "GET" else "X-WP-Total"
    errors = HUB_ERRORS if hub else SHOP_ERRORS
    return Surroundings(endpoint.needed, errors, foreign_to(endpoint), header, scene.secrets)


@contextmanager
def _scene(endpoint: Endpoint) -> Iterator[Scene]:
    clock = Clock()
    if endpoint.side == "till":
        with hub_scene(clock) as hub:
            _make_history(hub)
            clock.advance(600)
            yield hub
    else:
        with shop_scene(clock, older=endpoint.older) as shop:
            _make_shop_history(shop)
            clock.advance(600)
            yield shop


def _make_history(hub: Hub) -> None:
    """Sales, a return, a cancelled order and deletions, so that every feed has rows."""
    sim = hub.sim
    for sku in (*SIMPLE[1:4], *FAMILIES[0]):
        sim.count(sku, 20)
    order = sim.sale(SIMPLE[0], 2)["order"]
    sim.return_items(order, SIMPLE[0], 1)
    sim.cancel_order(sim.sale(SIMPLE[1], 1)["order"])
    sim.sale(FAMILIES[0][0], 1)
    for sku in (TRASHED, FAMILIES[-1][0]):
        sim.delete_product(sku)


def _make_shop_history(shop: Shop) -> None:
    people = shop.sim.people
    for sku in (*SIMPLE[1:4], *FAMILIES[0]):
        people.set_stock(sku, 20)
    list(shop.adapter.read_all())  # the shop was met before; what was trashed since has known children
    order = people.order([{"sku": SIMPLE[0], "quantity": 2}, {"sku": FAMILIES[0][0], "quantity": 1}])["order"]
    late = people.order([{"sku": SIMPLE[2], "quantity": 2}])["order"]
    shop.clock.advance(1800)
    people.refund(order, [{"sku": SIMPLE[0], "quantity": 1}])
    people.refund(late, [{"sku": SIMPLE[2], "quantity": 1}])
    people.trash(TRASHED)
    people.trash(TRASHED_PARENT)


def _documents(scene: Scene) -> dict[str, Decimal]:
    since = scene.clock().replace(hour=0)
    return {event.key: event.quantity for event in scene.adapter.read_events(since)}
