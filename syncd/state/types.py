"""Column types that behave the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import DateTime, Dialect, Numeric, String, TypeDecorator
from sqlalchemy.types import TypeEngine, UserDefinedType

QUANTITY_PLACES = 4
_QUANTUM = Decimal(1).scaleb(-QUANTITY_PLACES)


@lru_cache(maxsize=4096, typed=True)
def _exact(value: object) -> Decimal:
    """Stored form to quantity: kept, because most stocks are one of a few hundred numbers."""
    exact = Decimal(str(value)).quantize(_QUANTUM)
    return exact.to_integral_value() if exact == exact.to_integral_value() else exact.normalize()


class _SqliteNumeric(UserDefinedType[Any]):
    """``NUMERIC`` affinity without SQLAlchemy's own float conversion: whole numbers stay integers."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """DDL name."""
        return "NUMERIC"


class Quantity(TypeDecorator[Decimal]):
    """Exact units with at most four places; readable in SQL on both databases.

    PostgreSQL stores ``NUMERIC(18, 4)``. SQLite has no decimal type: a whole number is stored as INTEGER, another as
    the nearest double, which holds 15 significant digits, so rounding to four places on the way back restores the
    exact value for every quantity below 10**11 (tests/unit/test_types.py). No arithmetic is done on the stored form.
    """

    impl = Numeric(18, QUANTITY_PLACES)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type."""
        return dialect.type_descriptor(_SqliteNumeric() if dialect.name == "sqlite" else Numeric(18, QUANTITY_PLACES))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Refuse more than four places instead of rounding them away."""
        if value is None:
            return None
        exact = value.quantize(_QUANTUM)
        if exact != value:
            raise ValueError(f"quantity {value} has more than {QUANTITY_PLACES} decimal places")
        if dialect.name != "sqlite":
            return exact
        return int(exact) if exact == exact.to_integral_value() else float(exact)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Give back the exact value, without trailing zeros."""
        if value is None:
            return None
        return _exact(value)


class Instant(TypeDecorator[datetime]):
    """Aware UTC instants; SQLite alone would give them back without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: instants are aware UTC")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Put the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Word(TypeDecorator[str]):
    """A short word of a fixed vocabulary; the vocabulary is a named CHECK constraint on the table."""

    impl = String(32)
    cache_ok = True
