"""Making what a side lacks: intent, call, outcome; what was lost is looked for before it is made again."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy import select

from syncd.core.model import NotSent, Refused, Unknown
from syncd.core.products import Made, NewProduct, Product, Unit
from syncd.errors import InvalidResponse, OutcomeUnknown, SideError, Stopped
from syncd.service.approval import may_go_on, open_stop
from syncd.service.creation_outcome import record, release
from syncd.service.creation_plan import (
    PlannedProduct,
    PlannedUnit,
    check_plan_of_creations,
    close_settled,
    consider,
    is_idle,
    is_still_planned,
    plan_creations,
)
from syncd.service.findings import open_subjects
from syncd.state.models import Listing
from syncd.state.product_models import Creation

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from syncd.core.products import MakeResult
    from syncd.service.creation_route import Route
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

_BUDGET_S = 15.0
"""How long one pass makes products: stock is not to wait for them. The rest is made by the next passes."""


class Creator:
    """Makes what a side lacks, by policy. ``alive`` is called after every call."""

    def __init__(
        self, route: Route, run: RunLog, stop: threading.Event, alive: Callable[[], None] = lambda: None
    ) -> None:
        self._route = route
        self._side = route.target
        self._run = run
        self._stop = stop
        self._alive = alive

    def settle(self) -> None:
        """Look for what may have been made without an answer, once the side cannot be at work on it any more.

        Until then its codes are not linked by themselves (``linking``), whoever reads them first.

        Raises:
            SideError: The side could not be asked.
        """
        side = self._side
        due = side.now() - side.in_doubt
        query = (
            select(Creation, Listing)
            .join(Listing, Listing.id == Creation.source_listing_id)
            .where(Creation.side_id == side.id, Creation.state.in_(("sent", "unknown")), self._route.is_of_source())
        )
        attempts: defaultdict[str, list[tuple[Creation, Listing]]] = defaultdict(list)
        with side.db.read() as session:
            for creation, row in session.execute(query):
                if creation.sent_at is None or not due < creation.sent_at <= side.now():
                    attempts[creation.mark or ""].append((creation, row))
        for mark, found in attempts.items():
            planned, since = _attempt(found)
            made = side.adapter.find_product(NewProduct(mark, _outline(planned), planned.into), since - side.in_doubt)
            with side.db.write() as session:
                if made is None:
                    release(session, self._route, planned, "it was looked for and is not there")
                else:
                    record(session, self._route, self._run, planned, None, _looked_for(made))
            self._alive()

    def create(self) -> None:
        """Make what is planned, unless that waits for a person.

        Raises:
            SideError: A side failed; what was not made is still to be made.
        """
        side = self._side
        with side.db.read() as session:
            stopped = open_stop(session, self._route.stop_subject)
            if is_idle(session, self._route) and not stopped:
                return
        with side.db.write() as session:
            if open_subjects(session, "side_empty", side.id):
                return  # it listed nothing though it had products: it is broken, and nothing is made there
            close_settled(session, self._route)
            if not consider(session, self._route):
                return
            planned = plan_creations(session, self._route)
        if not self._may_go_on(planned):
            return
        until = time.monotonic() + _BUDGET_S
        for product in planned:
            if self._stop.is_set() or not side.may_write() or time.monotonic() > until:
                return
            self._make(product)
            self._alive()

    def _make(self, planned: PlannedProduct) -> None:
        side = self._side
        try:
            product = self._route.read_product(planned.source_id)
        except InvalidResponse as error:  # one product that cannot be read holds up no other
            logger.bind(side=side.name, product=planned.label, error=str(error)).debug("product.not_read")
            return
        if product is None or product.is_group != planned.is_group:
            return  # it is gone or another by now: the next reading says so
        wanted = {unit.external_id for unit in planned.units}
        units = tuple(unit for unit in product.units if unit.source_id in wanted)
        if not units:
            return
        product = Product(product.source_id, product.name, units, product.description, product.is_group)
        mark = uuid.uuid4().hex
        if not self._intend(planned, mark):
            return
        # Without a price, or for nothing, it is not shown before somebody has looked at it.
        priced = all(Decimal(unit.price or 0) for unit in product.units)
        new = NewProduct(mark, product, planned.into, self._route.publish and priced)
        result: MakeResult
        failure: SideError | Stopped | None = None
        try:
            result = side.adapter.create_product(new)
        except (OutcomeUnknown, InvalidResponse) as error:
            result, failure = Unknown(f"{error.request}: {error.detail}"), error
        except (SideError, Stopped) as error:
            with side.db.write() as session:
                release(session, self._route, planned, str(error))
            raise
        with side.db.write() as session:
            record(session, self._route, self._run, planned, product, result)
        _log(side, planned, result)
        if failure is not None:
            raise failure

    def _intend(self, planned: PlannedProduct, mark: str) -> bool:
        """Commit what is about to be sent, if it still is what the plan says: a person may have linked it meanwhile."""
        with self._side.db.write() as session:
            if not is_still_planned(session, self._route, planned):
                return False
            for unit in planned.units:
                row = session.get_one(Creation, (self._side.id, unit.source_listing_id))
                row.state, row.mark, row.run_id = "sent", mark, self._run.id
                row.sent_at, row.settled_at, row.error = self._side.now(), None, None
                row.product_id = planned.into
            return True

    def _may_go_on(self, planned: Sequence[PlannedProduct]) -> bool:
        with self._side.db.read() as session:
            refusal = check_plan_of_creations(session, self._route, planned)
        key = "create_in_inventorum = false" if self._route.to_hub else 'create_in_shop = "never"'
        return may_go_on(
            self._side,
            self._route.stop_subject,
            refusal,
            what="none is made",
            advice=f"If not, set {key}, or give products that are on both sides the same SKU there.",
        )


def _attempt(found: Sequence[tuple[Creation, Listing]]) -> tuple[PlannedProduct, datetime]:
    """What was sent in one call, and when."""
    creation, first = found[0]
    units = tuple(PlannedUnit(row.id, row.external_id, row.sku, row.name) for _, row in found)
    family = first.parent_external_id or first.external_id
    planned = PlannedProduct(
        family, first.name, units, first.parent_external_id is not None, creation.product_id, "looked for again"
    )
    return planned, creation.sent_at or datetime.min.replace(tzinfo=UTC)


def _outline(planned: PlannedProduct) -> Product:
    """Enough of a product to find it by its mark."""
    units = tuple(Unit(unit.external_id, unit.sku, None, None, None) for unit in planned.units)
    return Product(planned.source_id, planned.name, units, is_group=planned.is_group)


def _looked_for(made: Made) -> Made:
    """Whatever is not there by now was not made."""
    missing = {key: NotSent("it was looked for and is not there") for key in made.missing}
    return Made(made.product_id, made.units, missing, made.parent)


def _log(side: SideContext, planned: PlannedProduct, result: MakeResult) -> None:
    log = logger.bind(side=side.name, product=planned.label, source=planned.source_id, units=len(planned.units))
    match result:
        case Made(product_id=product_id, missing=missing):
            log.bind(external_id=product_id, missing=len(missing)).info("product.made")
        case Refused(code=code, message=message):
            log.bind(error=f"{code}: {message}").warning("product.not_made")
        case Unknown(reason=reason):
            log.bind(error=reason).warning("product.not_made")
