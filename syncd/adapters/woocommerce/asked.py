"""What is asked about the whole shop now and then, and never for the sake of one row."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from loguru import logger

from syncd.errors import SideError

if TYPE_CHECKING:
    from syncd.adapters.woocommerce.client import WooClient

T = TypeVar("T")

CALC_TAXES = "settings/general/woocommerce_calc_taxes"
"""Whether the shop calculates taxes at all."""

KEPT_S = 600.0
"""How long an answer counts; after a failure the shop is not asked again for as long."""


class Asked(Generic[T]):
    """An answer of the shop that is kept for a while.

    Args:
        ask: Asks the shop; may raise ``SideError``.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._answer: T | None = None
        self._until = 0.0
        self._ask_at = 0.0

    def now(self) -> T:
        """The answer; for writes, which need it.

        Raises:
            SideError: It cannot be had now.
        """
        if self._answer is None or time.monotonic() >= self._until:
            self._answer = None
            self._answer = self._ask()
            self._until = time.monotonic() + KEPT_S
        return self._answer

    def if_possible(self) -> T | None:
        """The answer, or ``None`` while it cannot be had; for reads, which never fail or wait for it.

        A key for stock alone, a security plugin, a busy shop: what the answer is needed for is not compared then.
        """
        if (self._answer is None or time.monotonic() >= self._until) and time.monotonic() < self._ask_at:
            return None
        try:
            return self.now()
        except SideError as error:
            self._ask_at = time.monotonic() + KEPT_S
            logger.bind(side=error.side, detail=error.detail).debug("woocommerce.not_told")
            return None


def setting(client: WooClient, route: str) -> str | None:
    """Value of one of the shop's settings.

    Raises:
        SideError: As ``WooClient.get``.
    """
    body = client.get(route).json(lenient=True)
    value = body.get("value") if isinstance(body, Mapping) else None
    return value if isinstance(value, str) else None
