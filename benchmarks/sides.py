"""A simulated till or shop as a process of its own, so that its work is not counted as syncd's.

``python -m benchmarks.sides '{"kind": "till", "products": 72000, …}'`` prints one line of JSON with its address and
serves until its standard input ends, so that it never outlives the benchmark.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import IO, TYPE_CHECKING, Any, Self

import httpx

from syncd.simulators.catalogue import CatalogueProduct, make_catalogue
from syncd.simulators.inventorum import InventorumSettings, InventorumSim
from syncd.simulators.server import CONTROL_PREFIX, SimRequest, SimResponse, SimServer
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TILL = "till"
SHOP = "shop"


@dataclass(frozen=True, slots=True)
class SideSpec:
    """What a simulated side holds and how slow it is.

    Attributes:
        kind: ``till`` or ``shop``.
        products: How many products; ``variable`` of them have 2 to 5 variations each.
        variable: See ``products``.
        quantities: In the shop: ``same`` as at the till, ``zero`` or ``random``.
        list_s: Seconds that a page of 100 rows takes.
        batch_s: Seconds that a batch of 100 stock writes takes, others in proportion.
        call_s: Seconds that any other request takes.
        per_second: Requests per second that the till allows before it answers 429; 0: no limit.
    """

    kind: str
    products: int
    variable: int
    quantities: str = "random"
    list_s: float = 0.0
    batch_s: float = 0.0
    call_s: float = 0.0
    per_second: int = 0

    def catalogue(self) -> list[CatalogueProduct]:
        """The goods, the same for till and shop."""
        return make_catalogue(self.products, self.variable)

    def delay_s(self, request: SimRequest) -> float:
        """How long the real side would take for this request."""
        if request.method != "GET" and request.path.endswith("/batch"):
            items = len(json.loads(request.body or b"{}").get("update", ()))
            return self.batch_s * items / 100
        if request.method == "GET" and re.search(r"/(products|variations|orders|refunds)/?$|/delta/", request.path):
            return self.list_s
        return self.call_s


class Side:
    """A running process with a simulated side, as the benchmark sees it."""

    def __init__(self, spec: SideSpec) -> None:
        self.spec = spec
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "benchmarks.sides", json.dumps(asdict(spec))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.url = ""

    def wait_ready(self) -> Self:
        """Wait until it serves.

        Raises:
            RuntimeError: It ended instead; its own words are on standard error.
        """
        output: IO[bytes] | None = self._process.stdout
        line = output.readline() if output else b""
        if not line:
            raise RuntimeError(f"the simulated {self.spec.kind} did not start")
        self.url = str(json.loads(line)["url"])
        return self

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def many(self, action: str, each: Sequence[Mapping[str, Any]]) -> None:
        """Act many times with one call."""
        self._post("many", {"action": action, "each": list(each)})

    def control(self, action: str, **arguments: Any) -> Any:
        """Act as cashier, customer or administrator."""
        return self._post(action, arguments)

    def _post(self, action: str, arguments: Mapping[str, Any]) -> Any:
        answer = httpx.post(f"{self.url}{CONTROL_PREFIX}{action}", json=arguments, timeout=600)
        answer.raise_for_status()
        return answer.json()

    def mark(self) -> int:
        """How many requests it has answered so far."""
        return int(self.control("answered"))

    def close(self) -> None:
        """End it."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def start_sides(specs: Sequence[SideSpec]) -> list[Side]:
    """Start processes beside each other and wait until all of them serve."""
    sides = [Side(spec) for spec in specs]
    try:
        return [side.wait_ready() for side in sides]
    except BaseException:
        for side in sides:
            side.close()
        raise


def _build(spec: SideSpec) -> InventorumSim | WooCommerceSim:
    if spec.kind == TILL:
        till = InventorumSim(InventorumSettings(rate_limit_per_second=spec.per_second))
        till.seed(spec.catalogue())
        return till
    shop = WooCommerceSim(WooCommerceSettings())
    shop.seed(spec.catalogue(), spec.quantities)
    return shop


class Timed:
    """A simulator that takes its time, and keeps how long each answer took.

    Its further actions: ``answered`` (how many), ``took`` (method and seconds of each since ``since``), ``slow``
    (fields of ``SideSpec`` to change), ``many`` (one action with each of many sets of arguments) and ``keep_answers``
    (from now on each read is answered with what it was answered first, ready to be sent: to measure readers alone).
    """

    def __init__(self, inner: InventorumSim | WooCommerceSim, spec: SideSpec) -> None:
        self._inner = inner
        self._spec = spec
        self._took: list[tuple[str, float]] = []
        self._kept: dict[tuple[str, tuple[tuple[str, str], ...]], SimResponse] | None = None

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer one request, late."""
        began = time.monotonic()
        if (delay_s := self._spec.delay_s(request)) > 0:
            time.sleep(delay_s)
        response = self._inner.handle(request) if self._kept is None else self._ready_made(request)
        self._took.append((request.method, time.monotonic() - began))
        return response

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """See the class; everything else is the simulator's own."""
        match action:
            case "answered":
                return len(self._took)
            case "took":
                return self._took[int(arguments["since"]) :]
            case "slow":
                self._spec = replace(self._spec, **arguments)
                return {}
            case "keep_answers":
                self._kept = {}
                return {}
            case "many":
                return [self._inner.control(str(arguments["action"]), each) for each in arguments["each"]]
        return self._inner.control(action, arguments)

    def _ready_made(self, request: SimRequest) -> SimResponse:
        if self._kept is None or request.method != "GET":
            return self._inner.handle(request)
        # A signature is another one each time, of the same question.
        asked = request.path, tuple(each for each in request.query if not each[0].startswith("oauth_"))
        if asked not in self._kept:
            response = self._inner.handle(request)
            body = json.dumps(response.body, separators=(",", ":")).encode()
            self._kept[asked] = replace(response, body=body)
        return self._kept[asked]


def main(argument: str) -> None:
    """Serve a side until standard input ends."""
    spec = SideSpec(**json.loads(argument))
    server = SimServer(Timed(_build(spec), spec))
    with server:
        sys.stdout.write(json.dumps({"url": server.url}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
