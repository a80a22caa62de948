"""What ``/metrics`` shows. Numbers come from the database where it knows them: they are those of ``syncd status``.

Gauges are read anew for each scrape. Counters begin at 0 when the process starts, as Prometheus expects, and count the
rows that were finished since: what a scrape costs grows with what happened since the last one, not with the history.
All of it is read in one short reading transaction, which holds up no writer.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import and_, func, or_, select, text

from syncd import __version__
from syncd.errors import DatabaseUnavailable
from syncd.service.freshness import read_health
from syncd.state.models import Listing, Operation, Run, Side, TokenRow, is_open

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.config import Config
    from syncd.service.freshness import Health
    from syncd.service.runs import RequestCounter
    from syncd.state.engine import Database

Labels = tuple[str, ...]
Values = dict[Labels, float]


@dataclass(frozen=True, slots=True)
class Kind:
    """A metric.

    Attributes:
        name: As it is exported, with ``_total`` for a counter.
        help: What it says, for people.
        labels: Names of its labels.
    """

    name: str
    help: str
    labels: Labels = ()

    def family(self, values: Mapping[Labels, float]) -> Metric:
        """The metric with its values, as the client library exports it."""
        make = CounterMetricFamily if self.name.endswith("_total") else GaugeMetricFamily
        made = make(self.name, self.help, labels=self.labels)
        for labels, value in sorted(values.items()):
            made.add_metric(labels, value)
        return made


_SIDE = ("side",)
_COUNTED = {
    "listings_read": ("syncd_listings_read_total", "Listings that reads showed."),
    "movements": ("syncd_movements_total", "Changes of quantities that were seen on the side and counted."),
    "writes": ("syncd_writes_total", "Stock writes that were sent."),
    "unknown": ("syncd_unknown_outcomes_total", "Stock writes whose answer was lost."),
    "drift": ("syncd_drift_found_total", "Changes that a sweep found and the feeds had missed."),
    "fields_written": ("syncd_fields_written_total", "Fields of products that were written and confirmed."),
    "made": ("syncd_products_made_total", "Products and variations made on the side."),
    "withdrawn": ("syncd_products_withdrawn_total", "Products and variations withdrawn from the side."),
}

METRICS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("syncd_build_info", "Always 1; the version is a label.", ("version",)),
        Kind("syncd_healthy", "1 if all is well: /healthz says 200 and `syncd status` ends with 0."),
        Kind(
            "syncd_status_code", "Exit code of `syncd status`: 0 fine, 1 stale, 3 a person must decide, 5 re-authorise."
        ),
        Kind("syncd_leader", "1 if this process moves stock, 0 if it stands by."),
        Kind(
            "syncd_database_up",
            "1 if the database could be read for this scrape, and written to lately by this process.",
        ),
        Kind("syncd_database_size_bytes", "Size of the database, without its write-ahead log."),
        Kind("syncd_side_last_read_timestamp_seconds", "When changes of the side were last read completely.", _SIDE),
        Kind("syncd_side_last_sweep_timestamp_seconds", "When everything on the side was last read.", _SIDE),
        Kind("syncd_side_last_write_timestamp_seconds", "When a stock write to the side was last confirmed.", _SIDE),
        Kind(
            "syncd_side_unsent_seconds", "For how long, at the most, a change has waited for the side; 0: none.", _SIDE
        ),
        Kind(
            "syncd_side_stale",
            "1 if reads of the side (or writes to it) are later than allowed.",
            ("side", "direction"),
        ),
        Kind("syncd_side_pending_listings", "Listings whose stock waits to be planned or written there.", _SIDE),
        Kind("syncd_side_linked_listings", "Listings of the side that are linked and there.", _SIDE),
        Kind("syncd_operations_open", "Stock writes that are not settled, by state.", ("side", "state")),
        Kind("syncd_findings_open", "Open findings, by kind and severity.", ("kind", "severity")),
        Kind(
            "syncd_token_expiry_timestamp_seconds",
            "When the access token of the side ends; it is renewed before.",
            _SIDE,
        ),
        Kind("syncd_passes_total", "Passes over the side that ended, by kind and result.", ("side", "kind", "result")),
        Kind(
            "syncd_last_pass_timestamp_seconds", "When the last pass of a kind over the side ended.", ("side", "kind")
        ),
        Kind("syncd_last_pass_seconds", "How long that pass took.", ("side", "kind")),
        Kind("syncd_pass_seconds_total", "Time that passes over the side took.", ("side", "kind")),
        *(Kind(name, said, _SIDE) for name, said in _COUNTED.values()),
        Kind(
            "syncd_operations_total",
            "Stock writes that were settled: how, and by what.",
            ("side", "state", "settled_by"),
        ),
        Kind(
            "syncd_doubts_settled_total",
            "Of these, those whose answer had been lost.",
            ("side", "state", "settled_by"),
        ),
        Kind("syncd_requests_total", "HTTP exchanges with the side.", ("side", "access", "outcome")),
    )
}


@dataclass(slots=True)
class _Tail:
    """Rows of a table that came to their end since the last look; rows under way are remembered and looked at again."""

    model: type[Run | Operation]
    is_under_way: ColumnElement[bool]
    mark: int | None = None
    under_way: frozenset[int] = frozenset()

    def ended(self, session: Session) -> Iterable[Run | Operation]:
        """Yield each row once; the first look only notes where the table ends."""
        model = self.model
        top = session.scalar(select(func.max(model.id))) or 0
        rows: Iterable[Any] = ()
        if self.mark is not None:
            new = or_(and_(model.id > self.mark, model.id <= top), model.id.in_(self.under_way))
            query = select(model).where(new, ~self.is_under_way).order_by(model.id)
            rows = session.scalars(query.execution_options(yield_per=500))
        yield from rows
        self.under_way = frozenset(session.scalars(select(model.id).where(self.is_under_way)))
        self.mark = top


@dataclass(slots=True)
class Numbers:
    """What this process has seen since it started, by metric and labels."""

    values: dict[str, Values] = field(default_factory=dict)

    def add(self, name: str, labels: Labels, amount: float = 1) -> None:
        """Count something."""
        of = self.values.setdefault(name, {})
        of[labels] = of.get(labels, 0) + amount

    def put(self, name: str, labels: Labels, value: float) -> None:
        """Note the newest value of something."""
        self.values.setdefault(name, {})[labels] = value


class SyncdCollector(Collector):
    """Collects for one scrape. Scrapes take turns.

    Args:
        db: The database.
        config: Names the sides.
        now: Clock.
        leading: Whether this process holds the lease.
        writable: Whether this process could write to the database lately.
        requests: Counters of HTTP exchanges by side; those of sides that have none yet are left out.
    """

    def __init__(
        self,
        db: Database,
        config: Config,
        now: Callable[[], datetime],
        *,
        leading: Callable[[], bool],
        writable: Callable[[], bool] = lambda: True,
        requests: Callable[[], Mapping[str, RequestCounter]],
    ) -> None:
        self._db = db
        self._config = config
        self._now = now
        self._leading = leading
        self._writable = writable
        self._requests = requests
        self._lock = threading.Lock()
        self._numbers = Numbers()
        self._runs = _Tail(Run, Run.result == "running")
        self._operations = _Tail(Operation, is_open())

    def begin(self) -> None:
        """Note where the tables end: what ends from here on is counted. Otherwise the first scrape does."""
        with self._lock, suppress(DatabaseUnavailable), self._db.read() as session:
            self._count(session, {})

    def describe(self) -> Iterable[Metric]:
        """All names, without a look at the database."""
        return [kind.family({}) for kind in METRICS.values()]

    def collect(self) -> Iterator[Metric]:
        """Read everything anew."""
        with self._lock:
            found = self._of_this_process()
            try:
                with self._db.read() as session:
                    found |= self._of_the_database(session)
                is_up = self._writable()
            except DatabaseUnavailable:
                is_up = False
            if not is_up:
                found["syncd_healthy"] = found["syncd_database_up"] = {(): 0}
            found |= {name: dict(values) for name, values in self._numbers.values.items()}
        yield from (kind.family(found[name]) for name, kind in METRICS.items() if name in found)

    def _of_this_process(self) -> dict[str, Values]:
        requests: Values = {}
        for side, counter in self._requests().items():
            requests |= {(side, *outcome): number for outcome, number in counter.outcomes().items()}
        return {
            "syncd_build_info": {(__version__,): 1},
            "syncd_leader": {(): float(self._leading())},
            "syncd_requests_total": requests,
        }

    def _of_the_database(self, session: Session) -> dict[str, Values]:
        names = {row.id: row.name for row in session.scalars(select(Side))}
        configured = {side.name for side in self._config.sides}
        sides = [row for row in session.scalars(select(Side)) if row.name in configured]
        self._count(session, names)
        return {
            "syncd_database_up": {(): 1},
            "syncd_database_size_bytes": {(): _size(session)},
            "syncd_side_last_read_timestamp_seconds": _times(sides, "last_read_at"),
            "syncd_side_last_sweep_timestamp_seconds": _times(sides, "last_full_read_at"),
            "syncd_side_last_write_timestamp_seconds": _times(sides, "last_write_at"),
            "syncd_side_linked_listings": _linked(session, names),
            "syncd_operations_open": _open(session, names),
            "syncd_token_expiry_timestamp_seconds": {
                (row.credential,): row.expires_at.timestamp()
                for row in session.scalars(select(TokenRow))
                if row.credential in configured
            },
            **_of_health(read_health(session, self._config, self._now())),
        }

    def _count(self, session: Session, names: Mapping[int, str]) -> None:
        for run in self._runs.ended(session):
            self._count_run(run, names[run.side_id])
        for operation in self._operations.ended(session):
            self._count_operation(operation, names[operation.side_id])

    def _count_run(self, run: Any, side: str) -> None:
        self._numbers.add("syncd_passes_total", (side, run.kind, run.result))
        if run.finished_at is not None:
            took_s = max(0.0, (run.finished_at - run.started_at).total_seconds())
            self._numbers.add("syncd_pass_seconds_total", (side, run.kind), took_s)
            self._numbers.put("syncd_last_pass_seconds", (side, run.kind), took_s)
            self._numbers.put("syncd_last_pass_timestamp_seconds", (side, run.kind), run.finished_at.timestamp())
        for column, (name, _) in _COUNTED.items():
            self._numbers.add(name, (side,), getattr(run, column))

    def _count_operation(self, operation: Any, side: str) -> None:
        labels = (side, operation.state, operation.settled_by or "nobody")
        self._numbers.add("syncd_operations_total", labels)
        if operation.doubted_at is not None:
            self._numbers.add("syncd_doubts_settled_total", labels)


def registry(collector: SyncdCollector) -> CollectorRegistry:
    """Everything that is exported: ours, and what the library knows of the process (``process_…``)."""
    made = CollectorRegistry()
    made.register(collector)
    ProcessCollector(registry=made)
    return made


def _of_health(health: Health) -> dict[str, Values]:
    sides = health.sides
    findings: Values = {(kind, severity): number for (kind, severity), number in health.findings.items()}
    stale: Values = {(side.side, "read"): float(side.read_stale) for side in sides}
    stale |= {(side.side, "write"): float(side.write_stale) for side in sides}
    return {
        "syncd_healthy": {(): float(health.code == 0)},
        "syncd_status_code": {(): health.code},
        "syncd_side_unsent_seconds": {(side.side,): side.unsent_s for side in sides if side.unsent_s is not None},
        "syncd_side_stale": stale,
        "syncd_side_pending_listings": {(side.side,): side.pending for side in sides},
        "syncd_findings_open": findings,
    }


def _times(sides: Iterable[Side], column: str) -> Values:
    found = {(side.name,): getattr(side, column) for side in sides}
    return {labels: at.timestamp() for labels, at in found.items() if at is not None}


def _linked(session: Session, names: Mapping[int, str]) -> Values:
    query = select(Listing.side_id, func.count()).where(Listing.item_id.is_not(None), Listing.gone_at.is_(None))
    return {(names[side],): number for side, number in session.execute(query.group_by(Listing.side_id))}


def _open(session: Session, names: Mapping[int, str]) -> Values:
    query = select(Operation.side_id, Operation.state).where(is_open())
    found: Counter[Labels] = Counter((names[side], state) for side, state in session.execute(query))
    return dict(found)


def _size(session: Session) -> float:
    if session.get_bind().dialect.name == "postgresql":
        return float(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    pages = session.scalar(text("PRAGMA page_count")) or 0
    return float(pages * (session.scalar(text("PRAGMA page_size")) or 0))
