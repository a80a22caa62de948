"""Mutants of making and withdrawing products; see ``tests.mutants.table``."""

from __future__ import annotations

from tests.mutants.mutant import Edit, Mutant

_ENGINE = ("tests/engine/test_creation.py",)
_TILL = ("tests/engine/test_creation_at_the_till.py",)
_WITHDRAWALS = ("tests/engine/test_withdrawals.py",)

PRODUCT_MUTANTS = (
    Mutant(
        "making-look",
        "what may have been made without an answer is looked for before it is made again",
        (
            Edit(
                "syncd/service/creation.py",
                "                case None:\n",
                "                case _ if side:\n",
            ),
        ),
        _ENGINE,
    ),
    Mutant(
        "making-doubt",
        "nobody looks for it while the side may still be at work on it",
        (
            Edit(
                "syncd/service/creation.py",
                "not now - patience < creation.sent_at <= now",
                "creation.sent_at <= now",
            ),
        ),
        _ENGINE,
    ),
    Mutant(
        "making-codes",
        "what may be our own making is not linked by its code as if a person had made it",
        (
            Edit(
                "syncd/service/linking.py",
                "row.link_pending = row.id in being_made or (row.sku_key in in_doubt or row.gtin_key in in_doubt)",
                "row.link_pending = not row.id",
            ),
        ),
        _ENGINE,
    ),
    Mutant(
        "making-counts",
        "the quantity that a product is made with is nobody's word",
        (Edit("syncd/service/creation_outcome.py", "RULE, run, new=new)", "RULE, run, new=None)"),),
        _ENGINE,
    ),
    Mutant(
        "making-there",
        "nothing is made whose code the shop has already",
        (
            Edit(
                "syncd/service/creation_plan.py",
                "elif row.sku_key not in codes and row.gtin_key not in codes:",
                "elif codes is not None:",
            ),
        ),
        _ENGINE,
    ),
    Mutant(
        "making-again",
        "a listing is considered once: what a person deletes is not made again",
        (
            Edit("syncd/service/creation_plan.py", "        row.considered_through = last\n", ""),
            Edit("syncd/service/creation_plan.py", "        Listing.item_id.not_in(buried),\n", ""),
            Edit("syncd/service/creation_plan.py", "        Listing.id.not_in(known),\n", ""),
            Edit("syncd/service/creation_plan.py", "session.add(Creation(", "session.merge(Creation("),
        ),
        _ENGINE,
    ),
    Mutant(
        "making-still",
        "the plan is looked at once more right before a product is made",
        (
            Edit(
                "syncd/service/creation.py",
                "if not self._plans.is_still_planned(session, self._side, self._source, planned):",
                "if not planned:",
            ),
        ),
        _ENGINE,
    ),
    Mutant(
        "making-emptied",
        "nothing is made in a shop that lists nothing though it had products",
        (
            Edit(
                "syncd/service/creation.py",
                'if any(open_subjects(session, "side_empty", one.id) for one in (side, source)):',
                "if not side:",
            ),
        ),
        _ENGINE,
    ),
    Mutant(
        "till-units",
        "what the shop holds is added to what happened at the new product of the till",
        (Edit("syncd/service/linking.py", "    if new is End.HUB:\n", "    if new is run:\n"),),
        _TILL,
    ),
    Mutant(
        "till-again",
        "what was at the till and was deleted there is not made again",
        (Edit("syncd/service/till_plan.py", "        or row.id in buried\n", ""),),
        _TILL,
    ),
    Mutant(
        "till-whole",
        "a product whose variations are not all ready is not made",
        (
            Edit(
                "syncd/service/till_plan.py",
                "if not any(row.id in held for row in members)",
                "if not all(row.id in held for row in members)",
            ),
        ),
        _TILL,
    ),
    Mutant(
        "till-back",
        "what a shop was given without an answer is not brought back to the till",
        (
            Edit(
                "syncd/service/till_plan.py",
                "            or (doubt and not has_code(row))\n",
                "            or (doubt and not row.id)\n",
            ),
        ),
        _TILL,
    ),
    Mutant(
        "till-seen",
        "what is not published in the shop waits",
        (
            Edit("syncd/service/till_plan.py", "        or not row.published\n", ""),
            Edit("syncd/service/till_plan.py", "        or row.parent_external_id in hidden\n", ""),
        ),
        _TILL,
    ),
    Mutant(
        "till-known",
        "what the till had before the call is never taken for what it made",
        (Edit("syncd/adapters/inventorum/making.py", " and mapping.row_id(row) not in new.known]", "]"),),
        ("tests/conformance/test_adapters.py", "-k", "makes_what_is_found or makes_no_guess"),
    ),
    Mutant(
        "withdraw-look",
        "after a lost answer it is looked at before a product is withdrawn again",
        (
            Edit(
                "syncd/service/withdrawal.py",
                "        if self._is_withdrawn(planned) or not self._intend(planned):\n",
                "        if not self._intend(planned):\n",
            ),
        ),
        _WITHDRAWALS,
    ),
    Mutant(
        "withdraw-anew",
        "what was made anew at the till meanwhile stays in the shop",
        (
            Edit(
                "syncd/service/withdrawal_plan.py",
                "return Listing.item_id.is_not(None) | Listing.gone_at.is_not(None)",
                "return Listing.gone_at.is_not(None)",
            ),
        ),
        _WITHDRAWALS,
    ),
    Mutant(
        "withdraw-limit",
        "many products at once wait for a person",
        (
            Edit(
                "syncd/service/withdrawal.py", "        if not self._may_go_on(planned):\n", "        if not planned:\n"
            ),
        ),
        _WITHDRAWALS,
    ),
)
