"""What the page says in words: what kinds of findings mean, and the verdict in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.service.freshness import NEEDS_TOKEN, ago

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.service.freshness import Health

MEANINGS: Mapping[str, str] = {
    "oversell": "More was sold on all sides together than there was. Shops are told 0 until units are found.",
    "safety_stop": "A plan is beyond a limit of the configuration. Nothing is written to this side before a person "
    "says so; the other sides go on.",
    "side_empty": "A full read brought no product at all. Nothing was taken as deleted, and nothing is written there.",
    "parked": "An answer was lost, and what the side shows fits neither “applied” nor “not applied”. "
    "Nothing is written to this product there; other products go on.",
    "write_rejected": "The side understood the write and said no; nothing was applied.",
    "fields_not_written": "Names, texts, codes or prices could not be written for now. Stock goes on.",
    "not_made": "A product was to be made on another side, and that side said no. Other products go on.",
    "images_left_out": "A product was made at the till without some of its images. They do not come later by "
    "themselves.",
    "products_not_made": "New products cannot be made for now. Stock goes on, and it is tried again every minute.",
    "not_withdrawn": "The shop still sells what was deleted at the till: it said no to withdrawing it.",
    "products_not_withdrawn": "Products deleted at the till cannot be withdrawn for now. It is tried again every "
    "minute.",
    "left_unpublished": "The product is at the till again and linked, but customers of the shop do not see it.",
    "field_refused": "A value was refused. Other fields and the stock of the product go on.",
    "field_altered": "The side stores a value in its own way. It is not written again.",
    "field_conflict": "A field was edited on both sides, or in a way that cannot be carried over.",
    "reauthorisation": "A side refuses the credentials and stands still. Nothing is lost: changes are counted when it "
    "is back.",
    "permission_missing": "The credentials are good but lack a right. The side stands still.",
    "invalid_answer": "Something answered that is not the side's API: a log-in page, a proxy, a plugin.",
    "side_unreachable": "Three passes in a row failed. It goes on trying.",
    "deleted_on_side": "A linked product was deleted on one side and is still there on another.",
    "unlinked": "These products have no partner on the other side and are not synced.",
    "not_counted": "The shop keeps no stock of these linked products: they sell there without limit and are not "
    "synced.",
}
"""By kind of finding what it means, for somebody who has not read docs/findings.md."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """Who is at work, as far as the process that answers can tell.

    Attributes:
        leads: The process that answers is at work itself.
        other: Who else is, in words; empty if nobody is known to be.
        silent: What makes that doubtful, in words; empty if nothing does.
    """

    leads: bool
    other: str = ""
    silent: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How things stand, in one sentence.

    Attributes:
        level: ``good``, ``note``, ``stale``, ``person`` or ``token``.
        word: The same for people.
        sentence: One sentence.
    """

    level: str
    word: str
    sentence: str


def judge(health: Health, daemon: Daemon, *, linked: int, differing: int | None) -> Verdict:
    """Put the verdict of ``syncd status`` into a sentence, with what else would make "all is well" a lie.

    Args:
        health: The verdict.
        daemon: Who is at work.
        linked: Listings that are linked, on all sides.
        differing: Listings whose quantity is not what it should be, or not known to be; ``None`` if not counted.
    """
    level, word, said = _said(health, linked, differing)
    if not daemon.leads and daemon.other:
        if daemon.silent and level == "good":
            level, word = "note", "Nobody at work?"
        said = f"This daemon stands by; {daemon.other} leads{daemon.silent}. {said}"
    elif not daemon.leads:
        level, word = ("note", "No daemon works") if level == "good" else (level, word)
        said = f"No daemon is at work. {said}"
    return Verdict(level, word, said)


def _said(health: Health, linked: int, differing: int | None) -> tuple[str, str, str]:
    problems = "; ".join(health.problems)
    if health.code == 5:
        return (
            "token",
            "Stopped",
            f"A side stands still until syncd is authorised again ({_named(health)}): {problems}.",
        )
    if health.code == 3:
        return "person", "Waiting for you", f"Something waits for a person's decision: {problems}."
    if health.code:
        return "stale", "Out of date", f"What is shown here is old or late: {problems}."
    oldest = max(1.0, *(side.read_age_s or 0.0 for side in health.sides))
    read = f"every side was read within the last {ago(oldest)}"
    if not linked:
        return "note", "Nothing linked yet", f"Up to date, as {read}, but no product is linked yet."
    attention = _attention(health)
    rest = " and ".join(part for part in (attention, _on_the_way(differing)) if part)
    if attention or differing is None:
        return "note", "Running, with open findings" if attention else "Running", f"Up to date, as {read}; {rest}."
    if differing:
        return "good", "Up to date", f"Up to date, as {read}; {rest}."
    return "good", "All is well", f"All is well: {read}, and all quantities are as they should be."


def _on_the_way(differing: int | None) -> str:
    if differing is None:
        return "differences could not be counted in time"
    if not differing:
        return ""
    return "1 quantity is not at rest yet" if differing == 1 else f"{differing} quantities are not at rest yet"


def _named(health: Health) -> str:
    return ", ".join(sorted({kind for kind, _ in health.findings} & set(NEEDS_TOKEN)))


def _attention(health: Health) -> str:
    """How many findings are open that are more than of interest."""
    found = {"error": 0, "warning": 0}
    for (_, severity), number in health.findings.items():
        if severity in found:
            found[severity] += number
    parts = [f"{number} {name}{'s' * (number > 1)}" for name, number in found.items() if number]
    if not parts:
        return ""
    return f"{' and '.join(parts)} {'is' if sum(found.values()) == 1 else 'are'} open"
