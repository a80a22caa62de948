"""A plan in a file, and whether it still is what would be done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.errors import SyncdError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from syncd.service.preview import Preview, SidePlan

_FORM = 4


class NotAPlan(SyncdError):
    """The file cannot be read as a saved plan."""

    exit_code = 2


class WorldMoved(SyncdError):
    """What would be written now is not what the saved plan says; nothing was written."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as it was saved.

    Attributes:
        full: Whether everything was read for it.
        only: Shops that it is about; empty for all.
        sides: What it would write, as ``side_document`` words it.
    """

    full: bool
    only: tuple[str, ...]
    sides: Sequence[Mapping[str, Any]]


def side_document(plan: SidePlan) -> dict[str, Any]:
    """One side's plan as JSON takes it; quantities are ``Decimal``."""
    writes = [
        {
            "sku": write.sku,
            "external_id": write.ref.external_id,
            "name": write.name,
            "holds": write.holds,
            "wants": write.wants,
            "difference": write.difference,
            "reason": write.reason,
        }
        for write in plan.writes
    ]
    fields = [
        {
            "sku": write.sku,
            "external_id": write.ref.external_id,
            "name": write.name,
            "field": field.field,
            "shows": field.shows,
            "wants": field.wants,
            "conflict": field.verdict.conflict,
            "reason": field.reason,
        }
        for write in plan.fields
        for field in write.fields
    ]
    products = [
        {
            "external_id": product.source_id,
            "from": product.origin,
            "name": product.name,
            "units": [{"sku": unit.sku, "external_id": unit.external_id} for unit in product.units],
            "into": product.into,
            "reason": product.reason,
        }
        for product in plan.products
    ]
    withdrawals = [
        {"sku": one.sku, "external_id": one.ref.external_id, "name": one.name, "way": one.way.value}
        for one in plan.withdrawals
    ]
    return {
        "side": plan.side,
        "writes": writes,
        "fields": fields,
        "products": products,
        "withdrawals": withdrawals,
        "stopped": plan.stopped or None,
        "fields_stopped": plan.fields_stopped or None,
        "products_stopped": plan.products_stopped or None,
        "products_subjects": plan.products_subjects,
        "withdrawals_stopped": plan.withdrawals_stopped or None,
        "waits": {"products": plan.waits, "seconds": round(plan.waits_s, 1)} if plan.waits else None,
        "error": plan.error or None,
    }


def save(path: Path, found: Preview, *, full: bool, only: Sequence[str]) -> None:
    """Write a plan to a file for this user alone.

    Raises:
        SyncdError: A side could not be read: half a plan is none.
    """
    failed = [outcome.error for outcome in found.outcomes if outcome.error is not None]
    if failed:
        raise failed[0]
    document = {"syncd_plan": _FORM, "full": full, "only": list(only), "sides": _documents(found)}
    path.touch(mode=0o600)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: Path) -> SavedPlan:
    """Read a saved plan.

    Raises:
        NotAPlan: Something else is in the file.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["syncd_plan"] != _FORM:
            raise NotAPlan(f"{path} was saved by another version of syncd; make a new plan with `syncd plan -o`")
        return SavedPlan(bool(found["full"]), tuple(map(str, found["only"])), list(found["sides"]))
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise NotAPlan(
            f"{path} is no plan of syncd ({type(error).__name__}); `syncd plan -o FILE` makes one"
        ) from error


def moved(saved: SavedPlan, found: Preview) -> list[str]:
    """What would be done now and is not in the plan, or the other way round, in words; empty if they are the same."""
    then, now = _steps(saved.sides), _steps(_documents(found))
    gone = [f"{_words(key)}: was {_change(then[key])}, not any more" for key in then if key not in now]
    new = [f"{_words(key)}: {_change(now[key])} is new" for key in now if key not in then]
    other = [
        f"{_words(key)}: was {_change(then[key])}, is {_change(now[key])}"
        for key in then
        if key in now and then[key] != now[key]
    ]
    return [*gone, *new, *other]


def _documents(found: Preview) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = json.loads(json.dumps([side_document(plan) for plan in found.plans], default=str))
    return documents


_Key = tuple[str, str, str]


def _steps(sides: Sequence[Mapping[str, Any]]) -> dict[_Key, tuple[object, object]]:
    """What each write changes, by side, product and field."""
    steps: dict[_Key, tuple[object, object]] = {}
    for side in sides:
        for write in side["writes"]:
            steps[side["side"], write["external_id"], "stock"] = write["holds"], write["wants"]
        for write in side["fields"]:
            steps[side["side"], write["external_id"], write["field"]] = write["shows"], write["wants"]
        for product in side["products"]:
            units = ", ".join(unit["external_id"] for unit in product["units"])
            what = f"new product from {product['from']}"
            steps[side["side"], product["external_id"], what] = product["into"] or "nothing", units
        for one in side["withdrawals"]:
            steps[side["side"], one["external_id"], "withdrawal"] = "there", one["way"]
    return steps


def _words(key: _Key) -> str:
    side, external_id, what = key
    return f"{what} of {external_id} in {side}"


def _change(step: tuple[object, object]) -> str:
    return f"{step[0]} → {step[1]}"
