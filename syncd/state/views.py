"""The views for people at a SQL prompt; docs/database.md explains them.

They hold no data, so they are not part of the migrations' history: an upgrade drops them first and makes them anew
last, always in the form that this version knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class View:
    """One view.

    Attributes:
        name: As typed.
        comment: What a row is.
        body: ``SELECT`` with the placeholders of ``_DIALECTS``.
    """

    name: str
    comment: str
    body: str


# $open is worded as in the index on open operations, so that the index is used.
_OPEN = "o.state IN ('intended', 'sent', 'unknown', 'parked')"

_DIALECTS: Mapping[str, Mapping[str, str]] = {
    "sqlite": {
        "open": _OPEN,
        "pending": "l.pending = 1",
        "number": "",
        # Fractions are doubles in SQLite, and whole numbers should read as such.
        "difference": "CASE typeof(l.wanted - l.shadow) WHEN 'real' THEN round(l.wanted - l.shadow, 4)"
        " ELSE l.wanted - l.shadow END",
        "read_age_s": "CAST(strftime('%s', 'now') - strftime('%s', s.last_read_at) AS INTEGER)",
        "open_hours": "round((julianday('now') - julianday(f.opened_at)) * 24, 1)",
    },
    "postgresql": {
        "open": _OPEN,
        "pending": "l.pending",
        # Without it 3 pieces read as 3.0000.
        "number": "trim_scale",
        "difference": "trim_scale(l.wanted - l.shadow)",
        "read_age_s": "CAST(extract(epoch FROM now() - s.last_read_at) AS integer)",
        "open_hours": "round(CAST(extract(epoch FROM now() - f.opened_at) / 3600 AS numeric), 1)",
    },
}

# The name of an item is the hub's; an item without hub listing borrows that of a shop.
_HUB = """
LEFT JOIN listings h ON h.item_id = $item AND h.side_id = (SELECT id FROM sides WHERE role = 'hub' ORDER BY id LIMIT 1)
"""
_SKU = "coalesce(h.sku, (SELECT min(x.sku) FROM listings x WHERE x.item_id = $item)) AS sku"
_NAME = "coalesce(h.name, (SELECT min(x.name) FROM listings x WHERE x.item_id = $item)) AS name"


def _named(item: str, body: str) -> str:
    for key, text in (("$SKU", _SKU), ("$NAME", _NAME), ("$HUB", _HUB)):
        body = body.replace(key, text.replace("$item", item).strip())
    return body


VIEWS = (
    View(
        "v_stock",
        "One row per item and side: what it holds, what it should hold, and how they stand",
        _named(
            "i.id",
            """
SELECT i.id AS item_id,
       $SKU,
       $NAME,
       $number(i.on_hand) AS on_hand,
       s.name AS side,
       $number(l.shadow) AS holds,
       $number(l.wanted) AS wanted,
       $difference AS difference,
       CASE
         WHEN l.id IS NULL THEN 'not linked on this side'
         WHEN o.state IN ('intended', 'sent') THEN 'being written'
         WHEN o.state = 'unknown' THEN 'in doubt'
         WHEN o.state = 'parked' THEN 'in doubt, a person decides'
         WHEN l.gone_at IS NOT NULL THEN 'gone from this side'
         WHEN l.held_at IS NOT NULL THEN 'held after a restore'
         WHEN l.stock_mode = 'unmanaged' AND NOT ($pending) THEN 'not counted by this side'
         WHEN l.stock_mode = 'parent' THEN 'counted by its parent product'
         WHEN l.stock_mode = 'group' THEN 'only groups variations'
         WHEN l.recheck_at IS NOT NULL THEN 'to be read again'
         WHEN $pending AND l.wanted <> l.shadow THEN 'to be written'
         WHEN $pending THEN 'to be planned'
         WHEN l.shadow IS NULL THEN 'not read yet'
         WHEN l.wanted IS NULL THEN 'not planned yet'
         WHEN l.wanted = l.shadow THEN 'equal'
         ELSE 'differs'
       END AS state,
       l.shadow_at AS held_since,
       l.external_id AS external_id,
       l.id AS listing_id,
       o.id AS operation_id
FROM items i
CROSS JOIN sides s
LEFT JOIN listings l ON l.item_id = i.id AND l.side_id = s.id
LEFT JOIN operations o ON o.listing_id = l.id AND $open
$HUB
""",
        ),
    ),
    View(
        "v_drift",
        "The rows of v_stock that are not at rest: a difference to write, a write in doubt, a listing gone",
        """
SELECT * FROM v_stock
WHERE state NOT IN ('equal', 'not linked on this side', 'not counted by this side', 'counted by its parent product',
                    'only groups variations')
""",
    ),
    View(
        "v_open_findings",
        "What a person should know now, gravest and oldest first",
        _named(
            "f.item_id",
            """
SELECT f.id AS finding_id,
       f.severity AS severity,
       f.kind AS kind,
       s.name AS side,
       $SKU,
       $NAME,
       f.message AS message,
       f.advice AS advice,
       f.opened_at AS opened_at,
       $open_hours AS open_hours,
       f.changed_at AS changed_at,
       f.subject AS subject,
       f.operation_id AS operation_id
FROM findings f
LEFT JOIN sides s ON s.id = f.side_id
$HUB
WHERE f.closed_at IS NULL
ORDER BY CASE f.severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, f.opened_at, f.id
""",
        ),
    ),
    View(
        "v_recent_movements",
        "The ledger with names, newest first; put a LIMIT behind it",
        _named(
            "m.item_id",
            """
SELECT m.id AS movement_id,
       m.recorded_at AS recorded_at,
       $SKU,
       $NAME,
       s.name AS side,
       $number(m.quantity) AS quantity,
       $number(m.on_hand_after) AS on_hand_after,
       m.cause AS cause,
       m.evidence AS evidence,
       m.run_id AS run_id,
       m.operation_id AS operation_id,
       m.item_id AS item_id
FROM movements m
LEFT JOIN sides s ON s.id = m.side_id
$HUB
ORDER BY m.id DESC
""",
        ),
    ),
    View(
        "v_side_health",
        "One row per side: how fresh it is and what is open there",
        """
SELECT s.name AS side,
       s.role AS role,
       s.adapter AS adapter,
       s.last_read_at AS last_read_at,
       $read_age_s AS read_age_s,
       s.last_full_read_at AS last_full_read_at,
       s.last_write_at AS last_write_at,
       s.nothing_waited_at AS nothing_waited_at,
       (SELECT count(*) FROM listings l WHERE l.side_id = s.id AND $pending) AS pending,
       (SELECT count(*) FROM operations o WHERE o.side_id = s.id AND $open) AS open_operations,
       (SELECT count(*) FROM operations o WHERE o.side_id = s.id AND $open AND o.state IN ('unknown', 'parked'))
         AS in_doubt,
       (SELECT count(*) FROM findings f WHERE f.side_id = s.id AND f.closed_at IS NULL) AS open_findings,
       s.last_error AS last_error,
       s.last_error_at AS last_error_at
FROM sides s
ORDER BY s.id
""",
    ),
)


def create_views(connection: Connection) -> None:
    """Make all views."""
    words = _DIALECTS[connection.dialect.name]
    for view in VIEWS:
        body = Template(view.body).substitute(words).strip()
        connection.exec_driver_sql(f"CREATE VIEW {view.name} AS {body}")
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"COMMENT ON VIEW {view.name} IS '{view.comment}'")


def drop_views(connection: Connection) -> None:
    """Drop all views that are there, in the order in which they depend on each other."""
    for view in reversed(VIEWS):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view.name}")
