"""Mistakes in plain words: a validation error becomes a key path and a sentence that helps."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from syncd.errors import ConfigProblem

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED = re.compile(r"'([^']*)'")
_LONGEST_SHOWN = 60

_WANTED = (
    (re.compile(r"int_from_float"), "a whole number"),
    (re.compile(r"int_"), "a whole number"),
    (re.compile(r"(float|decimal|finite|is_instance_of)"), "a number"),
    (re.compile(r"bool_"), "true or false"),
    (re.compile(r"(string|str)_(type|unicode)"), 'text in "quotes"'),
    (re.compile(r"url_"), "a complete address like https://shop.example/"),
    (re.compile(r"(model|dict|mapping|dataclass)_(attributes_)?type"), "a table"),
    (re.compile(r"(list|tuple|set)_type"), "a list in [brackets]"),
    (re.compile(r"path_type"), 'a file name in "quotes"'),
)
_BOUNDS = (
    ("greater_than_equal", "ge", "is below the minimum of"),
    ("greater_than", "gt", "must be more than"),
    ("less_than_equal", "le", "is above the maximum of"),
    ("less_than", "lt", "must be less than"),
    ("decimal_max_places", "decimal_places", "has too many decimal places; at most"),
    ("string_too_short", "min_length", "is too short; characters at least"),
    ("string_too_long", "max_length", "is too long; characters at most"),
)


def key_path(*parts: object) -> str:
    """Write a key as it is typed in TOML: ``shops.main.stock.buffers."SKU 1"``."""
    words = [str(part) for part in parts if part != ""]
    return ".".join(word if _BARE_KEY.fullmatch(word) else f'"{word}"' for word in words)


def nearest(word: str, names: Iterable[str]) -> str:
    """Return ``(did you mean "x"?)`` with a leading space, or nothing if no name is near."""
    by_lower = {name.lower(): name for name in names}
    near = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return f' (did you mean "{by_lower[near[0]]}"?)' if near else ""


def unknown_key(key: str, names: Iterable[str], tables: Mapping[str, Iterable[str]] | None = None) -> str:
    """Explain an unknown key by the nearest name, the table it belongs to, or the list of known names.

    Args:
        key: As typed.
        names: What is known here.
        tables: Tables below this one, with their keys.
    """
    known = list(names)
    if hint := nearest(key, known):
        return f"unknown key{hint}"
    for table, keys in (tables or {}).items():
        if key in keys:
            return f"unknown key here; it belongs into [{table}]"
    return f"unknown key; known here: {', '.join(sorted(known))}"


def explain(
    error: ValidationError, model: type[BaseModel], prefix: Sequence[str], *, skip: frozenset[str] = frozenset()
) -> list[ConfigProblem]:
    """Turn a validation error of ``model`` into problems.

    Args:
        error: What pydantic found.
        model: The model it was validated with, for names and descriptions.
        prefix: Key path of the table.
        skip: First keys that have been reported already.
    """
    details = error.errors(include_url=False)
    return [
        ConfigProblem(key_path(*prefix, *item["loc"]), _sentence(item, model))
        for item in details
        if not (item["loc"] and item["loc"][0] in skip)
    ]


def purpose(description: str) -> str:
    """The first sentence of a field's description, to be put into one of ours."""
    return description.split(". ", maxsplit=1)[0].rstrip(".")


def describe(value: object) -> str:
    """Name the kind of a TOML value."""
    kinds: tuple[tuple[Any, str], ...] = (
        (bool, "true or false"),
        (int, "a number"),
        ((float, Decimal), "a number with decimals"),
        (str, "text"),
        (Mapping, "a table"),
        (list, "a list"),
        ((datetime, date, time), "a date or time without quotes"),
    )
    return next((words for kind, words in kinds if isinstance(value, kind)), "something else")


def _sentence(item: ErrorDetails, model: type[BaseModel]) -> str:
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    parent, field = _locate(model, item["loc"])
    secret = field is not None and is_secret(field.annotation)
    if kind == "missing":
        return f"missing: {purpose(field.description)}" if field and field.description else "missing"
    if kind == "extra_forbidden":
        return unknown_key(str(item["loc"][-1]), parent.model_fields if parent else ())
    if kind in {"literal_error", "enum"}:
        options = _QUOTED.findall(str(context.get("expected", "")))
        typed = nearest(value, options) if isinstance(value, str) and not secret else ""
        listed = ", ".join(f'"{option}"' for option in options)
        return f"{show(value, secret=secret)} is not one of {listed}{typed}"
    if misfit := _misfit(item, field):
        return misfit
    for name, key, words in _BOUNDS:
        if kind == name and key in context:
            return f"{show(value, secret=secret)} {words} {context[key]}"
    if kind == "value_error":
        # Written by the adapter; the loader removes every known secret from it.
        return str(context.get("error", item["msg"]))
    for pattern, wanted in _WANTED:
        if pattern.match(kind):
            return f"must be {wanted}, not {describe(value) if secret else _shown_kind(kind, value)}"
    return "is not valid" if secret else item["msg"][:1].lower() + item["msg"][1:]


def _misfit(item: ErrorDetails, field: FieldInfo | None) -> str:
    """What is of the right kind, but empty, too many, or not of the form that is wanted."""
    kind, value = item["type"], item["input"]
    if kind in {"string_too_short", "too_short"} and not value:
        return "is empty"
    if kind == "too_long":
        return f"has more than {item['ctx']['max_length']} entries"
    if kind != "string_pattern_mismatch" or field is None:
        return ""
    like = f', like "{field.default}"' if isinstance(field.default, str) else ""
    shown = show(value, secret=is_secret(field.annotation))
    return f"{shown} cannot be one; wanted is: {purpose(field.description or '')}{like}"


def _shown_kind(kind: str, value: object) -> str:
    """The value where its kind was right and its content wrong, else the kind."""
    parsed = kind.endswith("_parsing") or kind.startswith(("url_", "int_from", "finite"))
    return show(value) if parsed and isinstance(value, str | int | Decimal | float) else describe(value)


def show(value: object, *, secret: bool = False) -> str:
    """A value as typed, shortened; never a secret, never a whole table."""
    if secret or not isinstance(value, str | bool | int | float | Decimal):
        return "the value" if secret else describe(value)
    text = f'"{value}"' if isinstance(value, str) else str(value).lower()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def is_secret(annotation: Any) -> bool:
    """Whether a field's type is ``SecretStr`` (also optional)."""
    return annotation is SecretStr or any(is_secret(part) for part in typing.get_args(annotation))


def _locate(model: type[BaseModel], loc: Sequence[int | str]) -> tuple[type[BaseModel] | None, Any]:
    """Follow a location: the model that holds its last key, and that key's field if there is one."""
    here: type[BaseModel] | None = model
    for step in loc[:-1]:
        field = here.model_fields.get(str(step)) if here else None
        here = _submodel(field.annotation) if field else None
    return here, here.model_fields.get(str(loc[-1])) if here and loc else None


def _submodel(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in {typing.Union, types.UnionType, typing.Annotated}:
        return next(filter(None, map(_submodel, typing.get_args(annotation))), None)
    return None
