"""Tables about fields of products: what both ends of a link agreed on, and what was written."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from syncd.state.models import Base, one_of
from syncd.state.types import Word

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

ENDS = ("hub", "shop")
FIELD_WRITE_STATES = ("sent", "confirmed", "unknown", "rejected", "cancelled")


class FieldPair(Base):
    """One field of one linked shop listing: what hub and shop showed when they last agreed."""

    __tablename__ = "field_pairs"
    __table_args__ = (
        CheckConstraint("unsure IS NULL OR " + one_of("unsure", ENDS), name="unsure"),
        {"comment": "What hub and shop showed of a product's field when they last agreed"},
    )

    listing_id: Mapped[int] = mapped_column(ForeignKey("listings.id"), primary_key=True, comment="the shop's listing")
    field: Mapped[str] = mapped_column(Word, primary_key=True)
    agreed_hub: Mapped[str | None] = mapped_column(comment="the hub's half of the pair; empty before the first one")
    agreed_shop: Mapped[str | None] = mapped_column(comment="the shop's half")
    refused_hub: Mapped[str | None] = mapped_column(comment="pair at which a side refused the write; not sent again")
    refused_shop: Mapped[str | None]
    unsure: Mapped[str | None] = mapped_column(Word, comment="end whose last write had no answer: hub or shop")
    changed_at: Mapped[datetime]


class FieldWrite(Base):
    """One field written to one side, stored before it is sent, with what it replaced."""

    __tablename__ = "field_writes"
    __table_args__ = (
        CheckConstraint(one_of("state", FIELD_WRITE_STATES), name="state"),
        Index("ix_field_writes_listing_id", "listing_id", "id"),
        Index("ix_field_writes_run_id", "run_id"),
        {"comment": "Fields of products written to sides, with what they replaced"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    listing_id: Mapped[int] = mapped_column(ForeignKey("listings.id"), comment="listing that was written to")
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    field: Mapped[str] = mapped_column(Word)
    before: Mapped[str] = mapped_column(comment="what the side showed before")
    value: Mapped[str] = mapped_column(comment="what it was told")
    shown: Mapped[str | None] = mapped_column(comment="what it showed after")
    overwrote: Mapped[bool] = mapped_column(comment="whether `before` were words that the other side never had")
    reason: Mapped[str] = mapped_column(comment="the rule in words")
    state: Mapped[str] = mapped_column(Word)
    error: Mapped[str | None] = mapped_column(comment="why it is unknown or rejected")
    sent_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


CREATION_STATES = ("waiting", "unwanted", "sent", "unknown", "made", "refused")
IS_WAITING = "state = 'waiting'"
UNSETTLED = ("sent", "unknown", "refused")
IS_UNSETTLED = one_of("state", UNSETTLED)


class Creation(Base):
    """A listing without a partner on another side, and what became of making it there: in a shop, or at the hub."""

    __tablename__ = "creations"
    __table_args__ = (
        CheckConstraint(one_of("state", CREATION_STATES), name="state"),
        Index("ix_creations_waiting", "side_id", sqlite_where=text(IS_WAITING), postgresql_where=text(IS_WAITING)),
        Index(
            "ix_creations_unsettled", "side_id", sqlite_where=text(IS_UNSETTLED), postgresql_where=text(IS_UNSETTLED)
        ),
        Index("ix_creations_listing_id", "listing_id"),
        Index(
            "ix_creations_run_id",
            "run_id",
            sqlite_where=text("run_id IS NOT NULL"),
            postgresql_where=text("run_id IS NOT NULL"),
        ),
        {"comment": "Products that were to be made on another side (in a shop, or at the hub), and what became of it"},
    )

    side_id: Mapped[int] = mapped_column(ForeignKey("sides.id"), primary_key=True, comment="where it is to be made")
    listing_id: Mapped[int] = mapped_column(
        ForeignKey("listings.id"), primary_key=True, comment="what is to be made: the hub's listing, or a shop's"
    )
    state: Mapped[str] = mapped_column(Word)
    mark: Mapped[str | None] = mapped_column(Word, comment="of the call; kept by sides that can with what they make")
    product_id: Mapped[str | None] = mapped_column(Word, comment="the side's product that the variation is one of")
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"), comment="run that sent it")
    sent: Mapped[str | None] = mapped_column(
        comment="what was sent, JSON, until it is settled; one row of a call has it"
    )
    error: Mapped[str | None] = mapped_column(comment="why it is unknown or refused")
    sent_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None] = mapped_column(
        comment="when it was settled; while unknown: when it could not be told from what others made"
    )


WITHDRAWAL_STATES = ("waiting", "sent", "unknown", "done", "refused", "ignored")
WAYS = ("unpublish", "delete")


class Withdrawal(Base):
    """A shop's listing whose product was deleted at the hub, and what became of withdrawing it."""

    __tablename__ = "withdrawals"
    __table_args__ = (
        CheckConstraint(one_of("state", WITHDRAWAL_STATES), name="state"),
        CheckConstraint("how IS NULL OR " + one_of("how", WAYS), name="how"),
        {"comment": "Listings of shops whose product was deleted at the hub, and what became of withdrawing them"},
    )

    listing_id: Mapped[int] = mapped_column(ForeignKey("listings.id"), primary_key=True, comment="the shop's listing")
    source: Mapped[str] = mapped_column(comment="the hub's id of the product that was deleted")
    state: Mapped[str] = mapped_column(Word)
    how: Mapped[str | None] = mapped_column(Word, comment="unpublish or delete")
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"), comment="run that sent it")
    error: Mapped[str | None] = mapped_column(comment="why it is unknown or refused")
    noted_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]


def is_waiting() -> ColumnElement[bool]:
    """Condition "this creation waits", worded as its index (see ``models.is_open``)."""
    return Creation.state == literal_column("'waiting'")


def is_unsettled(*states: str) -> ColumnElement[bool]:
    """Condition "this creation was sent and is not made", in one of some states, worded so that its index is used."""
    words: list[ColumnElement[str]] = [literal_column(repr(word)) for word in UNSETTLED]
    return Creation.state.in_(words) & Creation.state.in_(states or UNSETTLED)
