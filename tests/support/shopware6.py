"""A simulated Shopware 6 shop with its adapter, and the vendor's OpenAPI file as judge of what they say."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from syncd.adapters.base import AdapterContext
from syncd.adapters.shopware6.adapter import Shopware6Adapter
from syncd.adapters.shopware6.settings import Shopware6Settings as AdapterSettings
from syncd.core.model import ListingRef, RemoteListing
from syncd.simulators.catalogue import CatalogueProduct
from syncd.simulators.server import SimRequest, SimResponse, SimServer
from syncd.simulators.shopware6 import Shopware6Settings, Shopware6Sim
from syncd.testing.wire import Clock

ROOT = Path(__file__).parents[2]
REFERENCE = Path(os.environ.get("SYNCD_REFERENCE") or ROOT.parent / "shared" / "reference")
"""The vendors' files, which are no part of this repository."""
OPENAPI = REFERENCE / "schemas" / "shopware6-admin-api-6.7.10.1.openapi.json.gz"


@dataclass
class Stand:
    """A shop and its adapter.

    Attributes:
        leads: What the adapter hears when it asks ``may_write``.
    """

    sim: Shopware6Sim
    server: SimServer
    clock: Clock
    leads: bool = True
    adapter: Shopware6Adapter = field(init=False)

    def __post_init__(self) -> None:
        self.adapter = self.connect()

    def connect(self, **settings: Any) -> Shopware6Adapter:
        """An adapter of the shop; ``settings`` in place of the right ones."""
        values = {
            "url": self.server.url,
            "client_id": self.sim.settings.client_id,
            "client_secret": self.sim.settings.client_secret,
            "requests_per_second": 1000,
            **settings,
        }
        context = AdapterContext(
            side="web",
            settings=AdapterSettings.model_validate(values),
            now=self.clock.now,
            may_write=lambda: self.leads,
        )
        return Shopware6Adapter(context)

    def ref(self, sku: str) -> ListingRef:
        row = self.sim.shop.with_number(sku)
        return ListingRef(row["id"], row["parentId"])

    def reading(self, sku: str) -> RemoteListing:
        (found,) = self.adapter.fetch([self.ref(sku)]).listings
        return found

    def sent(self, path: str = "", method: str = ".*") -> list[str]:
        """Method and address of the requests so far."""
        return [f"{one.method} {one.target}" for one in self.server.requests(path=path, method=method)]


@contextmanager
def shop(catalogue: list[CatalogueProduct], **settings: Any) -> Iterator[Stand]:
    """Open a shop that sells a catalogue."""
    clock = Clock()
    sim = Shopware6Sim(Shopware6Settings(clock=clock, **settings))
    sim.seed(catalogue)
    with SimServer(sim) as server:
        stand = Stand(sim, server, clock)
        try:
            yield stand
        finally:
            stand.adapter.close()


def openapi() -> Mapping[str, Any]:
    """The vendor's file; without it the test is skipped."""
    if not OPENAPI.is_file():
        pytest.skip(f"the vendor's OpenAPI file is not at {OPENAPI}; SYNCD_REFERENCE may name its folder")
    return _openapi()


def openapi_if_there() -> Mapping[str, Any] | None:
    """The same where it is there."""
    return _openapi() if OPENAPI.is_file() else None


@cache
def _openapi() -> Mapping[str, Any]:
    with gzip.open(OPENAPI, "rt", encoding="utf-8") as file:
        document: Mapping[str, Any] = json.load(file)
    return document


class Judged:
    """A simulator whose requests and answers are held against the OpenAPI file.

    The file knows no ``null`` and requires fields that a search may leave out, so neither counts against an answer; nor
    does PHP's spelling of an object without entries, ``[]``. It calls the names in ``breadcrumb`` objects, though
    the shop's own tests expect texts there.

    Attributes:
        seen: Operations that were judged.
        wrong: What does not fit.
    """

    def __init__(self, inner: Shopware6Sim, document: Mapping[str, Any]) -> None:
        self._inner = inner
        self._document = document
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path)
            for path in sorted(document["paths"], key=lambda path: path.count("{"))
        ]
        self.seen: set[str] = set()
        self.wrong: list[str] = []

    def handle(self, request: SimRequest) -> SimResponse:
        response = self._inner.handle(request)
        self._judge(request, response)
        return response

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        return self._inner.control(action, arguments)

    def _judge(self, request: SimRequest, response: SimResponse) -> None:
        below = request.path.removeprefix("/api")
        path = next((path for pattern, path in self._paths if pattern.fullmatch(below)), None)
        operation = self._document["paths"].get(path, {}).get(request.method.lower()) if path else None
        label = f"{request.method} {path or below}"
        if operation is None:
            self.wrong.append(f"{label} is not in the file")
            return
        self.seen.add(label)
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content and "json" in request.headers.get("content-type", ""):
            self._check(f"{label} request", content["application/json"]["schema"], json.loads(request.body))
        answers = operation["responses"].get(str(response.status), {})
        schema = answers.get("content", {}).get("application/json", {}).get("schema")
        if schema is not None and response.status < 300:
            self._check(f"{label} answer", _lenient(schema), _without_nulls(response.body))

    def _check(self, label: str, schema: Any, value: Any) -> None:
        components = _lenient_components() if label.endswith("answer") else self._document["components"]
        validator = Draft202012Validator({**schema, "components": components})
        for error in list(validator.iter_errors(value))[:5]:
            self.wrong.append(f"{label}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}")


@cache
def _lenient_components() -> Any:
    return _lenient(_openapi()["components"])


def _lenient(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_lenient(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _lenient(each) for name, each in schema.items() if name != "required" or not isinstance(each, list)}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if each is not None and name != "breadcrumb"}
        return {name: _without_nulls(each) for name, each in kept.items() if (name, each) != ("extensions", [])}
    return value
