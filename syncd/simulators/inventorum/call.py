"""One request on its way through the simulator: version, errors, paging and dates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from syncd.simulators.inventorum.orders import OrderBook
from syncd.simulators.inventorum.settings import InventorumSettings
from syncd.simulators.inventorum.state import State
from syncd.simulators.server import SimRequest, SimResponse


class ApiError(Exception):
    """An answer other than success, in one of the vendor's envelopes."""

    def __init__(
        self,
        status: int,
        key: str,
        *,
        fields: Mapping[str, Sequence[str]] | None = None,
        description: str | None = None,
        detail: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(key)
        named = {name: list(texts) for name, texts in (fields or {}).items()}
        body: dict[str, Any] = {"error": {"fields": named, "description": description, "key": key}}
        if detail:
            body["detail"] = description
        self.response = SimResponse(status, body, headers or {})


def invalid(field: str, text: str, *, detail: bool = False) -> ApiError:
    """A 400 that names a field; with ``detail`` in envelope B (contract 3)."""
    return ApiError(
        400, "common.serializer_error", fields={field: [text]}, description="Serialization error", detail=detail
    )


def not_found(key: str) -> ApiError:
    """A 404 in envelope A."""
    return ApiError(404, key)


@dataclass(frozen=True, slots=True)
class PageRule:
    """Paging of one endpoint: number of the first page, default and maximum of ``limit``."""

    first: int = 1
    default: int = 40
    maximum: int = 40


@dataclass(frozen=True, slots=True)
class Page:
    """The part of a list that was asked for: ``index`` counts from 0."""

    index: int
    limit: int

    @property
    def start(self) -> int:
        """Position of the first row."""
        return self.index * self.limit

    @property
    def stop(self) -> int:
        """Position after the last row."""
        return self.start + self.limit


@dataclass(slots=True)
class Call:
    """A request with everything that its handler needs."""

    request: SimRequest
    version: int
    state: State
    orders: OrderBook
    base_url: str
    ids: tuple[str, ...] = ()

    @property
    def settings(self) -> InventorumSettings:
        """The settings of the moment."""
        return self.state.settings

    @property
    def zone(self) -> tzinfo:
        """The account's time zone."""
        return account_zone(self.settings)

    def body(self) -> dict[str, Any]:
        """The JSON object sent, with exact decimals.

        Raises:
            ApiError: It is no JSON object.
        """
        try:
            data = json.loads(self.request.body or b"{}", parse_float=Decimal)
        except ValueError as error:
            raise ApiError(400, "common.parse_error", description="JSON parse error") from error
        if not isinstance(data, dict):
            raise ApiError(400, "common.parse_error", description="Invalid data. Expected a dictionary.")
        return data

    def page(self, rule: PageRule) -> Page:
        """The page asked for.

        Raises:
            ApiError: ``page`` or ``limit`` is no number, or the settings refuse it.
        """
        limit = self._number("limit", rule.default)
        if limit < 1:
            raise invalid("limit", "Ensure this value is greater than or equal to 1.")
        if limit > rule.maximum and self.settings.limit_over_maximum == "error":
            raise invalid("limit", f"Ensure this value is less than or equal to {rule.maximum}.")
        number = self._number("page", rule.first)
        if number < rule.first:
            if self.settings.page_below_first == "not_found":
                raise not_found("common.page_not_found")
            number = rule.first
        return Page(number - rule.first, min(limit, rule.maximum))

    def _number(self, name: str, default: int) -> int:
        text = self.request.param(name)
        try:
            return int(text) if text else default
        except ValueError as error:
            raise invalid(name, "Enter a whole number.") from error

    def envelope(self, page: Page, total: int, rows: list[Any], *, results: bool = False) -> dict[str, Any]:
        """A list answer.

        Raises:
            ApiError: The page lies after the end and the settings answer that with 404.
        """
        if not rows and page.index > 0 and self.settings.page_beyond_end == "not_found":
            raise not_found("common.page_not_found")
        return {"total": total, "results" if results else "data": rows}

    def start_date(self, *, optional: bool = False) -> datetime | None:
        """``start_date`` in UTC; ``None`` if it is missing.

        Raises:
            ApiError: It cannot be read, or the settings refuse its form or absence.
        """
        text = self.request.param("start_date")
        if not text:
            if self.settings.missing_start_date == "refuse" and not optional:
                raise invalid("start_date", "This field is required.")
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise invalid("start_date", "Datetime has wrong format.") from error
        if moment.tzinfo is None:
            if self.settings.naive_start_date == "refuse":
                raise invalid("start_date", "Datetime has wrong format.")
            moment = moment.replace(tzinfo=UTC if self.settings.naive_start_date == "utc" else self.zone)
        return moment.astimezone(UTC)


def account_zone(settings: InventorumSettings) -> tzinfo:
    """The account's zone; fixed +01:00 on a machine without zone data, so that the simulator starts everywhere."""
    try:
        return ZoneInfo(settings.timezone)
    except ZoneInfoNotFoundError:
        return timezone(timedelta(hours=1))
