"""One request on its way through the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from syncd.simulators.server import SimResponse
from syncd.simulators.woocommerce import fields, php
from syncd.simulators.woocommerce.problems import ApiError

if TYPE_CHECKING:
    from syncd.simulators.server import SimRequest


@dataclass(slots=True)
class Call:
    """A request with its parts read.

    Attributes:
        request: As it came.
        root: Address of the API up to ``/wp-json``.
        args: Parts of the path by name.
        query: Query parameters, nested as PHP does.
        body: Parameters of the body.
    """

    request: SimRequest
    root: str
    args: Mapping[str, str]
    query: dict[str, Any]
    body: dict[str, Any] = field(default_factory=dict)

    def id(self, name: str = "id") -> int:
        """A number from the path."""
        return int(self.args[name])

    @property
    def wanted(self) -> fields.Wanted | None:
        """``_fields``."""
        return fields.parse(self.query.get("_fields"))

    @property
    def edit(self) -> bool:
        """Whether things are asked for as they are stored (``context=edit``)."""
        return self.query.get("context") == "edit"

    @property
    def force(self) -> bool:
        """``force`` of a deletion."""
        return php.string_to_bool(self.query.get("force", self.body.get("force", False)))

    def reply(self, data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> SimResponse:
        """An answer, cut to the wanted fields."""
        return SimResponse(status, fields.prune(data, self.wanted), headers or {})

    def created(self, data: Any, path: str) -> SimResponse:
        """201 with the new address, which shows the route's pattern for nested routes as the real one does."""
        return self.reply(data, 201, {"Location": f"{self.root}/wc/v3/{path}"})


Handler = Callable[[Call], SimResponse]
Route = tuple[str, str, Handler]
"""Methods separated by spaces, pattern below ``/wc/v3``, and what answers it."""

WRITE = "POST PUT PATCH"


def read_body(request: SimRequest) -> dict[str, Any]:
    """Parameters of a body: a JSON object, or a form.

    Raises:
        ApiError: 400 ``rest_invalid_json``.
    """
    if not request.body.strip():
        return {}
    if "json" not in request.headers.get("content-type", ""):
        return php.parse_pairs(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
    try:
        data = json.loads(request.body)
    except ValueError:
        raise ApiError(
            400,
            "rest_invalid_json",
            "Invalid JSON body passed.",
            json_error_code=4,
            json_error_message="Syntax error",
        ) from None
    return data if isinstance(data, dict) else {}
