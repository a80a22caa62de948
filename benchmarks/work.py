"""The measured process: syncd itself with a configuration, and nothing else. It prints what its work took, as JSON.

``python -m benchmarks.work passes '{"config": "…/config.toml", "passes": 1, "full": false, "no_limits": true}'``
"""

from __future__ import annotations

import cProfile
import json
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.usage import measured, peak_mb
from syncd.config import load_config
from syncd.log import setup_logging
from syncd.service.account import Account, open_account, open_to_look, sync_once
from syncd.service.audit import audit as compare
from syncd.service.memory import settle_in
from syncd.state.engine import open_database
from syncd.state.migrate import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.config import Config, SideConfig

_LAST_WORDS = 3000
_NO_LIMIT = 1e9
"""Requests per second, where the network is not to be what limits."""


def in_process_of_its_own(action: str, **arguments: Any) -> dict[str, Any]:
    """Have an action carried out by a fresh process; returns what it printed.

    Raises:
        RuntimeError: It failed; the message has the end of what it said.
    """
    command = [sys.executable, "-m", "benchmarks.work", action, json.dumps(arguments)]
    with tempfile.TemporaryFile() as log:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, check=False)  # noqa: S603 - our own program
        if done.returncode:
            log.seek(0)
            said = log.read().decode("utf-8", "replace")[-_LAST_WORDS:]
            raise RuntimeError(f"the measured process ended with {done.returncode}: {said}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def opened(config_file: str, *, no_limits: bool) -> Account:
    """Open an account as the daemon does."""
    setup_logging("INFO")  # lines are made as in earnest; ``in_process_of_its_own`` throws them away
    config = load_config(Path(config_file), {})
    upgrade(config.syncd.database)
    account = open_account(_unlimited(config) if no_limits else config, open_database(config.syncd.database))
    settle_in()
    return account


def _unlimited(config: Config) -> Config:
    """The same without rate budgets, which the configuration itself does not allow."""

    def free(side: SideConfig) -> SideConfig:
        settings = side.settings.model_copy(update={"requests_per_second": _NO_LIMIT})
        return side.model_copy(update={"settings": settings})

    shops = {name: free(shop) for name, shop in config.shops.items()}
    return config.model_copy(update={"hub": free(config.hub), "shops": shops})


def sync(*, config: str, passes: int = 1, full: bool = False, no_limits: bool = True) -> list[dict[str, Any]]:
    """Sync some times; what each pass took, read and wrote."""
    found = []
    account = opened(config, no_limits=no_limits)
    with closing(account):
        for _ in range(passes):
            with measured(account.db.engine) as usage:
                outcomes = sync_once(account, full=full, cause="benchmark")
            if errors := [str(outcome.error) for outcome in outcomes if outcome.error]:
                raise RuntimeError("; ".join(errors))
            counts: dict[str, int] = {}
            for outcome in outcomes:
                for name, value in asdict(outcome.run.counts).items():
                    counts[name] = counts.get(name, 0) + value
            found.append({**asdict(usage), **counts})
    return found


def audit(*, config: str) -> dict[str, Any]:
    """Compare all sides with the ledger, as `syncd audit` does; what it took."""
    setup_logging("INFO")
    loaded = _unlimited(load_config(Path(config), {}))
    db, stop = open_database(loaded.syncd.database), threading.Event()
    sides = open_to_look(loaded, db, stop=stop)
    try:
        with measured(db.engine) as usage:
            report = compare(sides, db, stop=stop, progress=lambda side, step, done, total: None)
    finally:
        for side in sides:
            side.adapter.close()
    compared = sum(side.compared for side in report.sides)
    return {**asdict(usage), "compared": compared, "exit_code": report.exit_code}


_ACTIONS: dict[str, Callable[..., Any]] = {"passes": sync, "audit": audit}


def main(action: str, text: str) -> None:
    """Carry out one action and print what came of it, with the peak memory of this process."""
    arguments: dict[str, Any] = json.loads(text)
    profile_file = arguments.pop("profile", None)
    profiler = cProfile.Profile() if profile_file else None
    if profiler:
        profiler.enable()
    result = _ACTIONS[action](**arguments)
    if profiler:
        profiler.disable()
        profiler.dump_stats(profile_file)
    sys.stdout.write(json.dumps({"result": result, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
