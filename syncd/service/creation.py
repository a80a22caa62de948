"""Making products on a side: intent, call, outcome; what was lost is looked for before it is made again.

Products of the hub are made in a shop, those of a shop at the hub: what is to be made is another question each
(``creation_plan``, ``till_plan``), how it is made is the same.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from loguru import logger
from sqlalchemy import func, select

from syncd.config.schema import CREATE_IN_HUB
from syncd.core.model import NotSent, Refused, Unknown
from syncd.core.products import Made, NewProduct, Product, Unit
from syncd.errors import InvalidResponse, OutcomeUnknown, SideError, Stopped
from syncd.service import creation_plan, till_plan
from syncd.service.approval import may_go_on, open_stop
from syncd.service.attribute_edits import named_as_there
from syncd.service.creation_memo import Memo, as_json, from_json
from syncd.service.creation_outcome import leave_to_a_person, record, release, tell_of_images
from syncd.service.creation_plan import PlannedProduct, PlannedUnit, check_plan_of_creations, lapse, shop_of
from syncd.service.findings import creations_subject, offers_subject, open_subjects
from syncd.service.image_loads import with_images, without
from syncd.service.made_before import leave_out_made
from syncd.state.models import Listing
from syncd.state.product_models import Creation, is_unsettled

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from syncd.core.products import MakeResult
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

_BUDGET_S = 15.0
"""How long one pass makes products: stock is not to wait for them. The rest is made by the next passes."""


_LOOK_AGAIN = 10
"""How many times ``in_doubt`` passes before it is looked again for what could not be told from what others made."""


class Plans(Protocol):
    """What decides what is made on ``side`` of the products of ``source``; see ``creation_plan`` and ``till_plan``."""

    def consider(self, session: Session, side: SideContext, source: SideContext) -> bool:
        """Whether anything may be made now."""

    def is_wanted(self, side: SideContext, source: SideContext) -> bool:
        """Whether the configuration has products made at all."""

    def is_idle(self, session: Session, side: SideContext, source: SideContext) -> bool:
        """Whether nothing is to be considered, made or told."""

    def close_settled(self, session: Session, side: SideContext, source: SideContext) -> None:
        """Close what was told of products that need not be made any more."""

    def plan_creations(
        self, session: Session, side: SideContext, source: SideContext, only: Sequence[int] | None = None
    ) -> list[PlannedProduct]:
        """What is to be made now; a writing session."""

    def is_still_planned(
        self, session: Session, side: SideContext, source: SideContext, planned: PlannedProduct
    ) -> bool:
        """Whether all of it is still to be made, and in the same place."""


def plans_of(side: SideContext) -> Plans:
    """Who plans what is made on a side."""
    return till_plan if side.is_hub else creation_plan


def stop_subject(side: SideContext, source: SideContext) -> str:
    """Subject of the safety stop on what would be made on a side."""
    return offers_subject(source.name) if side.is_hub else creations_subject(side.name)


class Creator:
    """Makes what a side lacks of another one's products, by policy. ``alive`` is called after every call."""

    def __init__(
        self,
        side: SideContext,
        source: SideContext,
        run: RunLog,
        stop: threading.Event,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._side = side
        self._source = source
        self._plans = plans_of(side)
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
        query = (
            select(Creation, Listing)
            .join(Listing, Listing.id == Creation.listing_id)
            .where(Creation.side_id == side.id, is_unsettled("sent", "unknown"))
            .where(Listing.side_id == self._source.id)
            .order_by(Listing.id)
        )
        attempts: defaultdict[str, list[tuple[Creation, Listing]]] = defaultdict(list)
        with side.db.read() as session:
            for creation, row in session.execute(query):
                if self._is_due(creation):
                    attempts[creation.mark or ""].append((creation, row))
        for mark, found in attempts.items():
            self._look_for(mark, found)
            self._alive()

    def _is_due(self, creation: Creation) -> bool:
        now, patience = self._side.now(), self._side.in_doubt
        if creation.settled_at is not None and creation.state == "unknown":
            return not now - _LOOK_AGAIN * patience < creation.settled_at <= now
        return creation.sent_at is None or not now - patience < creation.sent_at <= now

    def _look_for(self, mark: str, found: Sequence[tuple[Creation, Listing]]) -> None:
        side = self._side
        planned, since = _attempt(found, self._source.name)
        memo = next((from_json(creation.sent) for creation, _ in found if creation.sent), None)
        product = memo.product if memo is not None else _outline(planned)
        known = self._there_before(memo.last_listing if memo is not None else 0)
        new = NewProduct(mark, product, planned.into, known=known)
        made = side.adapter.find_product(new, since - side.in_doubt)
        with side.db.write() as session:
            match made:
                case None:
                    release(session, side, self._source, planned, "it was looked for and is not there")
                case Unknown(reason=reason):
                    leave_to_a_person(session, side, self._source, planned, reason)
                case Made():
                    sent = memo.product if memo is not None else None
                    record(session, side, self._source, self._run, planned, sent, _looked_for(made))
                    tell_of_images(session, side, self._source, planned, memo.left_out if memo is not None else {})

    def _there_before(self, last_listing: int) -> frozenset[str]:
        """Ids of products that the side had when it was asked to make another one."""
        query = select(Listing.external_id).where(
            Listing.side_id == self._side.id, Listing.parent_external_id.is_(None), Listing.id <= last_listing
        )
        with self._side.db.read() as session:
            return frozenset(session.scalars(query))

    def create(self) -> None:
        """Make what is planned, unless that waits for a person.

        Raises:
            SideError: A side failed; what was not made is still to be made.
        """
        side, source = self._side, self._source
        with side.db.read() as session:
            stopped = open_stop(session, stop_subject(side, source))
            if self._plans.is_idle(session, side, source) and not stopped:
                return
        with side.db.write() as session:
            if any(open_subjects(session, "side_empty", one.id) for one in (side, source)):
                return  # it listed nothing though it had products: it is broken, and nothing is made from it or there
            self._plans.close_settled(session, side, source)
            if not self._plans.consider(session, side, source) and self._plans.is_wanted(side, source):
                return
            planned = self._plans.plan_creations(session, side, source)
            planned = leave_out_made(session, side, source, self._run, planned)
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
        product = self._read(planned)
        if product is None:
            return
        named = self._named(planned, product)
        left_out: Mapping[str, Refused] = {}
        new = self._new(planned, product if isinstance(named, Refused) else named)
        if not isinstance(named, Refused):
            new, left_out = self._with_images(new)
        if not self._intend(planned, new, left_out):
            return
        result: MakeResult
        failure: SideError | Stopped | None = None
        try:
            result = named if isinstance(named, Refused) else side.adapter.create_product(new)
        except (OutcomeUnknown, InvalidResponse) as error:
            result, failure = Unknown(f"{error.request}: {error.detail}"), error
        except (SideError, Stopped) as error:
            with side.db.write() as session:
                release(session, side, self._source, planned, str(error))
            raise
        with side.db.write() as session:
            record(session, side, self._source, self._run, planned, new.product, result)
            if isinstance(result, Made):
                tell_of_images(session, side, self._source, planned, {**left_out, **result.left_out})
        _log(side, self._run, planned, result)
        if failure is not None:
            raise failure

    def _new(self, planned: PlannedProduct, product: Product) -> NewProduct:
        # Without a price, or for nothing, it is not shown before somebody has looked at it.
        priced = all(Decimal(unit.price or 0) for unit in product.units)
        return NewProduct(uuid.uuid4().hex, product, planned.into, self._side.publish and priced)

    def _with_images(self, new: NewProduct) -> tuple[NewProduct, Mapping[str, Refused]]:
        """All that takes long, before what is sent is noted: how long its answer is waited for counts from then on.

        Raises:
            SideError: The side takes nothing now.
        """
        product, left_out = with_images(self._side, self._source, new.product)
        self._alive()
        new = replace(new, product=product)
        if not self._side.adapter.capabilities.makes_images:
            return new, left_out
        not_taken = self._side.adapter.bring_images(new)
        self._alive()
        return replace(new, product=without(product, not_taken)), {**left_out, **not_taken}

    def _named(self, planned: PlannedProduct, product: Product) -> Product | Refused:
        """A product as it is to be made: what joins others calls its attributes as they do there."""
        if planned.into is None:
            return product
        family = planned.source_id if self._side.is_hub else planned.into
        with self._side.db.read() as session:
            return named_as_there(session, self._side, self._source, family, product)

    def _read(self, planned: PlannedProduct) -> Product | None:
        """The product with the planned units, as its side shows it now; ``None`` if it is not to be made now."""
        side, source = self._side, self._source
        try:
            product = source.adapter.read_product(planned.source_id)
        except InvalidResponse as error:  # one product that cannot be read holds up no other
            logger.bind(side=side.name, product=planned.label, error=str(error)).debug("product.not_read")
            return None
        if product is None or product.is_group != planned.is_group:
            if side.is_hub:  # no product that could be made at the till: a bundle, one pool for all; until it changes
                with side.db.write() as session:
                    lapse(session, side, source, [unit.listing_id for unit in planned.units])
            return None  # it is gone or another by now: the next reading says so
        wanted = {unit.external_id for unit in planned.units}
        units = tuple(unit for unit in product.units if unit.source_id in wanted)
        if side.is_hub:
            with side.db.read() as session:
                if not till_plan.is_known_whole(session, source, [unit.source_id for unit in product.units]):
                    return None
        return replace(product, units=units) if units else None

    def _intend(self, planned: PlannedProduct, new: NewProduct, left_out: Mapping[str, Refused]) -> bool:
        """Commit what is about to be sent, if it still is what the plan says: a person may have linked it meanwhile."""
        with self._side.db.write(sends=True) as session:
            if not self._plans.is_still_planned(session, self._side, self._source, planned):
                return False
            newest = session.scalar(select(func.max(Listing.id))) or 0
            sent: str | None = as_json(Memo(new.product, newest, left_out))
            for unit in planned.units:
                row = session.get_one(Creation, (self._side.id, unit.listing_id))
                row.state, row.mark, row.run_id = "sent", new.mark, self._run.id
                row.sent_at, row.settled_at, row.error = self._side.now(), None, None
                row.product_id, row.sent = planned.into, sent
                sent = None
            return True

    def _may_go_on(self, planned: Sequence[PlannedProduct]) -> bool:
        side, source = self._side, self._source
        with side.db.read() as session:
            refusal = check_plan_of_creations(session, side, source, planned)
        switch = f"{CREATE_IN_HUB} = false" if side.is_hub else 'create_in_shop = "never"'
        there = "at the till" if side.is_hub else "in the shop"
        return may_go_on(
            shop_of(side, source),
            stop_subject(side, source),
            refusal,
            what="none is made",
            advice=f"If not, set {switch}, or give products that are {there} already the same SKU on both sides.",
        )


def _attempt(found: Sequence[tuple[Creation, Listing]], origin: str) -> tuple[PlannedProduct, datetime]:
    """What was sent in one call, and when."""
    creation, first = found[0]
    units = tuple(PlannedUnit(row.id, row.external_id, row.sku, row.name) for _, row in found)
    family = first.parent_external_id or first.external_id
    is_group = first.parent_external_id is not None
    planned = PlannedProduct(family, first.name, units, is_group, creation.product_id, "looked for again", origin)
    return planned, creation.sent_at or datetime.min.replace(tzinfo=UTC)


def _outline(planned: PlannedProduct) -> Product:
    """Enough of a product to find it by its mark."""
    units = tuple(Unit(unit.external_id, unit.sku, None, None, None) for unit in planned.units)
    return Product(planned.source_id, planned.name, units, is_group=planned.is_group)


def _looked_for(made: Made) -> Made:
    """Whatever is not there by now was not made."""
    missing = {key: NotSent("it was looked for and is not there") for key in made.missing}
    return Made(made.product_id, made.units, missing, made.parent)


def _log(side: SideContext, run: RunLog, planned: PlannedProduct, result: MakeResult) -> None:
    log = logger.bind(
        side=side.name, product=planned.label, source=planned.source_id, run=run.id, units=len(planned.units)
    )
    match result:
        case Made(product_id=product_id, missing=missing):
            log.bind(external_id=product_id, missing=len(missing)).info("product.made")
        case Refused(code=code, message=message):
            log.bind(error=f"{code}: {message}").warning("product.not_made")
        case Unknown(reason=reason):
            log.bind(error=reason).warning("product.not_made")
