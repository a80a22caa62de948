"""``python -m tests.fuzz --bodies 1000 --seed 1``: mutated answers at every endpoint, one summary line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from loguru import logger

from tests.fuzz.bench import run_bench
from tests.fuzz.endpoints import ENDPOINTS
from tests.fuzz.engine import run_engine
from tests.fuzz.judge import Result

_SHOWN = 40
_PART = 250
_ENGINE_PART = 30


@dataclass(frozen=True)
class Job:
    """A part of the run that one process does."""

    run: Callable[[str, int, int], Result]
    name: str
    bodies: int
    seed: int

    def __call__(self) -> Result:
        """Do it."""
        logger.remove()
        return self.run(self.name, self.bodies, self.seed)


def jobs_of(names: list[str], bodies: int, engine: int, seed: int) -> list[Job]:
    """Parts of the run, the long ones first. Of ``bodies`` per endpoint, ``engine`` go through the whole engine."""
    jobs: list[Job] = []
    for name in names:
        through = min(engine, bodies) if ENDPOINTS[name].engine else 0
        jobs += _parts(run_engine, name, through, _ENGINE_PART, seed)
    for name in names:
        through = min(engine, bodies) if ENDPOINTS[name].engine else 0
        jobs += _parts(run_bench, name, bodies - through, _PART, seed)
    return jobs


def _parts(run: Callable[[str, int, int], Result], name: str, bodies: int, size: int, seed: int) -> list[Job]:
    return [
        Job(run, name, min(size, bodies - start), seed * 1_000_003 + start) for start in range(0, max(0, bodies), size)
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns 1 if anything did not hold."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--bodies", type=int, default=1000, help="mutated bodies per endpoint")
    parser.add_argument("--engine", type=int, default=60, help="of them through the whole engine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="part of the endpoints' names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args(arguments)
    jobs = jobs_of([name for name in ENDPOINTS if options.only in name], options.bodies, options.engine, options.seed)
    result = Result()
    with ProcessPoolExecutor(max(1, options.jobs)) as pool:
        for future in [pool.submit(job) for job in jobs]:
            result += future.result()
    for text in result.violations[:_SHOWN]:
        sys.stderr.write(f"{text}\n")
    sys.stdout.write(f"{result.line()}\n")
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
