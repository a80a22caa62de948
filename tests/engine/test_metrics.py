"""What /metrics shows is what the database says; counters count each thing once, and a scrape costs what is new."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from syncd.service.metrics import METRICS, SyncdCollector, registry
from syncd.service.status import read_status
from syncd.state.models import TokenRow
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.state.engine import Database

EVERYTHING = {"A": 10, "B": 10, "C": 10}


class Scraped:
    """Scrapes an account; a value is looked up by name and labels."""

    def __init__(self, account: Account, *, leading: bool = True) -> None:
        self.account = account
        sides: Any = [SimpleNamespace(name=name, kind="memory", poll_seconds=15) for name in account.workers]
        config: Any = SimpleNamespace(sides=sides)
        self.config = config
        self.collector = SyncdCollector(
            account.db,
            self.config,
            account.clock,
            leading=lambda: leading,
            requests=lambda: {name: worker.requests for name, worker in account.workers.items()},
        )
        self.registry = registry(self.collector)
        self.values: dict[tuple[str, ...], float] = {}
        self.text = ""
        self()

    def __call__(self) -> dict[tuple[str, ...], float]:
        self.text = generate_latest(self.registry).decode()
        samples = [sample for family in text_string_to_metric_families(self.text) for sample in family.samples]
        self.values = {(sample.name, *_in_order(sample)): sample.value for sample in samples}
        return self.values

    def __getitem__(self, key: tuple[str, ...]) -> float:
        return self.values[key]

    def named(self, name: str) -> dict[tuple[str, ...], float]:
        return {key[1:]: value for key, value in self.values.items() if key[0] == name}


def _in_order(sample: Any) -> Iterator[str]:
    """Values of the labels in the order of our table; the parser sorts them."""
    names = METRICS[sample.name].labels if sample.name in METRICS else sample.labels
    assert set(names) == set(sample.labels), sample
    return (sample.labels[name] for name in names)


@pytest.fixture
def scraped(database: Database) -> Scraped:
    return Scraped(two_sides(database, EVERYTHING, EVERYTHING))


def test_a_quiet_account_says_that_it_is_well(scraped: Scraped) -> None:
    scraped.account.clock.advance(15)
    scraped.account.poll()
    scraped()
    at = scraped.account.clock().timestamp()
    assert scraped["syncd_healthy",] == scraped["syncd_database_up",] == scraped["syncd_leader",] == 1
    assert scraped["syncd_status_code",] == 0
    assert scraped["syncd_side_last_read_timestamp_seconds", "web"] == at
    assert scraped["syncd_side_linked_listings", "web"] == 3
    assert scraped.named("syncd_passes_total") == {("till", "poll", "ok"): 1, ("web", "poll", "ok"): 1}
    assert scraped.named("syncd_last_pass_timestamp_seconds") == {("till", "poll"): at, ("web", "poll"): at}
    assert scraped.named("syncd_last_pass_seconds") == {("till", "poll"): 0, ("web", "poll"): 0}
    assert scraped["syncd_database_size_bytes",] > 10_000
    assert scraped.named("syncd_operations_total") == {}
    assert "process_open_fds" in scraped.text


def test_the_numbers_are_those_of_the_status(scraped: Scraped) -> None:
    account = scraped.account
    account.worlds["till"].sell("t-A", 12)
    account.poll("till")
    account.worlds["web"].faults[:] = ["lost_after"]
    account.poll("web")
    account.clock.advance(200)
    scraped()
    status = read_status(account.db, scraped.config, account.clock())
    assert scraped["syncd_status_code",] == status.code == 1
    assert scraped["syncd_healthy",] == 0
    for side in status.sides:
        assert scraped["syncd_side_pending_listings", side.side] == side.pending
        assert scraped["syncd_side_unsent_seconds", side.side] == side.unsent_s
        assert scraped["syncd_side_linked_listings", side.side] == side.linked
        stale = scraped["syncd_side_stale", side.side, "read"] or scraped["syncd_side_stale", side.side, "write"]
        assert bool(stale) == side.stale
    assert scraped.named("syncd_operations_open") == {("web", "unknown"): 1}
    kinds = [(finding.kind, finding.severity) for finding in status.findings]
    assert scraped.named("syncd_findings_open") == {key: kinds.count(key) for key in kinds}
    assert ("oversell", "error") in kinds


def test_an_operation_is_counted_once_when_it_is_settled_however_often_it_was_seen_open(scraped: Scraped) -> None:
    account = scraped.account
    account.worlds["till"].sell("t-A", 1)
    account.worlds["till"].sell("t-B", 1)
    account.worlds["web"].faults[:] = ["lost_after"]
    account.poll()
    scraped()
    scraped()
    assert scraped.named("syncd_operations_open") == {("web", "unknown"): 2}
    assert scraped.named("syncd_operations_total") == {}
    assert scraped["syncd_unknown_outcomes_total", "web"] == 2
    account.worlds["till"].sell("t-C", 1)
    account.settle_down()
    scraped()
    scraped()
    assert scraped.named("syncd_operations_open") == {}
    assert scraped.named("syncd_operations_total") == {
        ("web", "confirmed", "answer"): 1,
        ("web", "confirmed", "marker"): 2,
    }
    assert scraped.named("syncd_doubts_settled_total") == {("web", "confirmed", "marker"): 2}
    assert scraped["syncd_writes_total", "web"] == 3


def test_what_was_there_before_the_process_is_not_counted_again(scraped: Scraped) -> None:
    account = scraped.account
    account.worlds["till"].sell("t-A", 1)
    account.poll()
    scraped()
    assert scraped["syncd_movements_total", "till"] == 1
    later = Scraped(account)
    later()
    assert later.named("syncd_movements_total") == {}
    account.worlds["till"].sell("t-A", 2)
    account.poll()
    later()
    scraped()
    assert (later["syncd_movements_total", "till"], scraped["syncd_movements_total", "till"]) == (1, 2)


def test_what_was_under_way_when_the_process_started_is_counted_when_it_ends(scraped: Scraped) -> None:
    account = scraped.account
    account.worlds["till"].sell("t-A", 1)
    account.worlds["web"].faults[:] = ["lost_after"]
    account.poll()
    later = Scraped(account)
    account.settle_down()
    later()
    assert later.named("syncd_doubts_settled_total") == {("web", "confirmed", "marker"): 1}


def test_drift_that_a_sweep_finds_is_counted(scraped: Scraped) -> None:
    account = scraped.account
    web = account.worlds["web"]
    web.sell("w-A", 2)
    web.things["w-A"].changed = 0  # the feed never names it
    account.poll()
    account.poll(kind="full")
    scraped()
    assert scraped["syncd_drift_found_total", "web"] == 1


def test_requests_are_told_by_side_and_outcome(scraped: Scraped) -> None:
    counter = scraped.account.workers["web"].requests
    for method, status in (("GET", 200), ("GET", 429), ("PUT", 0), ("PUT", 503), ("POST", 400), ("QUERY", 302)):
        counter(method, "/products", status, 3.0)
    counter("GET", "/products", 200, 3.0)
    counter.take()
    scraped()
    assert scraped.named("syncd_requests_total") == {
        ("web", "read", "ok"): 2,
        ("web", "read", "rate_limited"): 1,
        ("web", "read", "redirected"): 1,
        ("web", "write", "no_answer"): 1,
        ("web", "write", "refused"): 1,
        ("web", "write", "server_error"): 1,
    }


def test_the_end_of_tokens_is_told_and_nothing_of_them(scraped: Scraped) -> None:
    account = scraped.account
    with account.db.write() as session:
        session.add(
            TokenRow(
                credential="till", access_token="acc3ss", refresh_token="refr3sh", expires_at=account.clock(),
                seed_fingerprint="f1nger", generation=1, rotated_at=account.clock(),
            )
        )  # fmt: skip
    scraped()
    assert scraped["syncd_token_expiry_timestamp_seconds", "till"] == account.clock().timestamp()
    assert not any(secret in scraped.text for secret in ("acc3ss", "refr3sh", "f1nger"))


def test_everything_that_is_exported_is_in_the_table(scraped: Scraped) -> None:
    account = scraped.account
    account.worlds["till"].sell("t-A", 12)
    account.worlds["web"].faults[:] = ["lost_after"]
    account.poll()
    account.settle_down()
    for family in text_string_to_metric_families(generate_latest(scraped.registry).decode()):
        for sample in family.samples:
            assert sample.name in METRICS or sample.name.startswith("process_")
    for name, kind in METRICS.items():
        assert name.endswith("_total") or not name.endswith(("_count", "_sum")), name
        assert kind.help.endswith("."), name


def test_a_database_that_is_away_is_said_and_not_healthy(sqlite_database: Database) -> None:
    scraped = Scraped(two_sides(sqlite_database, EVERYTHING, EVERYTHING))
    sqlite_database.engine.dispose()
    folder = Path(str(sqlite_database.engine.url.database)).parent
    folder.rename(folder.with_name(f"{folder.name}-away"))
    scraped()
    assert scraped["syncd_database_up",] == scraped["syncd_healthy",] == 0
    assert scraped.named("syncd_side_stale") == {}


def test_a_scrape_costs_what_is_new_and_not_the_history(scraped: Scraped) -> None:
    account = scraped.account
    statements: list[str] = []

    def note(*given: Any) -> None:
        statements.append(given[2])

    event.listen(account.db.engine, "before_cursor_execute", note)
    try:
        scraped()
        once = len(statements)
        for _ in range(9):
            account.worlds["till"].sell("t-A", 1)
            account.poll()
        scraped()
        statements.clear()
        scraped()
    finally:
        event.remove(account.db.engine, "before_cursor_execute", note)
    assert len(statements) == once
    assert not any(statement.startswith(("BEGIN IMMEDIATE", "SELECT pg_advisory")) for statement in statements)
    assert len(account.operations()) == 9
