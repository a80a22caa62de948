"""What drivers of simulated servers share: troubles on the wire, counting of requests, one clock.

A driver that inherits from ``WireSide`` writes ``traits``, ``ref``, ``unknown_ref``, ``stock``, ``secrets``,
``set_clock_ahead``, ``expire_credentials``, and what people do: ``create``, ``rename``, ``sell``, ``cancel``,
``receive``, ``count``, ``delete``. What only some sides know is refused here: a driver with such traits writes it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from syncd.adapters.base import AdapterContext, SideAdapter, TokenStore
from syncd.adapters.registry import installed
from syncd.simulators.catalogue import CatalogueVariation
from syncd.simulators.server import Fault, RequestRecord, SimRequest, SimResponse, SimServer, Simulator
from syncd.testing.side import LONG_PAUSE_S, SHORT_PAUSE_S, SLOW_S, Exchange, Trouble

NAME = "conformance"
READS = "GET"
WRITES = "PUT|POST|PATCH|DELETE"

FAULTS = {
    Trouble.LOST_BEFORE: ("lost_before", 0.0),
    Trouble.LOST_AFTER: ("lost_after", 0.0),
    Trouble.ERROR_BEFORE: ("error_500_html", 0.0),
    Trouble.ERROR_AFTER: ("error_500_after", 0.0),
    Trouble.HTML: ("html_200", 0.0),
    Trouble.TRUNCATED: ("truncated", 0.0),
    Trouble.TOO_MANY: ("too_many", SHORT_PAUSE_S),
    Trouble.TOO_MANY_FOR_LONG: ("too_many", LONG_PAUSE_S),
    Trouble.SLOW: ("slow", SLOW_S),
}


@dataclass
class Clock:
    """Time of side and adapter, moved by hand."""

    seconds: float = 1_795_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


class Tampering:
    """A simulator whose answers can be given another shape on their way out."""

    def __init__(self, inner: Simulator) -> None:
        self.inner = inner
        self.plans: list[tuple[Fault, Callable[[Any], Any]]] = []
        self._lock = threading.Lock()

    def handle(self, request: SimRequest) -> SimResponse:
        response = self.inner.handle(request)
        with self._lock:
            change = next((change for fault, change in self.plans if fault.take(request.method, request.path)), None)
        return replace(response, body=change(response.body)) if change and response.status < 300 else response

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        return self.inner.control(action, arguments)


def another_shape(body: Any) -> Any:
    """An object for a list, a list for an object."""
    return {"unexpected": True} if isinstance(body, list) else ["unexpected"]


def without_rows(body: Any) -> Any:
    """A list without its rows, in an envelope or not; what else the answer says of it stays."""
    if isinstance(body, dict):
        return {name: [] if name in {"data", "results"} else value for name, value in body.items()}
    return [] if isinstance(body, list) else body


CHANGES = {Trouble.WRONG_SHAPE: another_shape, Trouble.EMPTY_LIST: without_rows}


@dataclass
class WireSide:
    """The part of a driver that knows only the server.

    Attributes:
        told: (method, path) of each exchange as the adapter reported it.
        leads: What the adapter is told when it asks whether this process may still write.
        credentials_path: Where requests for credentials go (their beginning), which are left alone; empty if there are
            none.
    """

    kind: str
    settings: dict[str, Any]
    server: SimServer
    clock: Clock
    tokens: TokenStore | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    told: list[tuple[str, str]] = field(default_factory=list)
    leads: bool = True
    credentials_path: str = ""

    def __post_init__(self) -> None:
        self.tampering = Tampering(self.server.simulator)
        self.server.simulator = self.tampering
        self.adapter: SideAdapter = self._build()

    @property
    def _counted(self) -> str:
        """Pattern of the paths that are no requests for credentials."""
        return f"^(?!{re.escape(self.credentials_path)})" if self.credentials_path else ""

    def _build(self) -> SideAdapter:
        """Build as the service does, through the registry, but without the spacing of requests."""
        factory = installed()[self.kind]
        settings = factory.settings_model.model_validate(self.settings)
        context = AdapterContext(
            side=NAME,
            settings=settings.model_copy(update={"requests_per_second": 10_000.0}),
            tokens=self.tokens,
            stop=self.stop,
            now=self.clock.now,
            may_write=lambda: self.leads,
            on_request=lambda method, path, status, ms: self.told.append((method, path)),
        )
        return factory.build(context)

    def reopen(self) -> None:
        self.adapter.close()
        self.adapter = self._build()

    def close(self) -> None:
        self.adapter.close()

    def told_paths(self) -> list[str]:
        return [f"{method} {path}" for method, path in self.told]

    def now(self) -> datetime:
        return self.clock.now()

    def pass_time(self, seconds: float) -> None:
        self.clock.seconds += seconds

    def trouble(self, kind: Trouble, *, write: bool = False, times: int = 1, after: int = 0) -> None:
        method = WRITES if write else READS
        name, seconds = FAULTS.get(kind, ("", 0.0))
        fault = Fault(name, method=method, path=self._counted, times=times, after=after, seconds=seconds)
        if kind in CHANGES:
            self.tampering.plans.append((fault, CHANGES[kind]))
        else:
            self.server.add_fault(fault)

    def calm(self) -> None:
        self.server.clear_faults()
        self.server.hooks.clear()
        self.tampering.plans.clear()

    def at_each_request(self, action: Callable[[Exchange], None]) -> None:
        def hook(request: SimRequest) -> None:
            if re.match(self._counted, request.path):
                action(Exchange(0.0, request.method != READS))

        self.server.hooks.append(hook)

    def exchanges(self) -> list[Exchange]:
        found: list[RequestRecord] = self.server.requests(path=self._counted)
        return [Exchange(record.at, record.method != READS) for record in found]

    def go_down(self) -> None:
        self.server.stop()

    # What only some sides know: no test asks for it where the traits or the adapter's capabilities do not promise it

    def add_variation(self, parent: str, variation: CatalogueVariation) -> None:
        raise LookupError("no variations here (traits.variations)")

    def categories(self) -> list[str]:
        raise LookupError("no categories here (capabilities.fields)")

    def images(self, sku: str) -> list[bytes]:
        raise LookupError("no images here (capabilities.fields)")

    def add_image(self, sku: str, content: bytes, *, first: bool = False) -> None:
        raise LookupError("no images of its own here (traits.own_images)")

    def trash(self, sku: str) -> None:
        raise LookupError("no trash here (traits.trash)")

    def restore(self, sku: str) -> None:
        raise LookupError("no trash here (traits.trash)")

    def stop_counting(self, sku: str) -> None:
        raise LookupError("everything is counted here (traits.uncounted)")
