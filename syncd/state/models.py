"""The tables. Made for people to read: every name is a word of docs/database.md, every constraint has a name."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    UniqueConstraint,
    false,
    literal_column,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from syncd.state.types import Instant, Quantity, Word

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

ROLES = ("hub", "shop")
STOCK_MODES = ("own", "parent", "unmanaged", "group")
CAUSES = (
    "opening", "initial_stock", "sale", "return", "change", "correction", "lost_update", "undo", "manual", "checkpoint",
)  # fmt: skip
OPERATION_STATES = ("intended", "sent", "confirmed", "unknown", "rejected", "parked", "cancelled")
OPEN_STATES = ("intended", "sent", "unknown", "parked")
SETTLERS = ("answer", "marker", "read_back", "event", "person", "never_sent")
RUN_KINDS = ("poll", "push", "full", "sync", "settle")
RUN_RESULTS = ("running", "ok", "failed", "stopped", "crashed")
SEVERITIES = ("info", "warning", "error")


def one_of(column: str, words: tuple[str, ...]) -> str:
    """Condition in SQL "the column holds one of these words", for constraints and indexes."""
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


def _given(column: str) -> dict[str, Any]:
    """For an index of the rows that refer to another one at all."""
    condition = text(f"{column} IS NOT NULL")
    return {"sqlite_where": condition, "postgresql_where": condition}


class Base(DeclarativeBase):
    """Declarative base with named constraints."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {Decimal: Quantity, datetime: Instant, str: Text}


