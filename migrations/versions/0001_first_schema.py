"""First schema. The views are not here: see syncd/state/views.py."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncd.state import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "on_hand",
            types.Quantity(),
            nullable=False,
            comment="N: sum of the item's movements; negative means oversold",
        ),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        comment="Sellable units with their canonical quantity on hand",
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False, comment="leader, or token:CREDENTIAL"),
        sa.Column("owner", sa.Text(), nullable=False, comment="host, process and a random part; empty: free"),
        sa.Column("fence", sa.Integer(), nullable=False, comment="grows with every change of owner"),
        sa.Column("acquired_at", types.Instant(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
        comment="Time-limited claims with an owner and a fencing number",
    )
    op.create_table(
        "sides",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="name in the configuration"),
        sa.Column("role", types.Word(), nullable=False, comment="hub or shop"),
        sa.Column("adapter", sa.Text(), nullable=False, comment="kind of adapter"),
        sa.Column(
            "write_seq",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="counts settled writes; a reading that began at a lower number is older",
        ),
        sa.Column("policy", sa.Text(), server_default="", nullable=False, comment="stock policy last planned with"),
        sa.Column("last_read_at", types.Instant(), nullable=True, comment="last complete read of changes"),
        sa.Column(
            "last_full_read_at", types.Instant(), nullable=True, comment="last complete read of everything (sweep)"
        ),
        sa.Column("last_write_at", types.Instant(), nullable=True, comment="last confirmed write"),
        sa.Column("last_error", sa.Text(), nullable=True, comment="why the last run failed; empty after a good one"),
        sa.Column("last_error_at", types.Instant(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.CheckConstraint("role IN ('hub', 'shop')", name=op.f("ck_sides_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sides")),
        sa.UniqueConstraint("name", name=op.f("uq_sides_name")),
        comment="Systems that hold stock: the hub (INVENTORUM) and the shops",
    )
    op.create_table(
        "tokens",
        sa.Column("credential", sa.Text(), nullable=False, comment="name of the side"),
        sa.Column("access_token", sa.Text(), nullable=False),
        sa.Column("refresh_token", sa.Text(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("scope", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "seed_fingerprint",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of configured refresh tokens that were used as seed, newest first",
        ),
        sa.Column("generation", sa.Integer(), nullable=False, comment="counts rotations"),
        sa.Column("rotated_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("credential", name=op.f("pk_tokens")),
        comment="OAuth tokens, one row per credential",
    )
    op.create_table(
        "listings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("side_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=True, comment="empty: not linked"),
        sa.Column("external_id", sa.Text(), nullable=False, comment="the side's own id"),
        sa.Column("parent_external_id", sa.Text(), nullable=True, comment="id of the parent product of a variation"),
        sa.Column("sku", sa.Text(), nullable=True, comment="as the side gives it"),
        sa.Column("sku_key", sa.Text(), nullable=True, comment="SKU as compared: trimmed, lower case"),
        sa.Column("gtin", sa.Text(), nullable=True, comment="EAN/GTIN as the side gives it"),
        sa.Column("gtin_key", sa.Text(), nullable=True, comment="GTIN as compared: 14 digits"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("stock_mode", types.Word(), nullable=False, comment="own, parent, unmanaged, group"),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("shadow", types.Quantity(), nullable=True, comment="quantity last read or confirmed on this side"),
        sa.Column("shadow_at", types.Instant(), nullable=True, comment="when the shadow was last set"),
        sa.Column("wanted", types.Quantity(), nullable=True, comment="quantity this side should hold, as last planned"),
        sa.Column(
            "pending", sa.Boolean(), server_default=sa.false(), nullable=False, comment="to be planned on next run"
        ),
        sa.Column(
            "link_pending", sa.Boolean(), server_default=sa.false(), nullable=False, comment="to be matched next run"
        ),
        sa.Column("recheck_at", types.Instant(), nullable=True, comment="read this listing again by id at or after"),
        sa.Column(
            "write_seq", sa.Integer(), server_default="0", nullable=False, comment="sides.write_seq of its last write"
        ),
        sa.Column("linked_at", types.Instant(), nullable=True),
        sa.Column("link_rule", types.Word(), nullable=True, comment="sku, gtin, hub or manual"),
        sa.Column("gone_at", types.Instant(), nullable=True, comment="when it was proved to be gone from its side"),
        sa.Column("gone_proof", types.Word(), nullable=True),
        sa.Column("first_seen_at", types.Instant(), nullable=False),
        sa.CheckConstraint(
            "stock_mode IN ('own', 'parent', 'unmanaged', 'group')", name=op.f("ck_listings_stock_mode")
        ),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_listings_item_id_items")),
        sa.ForeignKeyConstraint(["side_id"], ["sides.id"], name=op.f("fk_listings_side_id_sides")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listings")),
        sa.UniqueConstraint("side_id", "external_id", name=op.f("uq_listings_side_id_external_id")),
        comment="An item as one side knows it, with what we know that side to hold (shadow)",
    )
    op.create_index("ix_listings_gtin_key", "listings", ["gtin_key"])
    op.create_index("ix_listings_item_id", "listings", ["item_id"])
    op.create_index(
        "ix_listings_link_pending",
        "listings",
        ["side_id"],
        sqlite_where=sa.text("link_pending = 1"),
        postgresql_where=sa.text("link_pending"),
    )
    op.create_index("ix_listings_parent", "listings", ["side_id", "parent_external_id"])
    op.create_index(
        "ix_listings_pending",
        "listings",
        ["side_id"],
        sqlite_where=sa.text("pending = 1"),
        postgresql_where=sa.text("pending"),
    )
    op.create_index(
        "ix_listings_recheck",
        "listings",
        ["side_id", "recheck_at"],
        sqlite_where=sa.text("recheck_at IS NOT NULL"),
        postgresql_where=sa.text("recheck_at IS NOT NULL"),
    )
    op.create_index("ix_listings_sku_key", "listings", ["sku_key"])
    op.create_index(
        "uq_listings_item_side",
        "listings",
        ["item_id", "side_id"],
        unique=True,
        sqlite_where=sa.text("item_id IS NOT NULL"),
        postgresql_where=sa.text("item_id IS NOT NULL"),
    )

    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("side_id", sa.Integer(), nullable=False),
        sa.Column("kind", types.Word(), nullable=False),
        sa.Column(
            "cause",
            sa.Text(),
            nullable=False,
            comment="what started it: schedule, start, a change on another side, a person",
        ),
        sa.Column("result", types.Word(), nullable=False),
        sa.Column("started_at", types.Instant(), nullable=False),
        sa.Column("finished_at", types.Instant(), nullable=True),
        sa.Column("read_requests", sa.Integer(), server_default="0", nullable=False),
        sa.Column("write_requests", sa.Integer(), server_default="0", nullable=False),
        sa.Column("listings_read", sa.Integer(), server_default="0", nullable=False),
        sa.Column("movements", sa.Integer(), server_default="0", nullable=False),
        sa.Column("writes", sa.Integer(), server_default="0", nullable=False, comment="operations sent"),
        sa.Column("confirmed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rejected", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unknown", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "drift", sa.Integer(), server_default="0", nullable=False, comment="changes a sweep found that feeds missed"
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('poll', 'push', 'full', 'sync', 'settle')", name=op.f("ck_runs_kind")),
        sa.CheckConstraint("result IN ('running', 'ok', 'failed', 'stopped', 'crashed')", name=op.f("ck_runs_result")),
        sa.ForeignKeyConstraint(["side_id"], ["sides.id"], name=op.f("fk_runs_side_id_sides")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        comment="Passes over one side: what was read, moved and written",
    )
    op.create_index("ix_runs_side_id_started_at", "runs", ["side_id", "started_at"])

    op.create_table(
        "cursors",
        sa.Column("side_id", sa.Integer(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False, comment="the server's clock or the feed's own mark"),
        sa.Column("updated_at", types.Instant(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_cursors_run_id_runs")),
        sa.ForeignKeyConstraint(["side_id"], ["sides.id"], name=op.f("fk_cursors_side_id_sides")),
        sa.PrimaryKeyConstraint("side_id", "feed", name=op.f("pk_cursors")),
        comment="Where the next read of a feed continues",
    )
    op.create_table(
        "operations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False, comment="marker or idempotency key on sides that carry one"),
        sa.Column("side_id", sa.Integer(), nullable=False),
        sa.Column("listing_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("difference", types.Quantity(), nullable=False, comment="signed units to add"),
        sa.Column("expected_before", types.Quantity(), nullable=False, comment="shadow when it was intended"),
        sa.Column("reported", types.Quantity(), nullable=True, comment="quantity the side reported after it"),
        sa.Column("start_managing", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("state", types.Word(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="the rule in words"),
        sa.Column("error", sa.Text(), nullable=True, comment="why it is unknown, rejected or parked"),
        sa.Column("settled_by", types.Word(), nullable=True),
        sa.Column("intended_at", types.Instant(), nullable=False),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.Column("doubted_at", types.Instant(), nullable=True, comment="when its answer was given up"),
        sa.Column("looked_at", types.Instant(), nullable=True, comment="when a look at the side could not settle it"),
        sa.Column("settled_at", types.Instant(), nullable=True),
        sa.CheckConstraint(
            "settled_by IS NULL OR settled_by IN ('answer', 'marker', 'read_back', 'event', 'person', 'never_sent')",
            name=op.f("ck_operations_settled_by"),
        ),
        sa.CheckConstraint(
            "state IN ('intended', 'sent', 'confirmed', 'unknown', 'rejected', 'parked', 'cancelled')",
            name=op.f("ck_operations_state"),
        ),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_operations_item_id_items")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_operations_listing_id_listings")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_operations_run_id_runs")),
        sa.ForeignKeyConstraint(["side_id"], ["sides.id"], name=op.f("fk_operations_side_id_sides")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operations")),
        sa.UniqueConstraint("uid", name=op.f("uq_operations_uid")),
        comment="Intended writes to sides, stored before they are sent",
    )
    op.create_index("ix_operations_item_id", "operations", ["item_id"])
    op.create_index("ix_operations_listing_id", "operations", ["listing_id", "id"])
    op.create_index(
        "ix_operations_open_side",
        "operations",
        ["side_id"],
        sqlite_where=sa.text("state IN ('intended', 'sent', 'unknown', 'parked')"),
        postgresql_where=sa.text("state IN ('intended', 'sent', 'unknown', 'parked')"),
    )
    op.create_index("ix_operations_run_id", "operations", ["run_id"])
    op.create_index(
        "uq_operations_open_listing",
        "operations",
        ["listing_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('intended', 'sent', 'unknown', 'parked')"),
        postgresql_where=sa.text("state IN ('intended', 'sent', 'unknown', 'parked')"),
    )

    op.create_table(
        "stock_events",
        sa.Column("side_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="document, and which change of it"),
        sa.Column("document", sa.Text(), nullable=False, comment="the side's id of the line"),
        sa.Column("external_id", sa.Text(), nullable=False, comment="listing whose stock it moved"),
        sa.Column("kind", types.Word(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False, comment="what a person calls the document"),
        sa.Column("quantity", types.Quantity(), nullable=False, comment="signed units this change moved on its side"),
        sa.Column(
            "explained", types.Quantity(), nullable=False, comment="part of it already named as evidence of a movement"
        ),
        sa.Column("movement_id", sa.Integer(), nullable=True, comment="newest movement it was held against"),
        sa.Column("began_at", types.Instant(), nullable=False, comment="earliest moment it may have moved stock"),
        sa.Column("occurred_at", types.Instant(), nullable=False, comment="the side's clock"),
        sa.Column("recorded_at", types.Instant(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_stock_events_run_id_runs")),
        sa.ForeignKeyConstraint(["side_id"], ["sides.id"], name=op.f("fk_stock_events_side_id_sides")),
        sa.PrimaryKeyConstraint("side_id", "key", name=op.f("pk_stock_events")),
        comment="Evidence: lines of orders, refunds and returns that moved stock on their side",
    )
    op.create_index("ix_stock_events_listing", "stock_events", ["side_id", "external_id", "occurred_at"])
    op.create_index("ix_stock_events_document", "stock_events", ["side_id", "document"])
    op.create_index(
        "ix_stock_events_open",
        "stock_events",
        ["side_id"],
        sqlite_where=sa.text("quantity <> explained"),
        postgresql_where=sa.text("quantity <> explained"),
    )

    op.create_table(
        "tombstones",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("side_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("proof", types.Word(), nullable=False),
        sa.Column("gone_at", types.Instant(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_tombstones_item_id_items")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_tombstones_run_id_runs")),
        sa.ForeignKeyConstraint(["side_id"], ["sides.id"], name=op.f("fk_tombstones_side_id_sides")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tombstones")),
        sa.UniqueConstraint("side_id", "external_id", name=op.f("uq_tombstones_side_id_external_id")),
        comment="Listings deleted on their side, kept so that nothing recreates them",
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", types.Word(), nullable=False),
        sa.Column("severity", types.Word(), nullable=False),
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="what it is about; with kind unique among open findings"
        ),
        sa.Column("side_id", sa.Integer(), nullable=True),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("operation_id", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False, comment="what to do"),
        sa.Column("counts", sa.Text(), nullable=True, comment="figures behind the message, JSON"),
        sa.Column("opened_at", types.Instant(), nullable=False),
        sa.Column("changed_at", types.Instant(), nullable=False, comment="when its message last changed"),
        sa.Column("closed_at", types.Instant(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True, comment="itself, or the person's command"),
        sa.CheckConstraint("severity IN ('info', 'warning', 'error')", name=op.f("ck_findings_severity")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_findings_item_id_items")),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name=op.f("fk_findings_operation_id_operations")),
        sa.ForeignKeyConstraint(["side_id"], ["sides.id"], name=op.f("fk_findings_side_id_sides")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        comment="Things a person should know; open while closed_at is empty",
    )
    op.create_index("ix_findings_item_id", "findings", ["item_id"])
    op.create_index(
        "uq_findings_open",
        "findings",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )

    op.create_table(
        "movements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("side_id", sa.Integer(), nullable=True, comment="where it happened"),
        sa.Column("listing_id", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("operation_id", sa.Integer(), nullable=True),
        sa.Column("quantity", types.Quantity(), nullable=False, comment="signed units"),
        sa.Column("on_hand_after", types.Quantity(), nullable=False, comment="N after this movement"),
        sa.Column("cause", types.Word(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False, comment="how we know: reading, order number, person"),
        sa.Column("recorded_at", types.Instant(), nullable=False),
        sa.CheckConstraint(
            "cause IN ('opening', 'initial_stock', 'sale', 'return', 'change', 'correction', 'lost_update', 'undo', 'manual')",  # noqa: E501  # one condition
            name=op.f("ck_movements_cause"),
        ),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_movements_item_id_items")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_movements_listing_id_listings")),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name=op.f("fk_movements_operation_id_operations")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_movements_run_id_runs")),
        sa.ForeignKeyConstraint(["side_id"], ["sides.id"], name=op.f("fk_movements_side_id_sides")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movements")),
        comment="The ledger: signed changes of quantities; rows are appended, never changed",
    )
    op.create_index("ix_movements_item_id", "movements", ["item_id", "id"])
    op.create_index("ix_movements_recorded_at", "movements", ["recorded_at"])
    op.create_index("ix_movements_run_id", "movements", ["run_id"])
