"""What must hold whatever an answer looked like, and the counting of what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self

from syncd.core.model import Applied, NotSent, Refused, RemoteListing, StockEvent, Unknown
from syncd.errors import OutcomeUnknown, SideError, SyncdError
from tests.fuzz.endpoints import Scene, Seen

LONGEST_S = 10.0
_LARGEST = Decimal(10**11)
_LONGEST_CODE = 255
_LONGEST_TEXT = 2000
_SHORTEST_SECRET = 4
"""A mutated token answer can hand out a token of one letter; that letter is in many words."""


@dataclass
class Result:
    """Figures of a part of the run.

    Attributes:
        endpoints: Names.
        counts: ``bodies``, ``accepted``, ``error:KIND``, ``write:KIND``, ``engine bodies`` and others.
        violations: What did not hold, each with what reproduces it.
    """

    endpoints: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def __iadd__(self, other: Result) -> Self:
        self.endpoints |= other.endpoints
        self.counts += other.counts
        self.violations += other.violations
        return self

    def line(self) -> str:
        """The summary."""
        kinds = {key.partition(":")[2]: count for key, count in self.counts.items() if key.startswith("error:")}
        errors = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items(), key=lambda item: -item[1]))
        return (
            f"fuzz: {len(self.endpoints)} endpoints, {self.counts['bodies']} bodies "
            f"({self.counts['engine bodies']} through the whole engine), "
            f"{sum(kinds.values())} classified errors ({errors or 'none'}), {self.counts['accepted']} accepted, "
            f"violations={len(self.violations)}"
        )


def judge_error(error: BaseException, side: str) -> list[str]:
    """Any failure must be one of ours, and one of a side names side and request."""
    if not isinstance(error, SyncdError):
        return [f"{type(error).__name__} is not an error of syncd: {error!s:.300}"]
    if not isinstance(error, SideError):
        return [f"{type(error).__name__} does not name the side: {error!s:.300}"]
    problems = []
    if error.side != side:
        problems.append(f"{type(error).__name__} names side {error.side!r}")
    if not error.request or "?" in error.request:
        problems.append(f"{type(error).__name__} names request {error.request!r}")
    if len(str(error)) > _LONGEST_TEXT:
        problems.append(f"{type(error).__name__} has {len(str(error))} characters")
    return problems


def judge_secrets(texts: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """No secret in what people see."""
    joined = "\n".join(texts)
    return [
        f"the secret {secret[:4]}… is in {joined[:300]!r}"
        for secret in set(secrets)
        if len(secret) >= _SHORTEST_SECRET and secret in joined
    ]


def shown_of(error: BaseException) -> list[str]:
    """All texts of an error."""
    fields = [str(value) for value in vars(error).values()]
    return [str(error), *fields]


def judge_seen(seen: Seen, truth: dict[str, Decimal], living: set[str], known: dict[str, Decimal]) -> list[str]:
    """What was read must be true where it speaks of things that exist, and must fit the database.

    Args:
        seen: What came of the reads.
        truth: Stock by id.
        living: Ids that are not gone.
        known: Quantities of the documents that exist, by key.
    """
    problems = []
    for reading in seen.readings:
        problems += _unfit(reading)
        real = truth.get(reading.ref.external_id)
        if real is not None and reading.quantity is not None and reading.quantity != real:
            problems.append(f"reads {reading.quantity} of {reading.ref.external_id}, which has {real}")
        if real is not None and reading.quantity is None:
            problems.append(f"reads no quantity of {reading.ref.external_id}, which has {real}")
    problems += [
        f"{one.ref.external_id} is called gone ({one.proof})" for one in seen.gone if one.ref.external_id in living
    ]
    for event in seen.events:
        problems += _unfit_event(event)
        if event.key in known and event.quantity != known[event.key]:
            problems.append(f"{event.key} is read as {event.quantity} instead of {known[event.key]}")
    for external_id, number in seen.numbers.items():
        if truth.get(external_id, number) != number:
            problems.append(f"reads {number} of {external_id}, which has {truth[external_id]}")
        problems += _unfit_number(number)
    return problems


def _unfit(reading: RemoteListing) -> list[str]:
    ref = reading.ref
    problems = []
    if not _is_id(ref.external_id) or (ref.parent_external_id is not None and not _is_id(ref.parent_external_id)):
        problems.append(f"an id is {ref.external_id[:40]!r} of {str(ref.parent_external_id)[:40]!r}")
    codes = (reading.sku or "", reading.gtin or "", reading.marker or "")
    problems += [f"a code has {len(code)} characters" for code in codes if len(code) > _LONGEST_CODE]
    texts = (reading.name, reading.sku, reading.gtin, reading.marker, *(reading.children or ()))
    problems += _unfit_texts(texts)
    if reading.quantity is not None:
        problems += _unfit_number(reading.quantity)
    return problems


def _unfit_event(event: StockEvent) -> list[str]:
    problems = [] if _is_id(event.ref.external_id) else [f"an event is about {event.ref.external_id[:40]!r}"]
    if event.occurred_at.tzinfo is None:
        problems.append(f"{event.key} happened at a naive time")
    return problems + _unfit_texts((event.key, event.reference)) + _unfit_number(event.quantity)


def _unfit_texts(texts: Iterable[str | None]) -> list[str]:
    problems = []
    for text in texts:
        if text is None:
            continue
        if "\x00" in text or any(0xD800 <= ord(character) <= 0xDFFF for character in text):
            problems.append(f"a text that no database takes: {text[:60]!r}")
        if len(text) > _LONGEST_TEXT:
            problems.append(f"a text of {len(text)} characters")
    return problems


def _unfit_number(number: Decimal) -> list[str]:
    if not number.is_finite() or abs(number) >= _LARGEST or number != number.quantize(Decimal("0.0001")):
        return [f"a quantity that no column takes: {str(number)[:60]}"]
    return []


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20 and text == str(int(text)) and text != "0"


def judge_writes(
    scene: Scene, seen: Seen, before: dict[str, Decimal], skus: Iterable[str], error: BaseException | None
) -> list[str]:
    """What the side holds afterwards must fit what the adapter says of its writes."""
    problems = []
    told = {sku: (write, result) for write, sku, result in seen.writes}
    for sku in skus:
        moved = scene.stock(sku) - before[sku]
        if sku not in told:
            if moved and not isinstance(error, OutcomeUnknown | None) and _claims_nothing_applied(error):
                problems.append(f"{sku} moved by {moved}, and the call failed as if nothing had: {error!s:.200}")
            if abs(moved) > 1:
                problems.append(f"{sku} moved by {moved}: written twice")
            continue
        write, result = told[sku]
        if moved not in (Decimal(0), write.difference):
            problems.append(f"{sku} moved by {moved} instead of {write.difference}")
        match result:
            case Applied(quantity=quantity):
                if not moved:
                    problems.append(f"{sku} is called written and is not")
                if quantity is not None and quantity != scene.stock(sku):
                    problems.append(f"{sku} is called {quantity} and is {scene.stock(sku)}")
            case Refused() | NotSent():
                if moved:
                    problems.append(f"{sku} is called {type(result).__name__} and moved by {moved}: {result!s:.200}")
            case Unknown():
                pass
    return problems


def _claims_nothing_applied(error: BaseException | None) -> bool:
    """The engine takes an unknown outcome and a broken answer to a write for doubt, everything else for "not sent"."""
    return isinstance(error, SideError) and type(error).__name__ not in {"OutcomeUnknown", "InvalidResponse"}