class Side(Base):
    """One system that holds stock: the hub (INVENTORUM) or a shop."""

    __tablename__ = "sides"
    __table_args__ = (
        CheckConstraint(one_of("role", ROLES), name="role"),
        {"comment": "Systems that hold stock: the hub (INVENTORUM) and the shops"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True, comment="name in the configuration")
    role: Mapped[str] = mapped_column(Word, comment="hub or shop")
    adapter: Mapped[str] = mapped_column(comment="kind of adapter")
    write_seq: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="counts settled writes; a reading that began at a lower number is older"
    )
    policy: Mapped[str] = mapped_column(default="", server_default="", comment="stock policy last planned with")
    owners: Mapped[str] = mapped_column(default="", server_default="", comment="owners of fields last compared with")
    counts: Mapped[str] = mapped_column(
        default="",
        server_default="",
        comment="which of its quantities is counted, as the adapter names it; empty: not asked yet, or there is only "
        "one",
    )
    counts_words: Mapped[str] = mapped_column(default="", server_default="", comment="the same for people")
    considered_through: Mapped[int] = mapped_column(
        default=0,
        server_default="0",
        comment="last listing of the hub of which it was considered whether to make it here",
    )
    creation: Mapped[str] = mapped_column(
        default="never", server_default="never", comment="which products were considered last"
    )
    last_read_at: Mapped[datetime | None] = mapped_column(comment="last complete read of changes")
    last_full_read_at: Mapped[datetime | None] = mapped_column(comment="last complete read of everything (sweep)")
    last_write_at: Mapped[datetime | None] = mapped_column(comment="last confirmed write")
    nothing_waited_at: Mapped[datetime | None] = mapped_column(
        comment="last moment at which nothing waited to be written here"
    )
    last_error: Mapped[str | None] = mapped_column(comment="why the last run failed; empty after a good one")
    last_error_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Item(Base):
    """One sellable unit with its canonical quantity; the sum of its movements."""

    __tablename__ = "items"
    __table_args__ = ({"comment": "Sellable units with their canonical quantity on hand"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    on_hand: Mapped[Decimal] = mapped_column(comment="N: sum of the item's movements; negative means oversold")
    created_at: Mapped[datetime]


class Listing(Base):
    """An item as one side knows it, with the shadow: what we know that side to hold."""

    __tablename__ = "listings"
    __table_args__ = (
        UniqueConstraint("side_id", "external_id"),
        CheckConstraint(one_of("stock_mode", STOCK_MODES), name="stock_mode"),
        Index("ix_listings_sku_key", "sku_key"),
        Index("ix_listings_gtin_key", "gtin_key"),
        Index("ix_listings_item_id", "item_id"),
        Index(
            "uq_listings_item_side",
            "item_id",
            "side_id",
            unique=True,
            sqlite_where=text("item_id IS NOT NULL"),
            postgresql_where=text("item_id IS NOT NULL"),
        ),
        Index("ix_listings_pending", "side_id", sqlite_where=text("pending = 1"), postgresql_where=text("pending")),
        Index(
            "ix_listings_link_pending",
            "side_id",
            sqlite_where=text("link_pending = 1"),
            postgresql_where=text("link_pending"),
        ),
        Index(
            "ix_listings_recheck",
            "side_id",
            "recheck_at",
            sqlite_where=text("recheck_at IS NOT NULL"),
            postgresql_where=text("recheck_at IS NOT NULL"),
        ),
        Index("ix_listings_parent", "side_id", "parent_external_id"),
        Index(
            "ix_listings_fields_pending",
            "side_id",
            sqlite_where=text("fields_pending = 1"),
            postgresql_where=text("fields_pending"),
        ),
        Index(
            "ix_listings_fields_recheck",
            "side_id",
            sqlite_where=text("fields_recheck_at IS NOT NULL"),
            postgresql_where=text("fields_recheck_at IS NOT NULL"),
        ),
        {"comment": "An item as one side knows it, with what we know that side to hold (shadow)"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    side_id: Mapped[int] = mapped_column(ForeignKey("sides.id"))
    item_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"), comment="empty: not linked")
    external_id: Mapped[str] = mapped_column(comment="the side's own id")
    parent_external_id: Mapped[str | None] = mapped_column(comment="id of the parent product of a variation")
    sku: Mapped[str | None] = mapped_column(comment="as the side gives it")
    sku_key: Mapped[str | None] = mapped_column(comment="SKU as compared: trimmed, lower case")
    gtin: Mapped[str | None] = mapped_column(comment="EAN/GTIN as the side gives it")
    gtin_key: Mapped[str | None] = mapped_column(comment="GTIN as compared: 14 digits")
    name: Mapped[str]
    stock_mode: Mapped[str] = mapped_column(Word, comment="own, parent, unmanaged, group")
    published: Mapped[bool]
    shadow: Mapped[Decimal | None] = mapped_column(comment="quantity last read or confirmed on this side")
    shadow_at: Mapped[datetime | None] = mapped_column(comment="when the shadow was last set")
    wanted: Mapped[Decimal | None] = mapped_column(comment="quantity this side should hold, as last planned")
    pending: Mapped[bool] = mapped_column(default=False, server_default=false(), comment="to be planned on next run")
    link_pending: Mapped[bool] = mapped_column(default=False, server_default=false(), comment="to be matched next run")
    recheck_at: Mapped[datetime | None] = mapped_column(comment="read this listing again by id at or after")
    write_seq: Mapped[int] = mapped_column(default=0, server_default="0", comment="sides.write_seq of its last write")
    marker: Mapped[str | None] = mapped_column(
        comment="operations.uid that the side showed last; an older one is a side put back"
    )
    fields: Mapped[str | None] = mapped_column(comment="what the side shows of the product's fields, JSON")
    fields_pending: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="fields are to be compared with the other side on next run"
    )
    fields_recheck_at: Mapped[datetime | None] = mapped_column(
        comment="fields were written: what a read shows that began before this moment may be older"
    )
    linked_at: Mapped[datetime | None]
    link_rule: Mapped[str | None] = mapped_column(Word, comment="sku, gtin, hub or manual")
    gone_at: Mapped[datetime | None] = mapped_column(comment="when it was proved to be gone from its side")
    gone_proof: Mapped[str | None] = mapped_column(Word)
    first_seen_at: Mapped[datetime]
    held_at: Mapped[datetime | None] = mapped_column(
        comment="since when a person must say what counts, after a restore; until then nothing is counted or written"
    )


class Run(Base):
    """One pass over one side: what it read, moved and wrote."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(one_of("kind", RUN_KINDS), name="kind"),
        CheckConstraint(one_of("result", RUN_RESULTS), name="result"),
        Index("ix_runs_side_id_started_at", "side_id", "started_at"),
        {"comment": "Passes over one side: what was read, moved and written"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    side_id: Mapped[int] = mapped_column(ForeignKey("sides.id"))
    kind: Mapped[str] = mapped_column(Word)
    cause: Mapped[str] = mapped_column(comment="what started it: schedule, start, a change on another side, a person")
    result: Mapped[str] = mapped_column(Word)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    read_requests: Mapped[int] = mapped_column(default=0, server_default="0")
    write_requests: Mapped[int] = mapped_column(default=0, server_default="0")
    listings_read: Mapped[int] = mapped_column(default=0, server_default="0")
    movements: Mapped[int] = mapped_column(default=0, server_default="0")
    writes: Mapped[int] = mapped_column(default=0, server_default="0", comment="operations sent")
    confirmed: Mapped[int] = mapped_column(default=0, server_default="0")
    rejected: Mapped[int] = mapped_column(default=0, server_default="0")
    unknown: Mapped[int] = mapped_column(default=0, server_default="0")
    drift: Mapped[int] = mapped_column(default=0, server_default="0", comment="changes a sweep found that feeds missed")
    fields_written: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="fields of products written and confirmed"
    )
    made: Mapped[int] = mapped_column(default=0, server_default="0", comment="products and variations made there")
    withdrawn: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="products and variations withdrawn there"
    )
    error: Mapped[str | None]


class Operation(Base):
    """One intended write to one listing, stored before it is sent."""

    __tablename__ = "operations"
    __table_args__ = (
        CheckConstraint(one_of("state", OPERATION_STATES), name="state"),
        CheckConstraint("settled_by IS NULL OR " + one_of("settled_by", SETTLERS), name="settled_by"),
        Index(
            "uq_operations_open_listing",
            "listing_id",
            unique=True,
            sqlite_where=text(one_of("state", OPEN_STATES)),
            postgresql_where=text(one_of("state", OPEN_STATES)),
        ),
        Index(
            "ix_operations_open_side",
            "side_id",
            sqlite_where=text(one_of("state", OPEN_STATES)),
            postgresql_where=text(one_of("state", OPEN_STATES)),
        ),
        Index("ix_operations_listing_id", "listing_id", "id"),
        Index("ix_operations_item_id", "item_id"),
        Index("ix_operations_run_id", "run_id"),
        {"comment": "Intended writes to sides, stored before they are sent"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True, comment="marker or idempotency key on sides that carry one")
    side_id: Mapped[int] = mapped_column(ForeignKey("sides.id"))
    listing_id: Mapped[int] = mapped_column(ForeignKey("listings.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    difference: Mapped[Decimal] = mapped_column(comment="signed units to add")
    expected_before: Mapped[Decimal] = mapped_column(comment="shadow when it was intended")
    reported: Mapped[Decimal | None] = mapped_column(comment="quantity the side reported after it")
    start_managing: Mapped[bool] = mapped_column(default=False, server_default=false())
    state: Mapped[str] = mapped_column(Word)
    reason: Mapped[str] = mapped_column(comment="the rule in words")
    error: Mapped[str | None] = mapped_column(comment="why it is unknown, rejected or parked")
    settled_by: Mapped[str | None] = mapped_column(Word)
    intended_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    doubted_at: Mapped[datetime | None] = mapped_column(comment="when its answer was given up")
    looked_at: Mapped[datetime | None] = mapped_column(comment="when a look at the side could not settle it")
    settled_at: Mapped[datetime | None]
    looks: Mapped[str | None] = mapped_column(
        comment="looks at the side while its outcome was unknown, JSON: began, ended, quantity"
    )


class Movement(Base):
    """One signed change of an item's quantity. Appended, never changed; old ones give way to their sum."""

    __tablename__ = "movements"
    __table_args__ = (
        CheckConstraint(one_of("cause", CAUSES), name="cause"),
        Index("ix_movements_item_id", "item_id", "id"),
        Index("ix_movements_run_id", "run_id"),
        Index("ix_movements_recorded_at", "recorded_at"),
        # Asked for by the database itself when a row that these refer to is removed.
        Index("ix_movements_operation_id", "operation_id", **_given("operation_id")),
        {"comment": "The ledger: signed changes of quantities; rows are appended, never changed"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    side_id: Mapped[int | None] = mapped_column(ForeignKey("sides.id"), comment="where it happened")
    listing_id: Mapped[int | None] = mapped_column(ForeignKey("listings.id"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"))
    operation_id: Mapped[int | None] = mapped_column(ForeignKey("operations.id"))
    quantity: Mapped[Decimal] = mapped_column(comment="signed units")
    on_hand_after: Mapped[Decimal] = mapped_column(comment="N after this movement")
    cause: Mapped[str] = mapped_column(Word)
    evidence: Mapped[str] = mapped_column(comment="how we know: reading, order number, person")
    recorded_at: Mapped[datetime]
    stands_for: Mapped[int | None] = mapped_column(comment="of a checkpoint: how many older movements it is the sum of")


class CursorRow(Base):
    """Where the next read of a feed continues."""

    __tablename__ = "cursors"
    __table_args__ = ({"comment": "Where the next read of a feed continues"},)

    side_id: Mapped[int] = mapped_column(ForeignKey("sides.id"), primary_key=True)
    feed: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[str] = mapped_column(comment="the server's clock or the feed's own mark")
    updated_at: Mapped[datetime]
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))


class TokenRow(Base):
    """OAuth tokens of one credential."""

    __tablename__ = "tokens"
    __table_args__ = ({"comment": "OAuth tokens, one row per credential"},)

    credential: Mapped[str] = mapped_column(primary_key=True, comment="name of the side")
    access_token: Mapped[str]
    refresh_token: Mapped[str]
    expires_at: Mapped[datetime]
    scope: Mapped[str] = mapped_column(default="", server_default="")
    seed_fingerprint: Mapped[str] = mapped_column(
        comment="SHA-256 of configured refresh tokens that were used as seed, newest first"
    )
    generation: Mapped[int] = mapped_column(comment="counts rotations")
    sealed_with: Mapped[str] = mapped_column(
        default="", server_default="", comment="id of the key that both tokens are sealed with; empty: they are plain"
    )
    rotated_at: Mapped[datetime]


class Finding(Base):
    """Something a person should know; opened once, closed by itself when it no longer holds."""

    __tablename__ = "findings"
    __table_args__ = (
        CheckConstraint(one_of("severity", SEVERITIES), name="severity"),
        Index(
            "uq_findings_open",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_findings_item_id", "item_id"),
        Index("ix_findings_operation_id", "operation_id", **_given("operation_id")),
        {"comment": "Things a person should know; open while closed_at is empty"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Word)
    severity: Mapped[str] = mapped_column(Word)
    subject: Mapped[str] = mapped_column(comment="what it is about; with kind unique among open findings")
    side_id: Mapped[int | None] = mapped_column(ForeignKey("sides.id"))
    item_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"))
    operation_id: Mapped[int | None] = mapped_column(ForeignKey("operations.id"))
    message: Mapped[str]
    advice: Mapped[str] = mapped_column(comment="what to do")
    counts: Mapped[str | None] = mapped_column(comment="figures behind the message, JSON")
    opened_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(comment="when its message last changed")
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(comment="itself, or the person's command")


class Notice(Base):
    """How far people were told of findings by one way; numbers of findings only grow, so one number is enough."""

    __tablename__ = "notices"
    __table_args__ = ({"comment": "How far people were told of findings, by each way of telling them"},)

    way: Mapped[str] = mapped_column(Word, primary_key=True, comment="webhook or mail")
    told_through: Mapped[int] = mapped_column(comment="newest finding that was told of")
    told_at: Mapped[datetime | None] = mapped_column(comment="when a message was last taken")


class Tombstone(Base):
    """A kept record that a listing was deleted on its side, so that nothing recreates it."""

    __tablename__ = "tombstones"
    __table_args__ = (
        UniqueConstraint("side_id", "external_id"),
        {"comment": "Listings deleted on their side, kept so that nothing recreates them"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    side_id: Mapped[int] = mapped_column(ForeignKey("sides.id"))
    external_id: Mapped[str]
    item_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"))
    sku: Mapped[str | None]
    name: Mapped[str]
    proof: Mapped[str] = mapped_column(Word)
    gone_at: Mapped[datetime]
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"))


class StockEventRow(Base):
    """Evidence: a line of an order, refund or return that moved stock on its side."""

    __tablename__ = "stock_events"
    __table_args__ = (
        Index("ix_stock_events_listing", "side_id", "external_id", "occurred_at"),
        Index("ix_stock_events_document", "side_id", "document"),
        Index("ix_stock_events_run_id", "run_id", **_given("run_id")),
        Index(
            "ix_stock_events_open",
            "side_id",
            sqlite_where=text("quantity <> explained"),
            postgresql_where=text("quantity <> explained"),
        ),
        {"comment": "Evidence: lines of orders, refunds and returns that moved stock on their side"},
    )

    side_id: Mapped[int] = mapped_column(ForeignKey("sides.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True, comment="document, and which change of it")
    document: Mapped[str] = mapped_column(comment="the side's id of the line")
    external_id: Mapped[str] = mapped_column(comment="listing whose stock it moved")
    kind: Mapped[str] = mapped_column(Word)
    reference: Mapped[str] = mapped_column(comment="what a person calls the document")
    quantity: Mapped[Decimal] = mapped_column(comment="signed units this change moved on its side")
    explained: Mapped[Decimal] = mapped_column(comment="part of it already named as evidence of a movement")
    movement_id: Mapped[int | None] = mapped_column(comment="newest movement it was held against")
    began_at: Mapped[datetime] = mapped_column(comment="earliest moment it may have moved stock")
    occurred_at: Mapped[datetime] = mapped_column(comment="the side's clock")
    recorded_at: Mapped[datetime]
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"))


class Restore(Base):
    """That this database was put back from a backup, and whether the sides were compared with it since."""

    __tablename__ = "restores"
    __table_args__ = ({"comment": "Times at which this database was put back from a backup"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    restored_at: Mapped[datetime]
    source: Mapped[str] = mapped_column(comment="the backup, as it was named")
    backup_at: Mapped[datetime | None] = mapped_column(comment="newest moment that the backup knows of")
    compared_at: Mapped[datetime | None] = mapped_column(
        comment="when all sides were compared; until then nothing is counted or written"
    )
    held: Mapped[int | None] = mapped_column(comment="items that were left to a person")


class Lease(Base):
    """A time-limited claim with an owner and a fencing number."""

    __tablename__ = "leases"
    __table_args__ = ({"comment": "Time-limited claims with an owner and a fencing number"},)

    name: Mapped[str] = mapped_column(primary_key=True, comment="leader, or token:CREDENTIAL")
    owner: Mapped[str] = mapped_column(comment="host, process and a random part; empty: free")
    fence: Mapped[int] = mapped_column(Integer, comment="grows with every change of owner")
    acquired_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    incarnation: Mapped[str] = mapped_column(
        default="",
        server_default="",
        comment="of leader: which life of the database this is; another one since each restore",
    )
    beat: Mapped[int] = mapped_column(
        BigInteger,
        default=0,
        server_default="0",
        comment="grows when the lease is taken, renewed or given back, and before each write to a side",
    )
    beat_at: Mapped[datetime | None] = mapped_column(comment="when it grew last")


def is_open() -> ColumnElement[bool]:
    """Condition "the operation is not settled", worded so that both databases use the index on open operations.

    An index on a condition serves only queries that state it in the same words; bound parameters do not.
    """
    words: list[ColumnElement[str]] = [literal_column(repr(word)) for word in OPEN_STATES]
    return Operation.state.in_(words)


def has_open_part() -> ColumnElement[bool]:
    """Condition "no movement names all of this document yet", worded as the index on such documents."""
    return StockEventRow.quantity != StockEventRow.explained
