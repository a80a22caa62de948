"""The shop's answers to what it does not accept (shopware6-api.md section 9)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from syncd.simulators.server import SimResponse

BLANK = "c1051bb4-d103-4f74-8988-acbcafc7fdc3"
WRONG_TYPE = "ba785a8c-82cb-4283-967c-3cf342181b40"
TOO_LONG = "d94b19cc-114f-4f44-9cc4-4138e80a87b9"


class ApiError(Exception):
    """A refusal.

    Args:
        status: HTTP status.
        code: Code of the only error.
        detail: Words for people.
        errors: Several errors, in place of the two.
        headers: To be sent.
    """

    def __init__(
        self,
        status: int,
        code: str = "",
        detail: str = "",
        *,
        errors: Sequence[dict[str, Any]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail or code)
        self.status = status
        self.errors = list(errors) or [error(status, code, detail)]
        self.headers = headers or {}

    def response(self) -> SimResponse:
        """As it is sent."""
        return SimResponse(self.status, {"errors": self.errors}, self.headers)


_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Hits", 405: "Method Not Allowed",
           429: "Too Many Requests", 500: "Internal Server Error"}  # fmt: skip


def error(status: int, code: str, detail: str, pointer: str = "", **parameters: Any) -> dict[str, Any]:
    """One entry of ``errors``."""
    found: dict[str, Any] = {
        "status": str(status),
        "code": code,
        "title": _TITLES.get(status, "Error"),
        "detail": detail,
        "meta": {"parameters": parameters},
    }
    if pointer:
        found["source"] = {"pointer": pointer}
    return found


def not_found(entity: str, entity_id: str) -> ApiError:
    """404 for a row that is not there."""
    return ApiError(
        404, "FRAMEWORK__RESOURCE_NOT_FOUND", f'The "{entity}" resource with the "id" {entity_id} was not found.'
    )


def missing_privileges(names: Iterable[str]) -> ApiError:
    """403; the detail is JSON in a text."""
    detail = json.dumps({"message": "Missing privilege", "missingPrivileges": sorted(names)})
    return ApiError(403, "FRAMEWORK__MISSING_PRIVILEGE_ERROR", detail)
