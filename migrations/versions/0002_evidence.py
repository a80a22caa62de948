"""What sides showed: looks while a write is in doubt, and the mark that a listing carried last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LOOKS = "looks at the side while its outcome was unknown, JSON: began, ended, quantity"
_MARKER = "operations.uid that the side showed last; an older one is a side put back"


def upgrade() -> None:
    op.add_column("operations", sa.Column("looks", sa.Text(), nullable=True, comment=_LOOKS))
    op.add_column("listings", sa.Column("marker", sa.Text(), nullable=True, comment=_MARKER))
