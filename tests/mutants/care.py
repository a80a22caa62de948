"""Mutants of what keeps the database: history that takes too much along, restores that count twice."""

from __future__ import annotations

from tests.mutants.mutant import Edit, Mutant

_RETENTION = ("tests/engine/test_retention.py",)
_COMPARISON = ("tests/engine/test_comparison.py",)

_WITNESS = ("tests/state/test_witness.py",)

CARE_MUTANTS = (
    Mutant(
        "witness-old",
        "a database that has not come as far as it was seen to is refused",
        (
            Edit(
                "syncd/core/incarnation.py",
                "if shown.incarnation != newest.incarnation or shown.beat < newest.beat:",
                "if shown.incarnation != newest.incarnation:",
            ),
        ),
        (*_WITNESS, "-k", "is_refused_before or remembers"),
    ),
    Mutant(
        "witness-former",
        "a database of before a restore is refused however far it went",
        (
            Edit(
                "syncd/core/incarnation.py",
                "if shown.incarnation != newest.incarnation or shown.beat < newest.beat:",
                "if shown.incarnation == newest.incarnation and shown.beat < newest.beat:",
            ),
        ),
        (*_WITNESS, "-k", "another_life"),
    ),
    Mutant(
        "witness-write",
        "each writing transaction looks whether the database is the one of before: here the fence alone counts",
        (
            Edit(
                "syncd/state/engine.py",
                "fence.guard(shown := Seen(row.incarnation, row.beat, row.beat_at))",
                "shown = Seen(row.incarnation, row.beat, row.beat_at)",
            ),
        ),
        (*_WITNESS, "-k", "exchanged and written"),
    ),
    Mutant(
        "witness-early",
        "the witness keeps what was committed: here also what was only begun",
        (
            Edit(
                "syncd/state/witness.py",
                "        known = note(told or self._known, seen)\n",
                "        known = note(told or self._known, Seen(seen.incarnation, seen.beat + 1, seen.at))\n",
            ),
        ),
        (*_WITNESS, "-k", "kept_although"),
    ),
    Mutant(
        "witness-lost",
        "a database that is gone is not made anew where this machine worked with one",
        (Edit("syncd/state/witness.py", "        if not self._known:\n            return\n", "        return\n"),),
        ("tests/cli/test_lost_database.py", "-k", "where_one_was and sync"),
    ),
    Mutant(
        "prune-keys",
        "the key of an old document is kept: here it goes with its steps, and what comes again is new",
        (
            Edit(
                "syncd/service/retention.py",
                "session.execute(delete(StockEventRow).where(*mine, StockEventRow.key != name))",
                "session.execute(delete(StockEventRow).where(*mine))",
            ),
        ),
        (*_RETENTION, "-k", "document_of_long_ago"),
    ),
    Mutant(
        "prune-busy",
        "an item with something open keeps all that it has",
        (
            Edit(
                "syncd/service/retention.py",
                "ids = [each for each in item_ids if each not in needed.items]",
                "ids = list(item_ids)",
            ),
        ),
        (*_RETENTION, "-k", "something_open"),
    ),
    Mutant(
        "prune-sum",
        "a sum is that of all its movements: here the last one is left out",
        (
            Edit(
                "syncd/service/retention.py",
                "total = sum((row.quantity for row in group), ZERO)",
                "total = sum((row.quantity for row in group[:-1]), ZERO)",
            ),
        ),
        (*_RETENTION, "-k", "give_way or any_statement"),
    ),
    Mutant(
        "prune-marks",
        "the last writes of a listing are kept: by them a shop that was put back is known",
        (
            Edit("syncd/service/retention.py", "        Operation.id.not_in(lasting),\n", ""),
            Edit("syncd/service/retention.py", "        Operation.id.not_in(confirmed),\n", ""),
        ),
        (*_RETENTION, "-k", "mark_of_an_old_write"),
    ),
    Mutant(
        "restore-counts",
        "after a restore nothing is counted before the comparison: here it is taken as done",
        (
            Edit(
                "syncd/service/comparison.py",
                "        if restore is None:\n            return None\n",
                "        if restore is not None:\n            return None\n",
            ),
        ),
        (*_COMPARISON, "-k", "carried_over"),
    ),
    Mutant(
        "restore-same",
        "the same sold on both sides is not taken for one sale that was carried over",
        (
            Edit(
                "syncd/core/restored.py",
                "if (explained and total != hub.shows) or _untold(shown):",
                "if False:",
            ),
        ),
        (*_COMPARISON, "-k", "the_same_sold"),
    ),
    Mutant(
        "restore-held",
        "an item that is held is not written to",
        (
            Edit("syncd/service/planning.py", "Listing.pending & Listing.held_at.is_(None) &", "Listing.pending &"),
            Edit("syncd/service/side.py", " or listing.held_at is not None:", ":"),
        ),
        (*_COMPARISON, "-k", "a_person_says"),
    ),
    Mutant(
        "restore-fence",
        "a process of before a restore writes nothing more",
        (
            Edit("syncd/state/restore.py", "max(row.fence, number) + 1, now", "max(row.fence, number - 1), now"),
            Edit("syncd/state/restore.py", 'row.owner, row.fence = "", row.fence + 1', 'row.owner = ""'),
        ),
        ("tests/state/test_restore.py", "-k", "fenced_off"),
    ),
)
