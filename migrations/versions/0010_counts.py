"""Sides remember which quantity of theirs is counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Nobody knows what was counted before: it is taken over from what is counted when the side is first met.
_COLUMNS = {
    "counts": "which of its quantities is counted, as the adapter names it; empty: not asked yet, or there is only one",
    "counts_words": "the same for people",
}


def upgrade() -> None:
    for name, comment in _COLUMNS.items():
        op.add_column("sides", sa.Column(name, sa.Text(), server_default="", nullable=False, comment=comment))
