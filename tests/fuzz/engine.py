"""Mutated answers through the whole engine, one per step; after each, everything must be as it happened."""

from __future__ import annotations

import random
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from loguru import logger

from syncd.service.worker import RunOutcome
from syncd.simulators.server import SimRequest
from syncd.state import migrate
from tests.fuzz.bench import surroundings
from tests.fuzz.endpoints import ENDPOINTS, FAMILIES, SIMPLE, Endpoint
from tests.fuzz.judge import LONGEST_S, Result, judge_error, judge_secrets
from tests.fuzz.mutate import Mutator
from tests.fuzz.stage import Stage, open_stage
from tests.fuzz.values import numbers
from tests.fuzz.wire import Answer, Plan, Spoiled

_IN_DOUBT_S = 62.0
_MEMORY = Path("/dev/shm")  # noqa: S108 - only looked for; the folder in it has a random name


@dataclass
class Steps:
    """Steps of one endpoint on a stage that is set up anew whenever one went wrong."""

    endpoint: Endpoint
    seed: int
    result: Result
    logged: list[str] = field(default_factory=list)

    def run(self, bodies: int) -> None:
        """Try ``bodies`` mutated answers."""
        done = tried = 0
        # In memory where there is such a place: what is tested here is not the disk.
        place = str(_MEMORY) if _MEMORY.is_dir() else None
        with tempfile.TemporaryDirectory(prefix="fuzz-", dir=place) as name, ExitStack() as outer:
            template = Path(name) / "template.db"
            migrate.upgrade(f"sqlite:///{template}")
            stack = outer.enter_context(ExitStack())
            stage = stack.enter_context(open_stage(template, Path(name)))
            while done < bodies and tried < 3 * bodies:
                problems, hit = self._step(stage, tried)
                tried += 1
                done += hit
                if problems:
                    stack.close()
                    stage = stack.enter_context(open_stage(template, Path(name)))
        if done < bodies:
            self.result.violations.append(f"{self.endpoint.name}: the engine asked only {done} times")

    def _step(self, stage: Stage, number: int) -> tuple[list[str], bool]:
        name = f"{self.seed}/{self.endpoint.name}/engine {number}"
        rng = numbers(name)
        effect = not self.endpoint.write or rng.random() < 0.6
        scene = stage.scene(self.endpoint.side)
        spoil = Mutator(name, surroundings(scene, self.endpoint), write=self.endpoint.write, effect=effect)
        plan = Plan(self.endpoint.matches, spoil, effect=effect)
        problems: list[str] = []
        began = time.monotonic()
        try:
            stage.begin()
            self.logged.clear()
            outcome = self._spoiled_pass(stage, plan, rng)
            asked = [secret for request in scene.between.traffic.log for secret in scene.secrets(request)]
            problems += self._judge_pass(stage, outcome, asked)
            scene.between.arm(None)
            if self.endpoint.name == "token":
                stage.reauthorise()
            stage.quieten()
            if stage.problems():  # what waits for a second look has it now
                stage.quieten("poll", "poll")
            problems += stage.problems()
            problems += judge_secrets([*self.logged, *stage.shown()], asked)
        except Exception as error:  # noqa: BLE001 - the engine lets nothing else through than outcomes
            problems += judge_error(error, "") or [str(error)]
        if time.monotonic() - began > 2 * LONGEST_S:
            problems.append(f"took {time.monotonic() - began:.1f} s")
        if plan.hit is None:
            what = "nothing was spoiled"
            if not problems:
                return [], False
        else:
            what = f"[{plan.hit.kind}] {plan.hit.detail[:300]}"
            self.result.counts["bodies"] += 1
            self.result.counts["engine bodies"] += 1
        self.result.violations += [f"{name}: {what}: {text}" for text in problems]
        return problems, plan.hit is not None

    def _judge_pass(self, stage: Stage, outcome: RunOutcome, asked: list[str]) -> list[str]:
        between = stage.scene(self.endpoint.side).between
        problems = [f"the fuzzer itself failed: {text}" for text in between.failures]
        if between.traffic.endless:
            problems.append(f"asks without end: {between.traffic.requests} requests")
        if outcome.error is None:
            self.result.counts["accepted"] += 1
            return problems
        self.result.counts[f"error:{type(outcome.error).__name__}"] += 1
        problems += judge_error(outcome.error, stage.scene(self.endpoint.side).adapter.name)
        return problems + judge_secrets([str(outcome.error)], asked)

    def _spoiled_pass(self, stage: Stage, plan: Plan, rng: random.Random) -> RunOutcome:
        """Have the engine ask the endpoint while there is something to see or to do."""
        way, _, what = self.endpoint.engine.partition(" ")
        side, other = self.endpoint.side, "web" if self.endpoint.side == "till" else "till"
        between = stage.scene(side).between
        family = rng.choice(FAMILIES)
        units = {"": [rng.choice(SIMPLE)], "family": [rng.choice(family)], "many": SIMPLE[:3], "families": family[:2]}
        chosen = units[what]
        rest = [sku for sku in (*SIMPLE, *family) if sku not in chosen]
        if way == "write":
            stage.sell(other, *chosen)
            stage.run(other)
            between.arm(plan)
            return stage.run(side)
        if way == "settle":
            stage.sell(other, *chosen)
            stage.run(other)
            between.arm(Plan(_is_stock_write, _lost, effect=rng.random() < 0.5))
            stage.run(side)
            between.arm(None)
            stage.clock.advance(_IN_DOUBT_S)
            stage.sell(side, rest[0])
            between.arm(plan)
            return stage.run(side)
        if self.endpoint.name in {"deleted delta", "trash"}:
            stage.throw_away(side)
        sold = rng.sample(rest, 3)
        stage.sell(side, *sold[:2])
        stage.sell(other, sold[2])
        if self.endpoint.name == "refunds":
            self._refund(stage, chosen[0])
        stage.clock.advance(5)
        stage.run(other)
        if way == "token":
            stage.hub.sim.expire_access_tokens()
        between.arm(plan)
        return stage.run(side, "full" if way == "full" else "poll")

    def _refund(self, stage: Stage, sku: str) -> None:
        """An order whose unit comes back at once: two documents, no change."""
        people = stage.shop.sim.people
        order = people.order([{"sku": sku, "quantity": 1}])["order"]
        people.refund(order, [{"sku": sku, "quantity": 1}])


def run_engine(name: str, bodies: int, seed: int) -> Result:
    """Try mutated answers to one endpoint with the whole engine."""
    endpoint = ENDPOINTS[name]
    result = Result({name})
    steps = Steps(endpoint, seed, result)
    sink = logger.add(lambda message: steps.logged.append(str(message)), level="DEBUG", format="{message} {extra}")
    try:
        steps.run(bodies)
    finally:
        logger.remove(sink)
    return result


def _is_stock_write(request: SimRequest) -> bool:
    return request.method in {"PUT", "POST"} and "token" not in request.path


def _lost(_answer: Answer, _request: SimRequest) -> Spoiled:
    return Spoiled("lost", "the answer never came", b"", close=True)
