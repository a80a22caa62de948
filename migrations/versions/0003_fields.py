"""What sides show of a product's fields."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FIELDS = "what the side shows of the product's fields, JSON"


def upgrade() -> None:
    op.add_column("listings", sa.Column("fields", sa.Text(), nullable=True, comment=_FIELDS))
