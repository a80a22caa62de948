"""The simulator as ``SimServer`` runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from syncd.simulators.catalogue import CatalogueProduct
from syncd.simulators.inventorum.auth import Auth
from syncd.simulators.inventorum.control import ACTIONS, Control
from syncd.simulators.inventorum.orders import OrderBook
from syncd.simulators.inventorum.routes import Router
from syncd.simulators.inventorum.settings import InventorumSettings
from syncd.simulators.inventorum.state import State
from syncd.simulators.server import SimRequest, SimResponse


def _utc_now() -> datetime:
    return datetime.now(UTC)


class InventorumSim(Control):
    """A stateful INVENTORUM account; safe to call from many threads.

    The actions of the control interface (``control.ACTIONS``) are methods of the same names.

    Args:
        settings: Behaviour; changed in place by the action ``set``.
        clock: Aware UTC time before the clock skew of the settings.
    """

    def __init__(self, settings: InventorumSettings | None = None, *, clock: Callable[[], datetime] = _utc_now) -> None:
        self.settings = settings or InventorumSettings()
        state = State(self.settings, clock)
        super().__init__(state, OrderBook(state), Auth(self.settings, state.now))
        self._router = Router(self.state, self.orders, self.auth)

    def seed(self, catalogue: Sequence[CatalogueProduct]) -> None:
        """Add a catalogue; tax types are made as needed."""
        with self.lock:
            self.state.seed(catalogue)

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer one vendor request."""
        with self.lock:
            return self._router.answer(request)

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Carry out one action of the control interface.

        Raises:
            KeyError: There is no such action.
            TypeError: An argument is missing or unknown.
            ValueError: The action is not possible.
        """
        if action not in ACTIONS:
            raise KeyError(action)
        return getattr(self, action)(**arguments)
