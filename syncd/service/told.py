"""What sides said goes into the database without secrets: a side may repeat what it was sent, and what it knows.

One place for all columns, so that no way of settling a write can forget it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from syncd.http.redact import hide
from syncd.state.models import Finding, Operation, Run, Side
from syncd.state.product_models import Creation, FieldWrite, Withdrawal

COLUMNS = (
    Side.last_error,
    Run.error,
    Operation.error,
    FieldWrite.error,
    Creation.error,
    Withdrawal.error,
    Finding.message,
    Finding.advice,
)


def watch() -> None:
    """Begin; to be called once."""
    for column in COLUMNS:
        event.listen(column, "set", _without_secrets, retval=True)


def _without_secrets(_row: object, value: Any, _before: object, _how: object) -> Any:
    return hide(value) if isinstance(value, str) else value


watch()
