"""The mutants: which protection is taken out, by which change of text, and which tests must fail for it."""

from __future__ import annotations

from tests.mutants.care import CARE_MUTANTS
from tests.mutants.counting import COUNTING_MUTANTS
from tests.mutants.fields import FIELD_MUTANTS
from tests.mutants.mutant import HISTORIES, Edit, Mutant
from tests.mutants.operations import OPERATION_MUTANTS
from tests.mutants.page import PAGE_MUTANTS
from tests.mutants.products import PRODUCT_MUTANTS
from tests.mutants.shopify import SHOPIFY_MUTANTS

MUTANTS = (
    # Settlement
    Mutant(
        "repeat",
        "a write whose answer was lost is settled first: here it is sent again at once",
        (
            Edit(
                "syncd/service/push.py",
                "                put_in_doubt(side, row, operation, reason)\n",
                "                give_back(side, row, operation, reason)\n",
            ),
        ),
    ),
    Mutant(
        "not-applied",
        "settlement looks: here every lost answer means that nothing happened",
        (
            Edit(
                "syncd/core/settle.py",
                "    if evidence.marker is True:\n",
                "    if True:\n        return WasNotApplied(Settler.READ_BACK)\n    if evidence.marker is True:\n",
            ),
        ),
    ),
    Mutant(
        "applied",
        "settlement looks: here every lost answer means that the write took effect",
        (
            Edit(
                "syncd/core/settle.py",
                "    if evidence.marker is True:\n",
                "    if True:\n        return WasApplied(Settler.READ_BACK)\n    if evidence.marker is True:\n",
            ),
        ),
    ),
    Mutant(
        "marker",
        "the marker must be that of this very operation",
        (Edit("syncd/service/settlement.py", "(remote.marker == case.uid)", "(remote.marker is not None)"),),
    ),
    Mutant(
        "marker-unread",
        "a marker is looked at where a side carries one: here the numbers alone decide",
        (
            Edit(
                "syncd/service/settlement.py",
                "marker = (remote.marker == case.uid) if side.adapter.capabilities.marker else None",
                "marker = None",
            ),
        ),
    ),
    Mutant(
        "in-doubt-wait",
        "nothing is said while the lost request may still be running",
        (
            Edit(
                "syncd/core/settle.py",
                "evidence.read_at < doubt.since + in_doubt",
                "evidence.read_at < doubt.since",
            ),
            Edit(
                "syncd/service/settlement.py",
                "    return side.now() >= case.doubt.since + side.in_doubt\n",
                "    return side.now() >= case.doubt.since\n",
            ),
        ),
    ),
    Mutant(
        "settle-documents",
        "what documents moved is no effect of our write",
        (Edit("syncd/core/settle.py", "Step(change, evidence.moved or ZERO,", "Step(change, ZERO,"),),
        ("tests/property/test_core.py",),
    ),
    # Readings
    Mutant(
        "settle-silence",
        "documents are read back to the last look at the side, however long ago",
        (
            Edit(
                "syncd/service/documents.py",
                "return min(case.sent_at - _LOOK_BACK, known_from - _CLOSE)",
                "return max(case.sent_at - _LOOK_BACK, known_from - _LOOK_BACK)",
            ),
        ),
        ("tests/engine/test_regressions.py", "-k", "silence"),
    ),
    Mutant(
        "doubt-readings",
        "readings of a listing in doubt move nothing",
        (Edit("syncd/core/stock.py", "if state.in_doubt:", "if state.in_doubt is None:"),),
    ),
    Mutant(
        "pre-write-drop",
        "a reading that began before our write was confirmed is dropped",
        (Edit("syncd/core/stock.py", "if began_seq < state.write_seq:", "if began_seq < 0:"),),
        ("tests/property/test_core.py", *HISTORIES),
    ),
    Mutant(
        "settle-window",
        "the value before our write is a cache for some seconds",
        (Edit("syncd/core/stock.py", "    if stale_until:\n", "    if stale_until and settle is None:\n"),),
    ),
    Mutant(
        "stale-forever",
        "the value before our write counts after some seconds",
        (
            Edit(
                "syncd/core/stock.py",
                "if write.before == quantity and now < write.confirmed_at + settle",
                "if write.before == quantity",
            ),
        ),
        ("tests/property/test_core.py",),
    ),
    Mutant(
        "shadow-by-answer",
        "the shadow moves by the difference, and what an answer shows beyond it was a sale",
        (
            Edit(
                "syncd/service/outcome.py",
                "    operation.reported = reported\n",
                "    operation.reported = reported\n"
                "    if reported is not None:\n        row.shadow = expected = reported\n",
            ),
        ),
    ),
    Mutant(
        "forgotten-recheck",
        "what a reading could not count is read again",
        (
            Edit(
                "syncd/service/observe.py",
                "                row.recheck_at = at\n",
                "                row.recheck_at = None\n",
            ),
        ),
        ("tests/engine/test_lying_readings.py", "-k", "cached_page_hid"),
    ),
    Mutant(
        "cursor-first",
        "the cursor moves after the effects of its pages are committed",
        (
            Edit(
                "syncd/service/worker.py",
                "        for page in pages:\n            self._stop_if_asked()\n",
                "        pages = iter(kept := list(pages))\n"
                "        with side.db.write() as session:\n"
                "            self._store_cursor(session, kept[-1].cursor or {}, run)\n"
                "        for page in pages:\n            self._stop_if_asked()\n",
            ),
        ),
        ("tests/engine/test_stock.py", "-k", "ends_early"),
    ),
    # Writes
    Mutant(
        "intent-after-call",
        "an operation is stored before its call",
        (
            Edit(
                "syncd/service/push.py",
                "            insert_rows(session, Operation, rows)\n",
                "            self._held = {row['id']: row for row in rows}\n",
            ),
            Edit(
                "syncd/service/push.py",
                "            side_row.write_seq += 1\n",
                "            side_row.write_seq += 1\n"
                "            held = [Operation(**{**self._held[key], 'state': 'sent'}) for key in by_id]\n"
                "            session.add_all(held)\n"
                "            session.flush()\n",
            ),
        ),
    ),
    Mutant(
        "bounds",
        "a shop without back-orders is never told less than nothing",
        (Edit("syncd/core/stock.py", "return free if policy.allow_negative else max(ZERO, free)", "return free"),),
        ("tests/property/test_core.py",),
    ),
    # Feeds
    Mutant(
        "overlap-woocommerce",
        "each read of a shop's feeds overlaps the one before",
        (
            Edit(
                "syncd/adapters/woocommerce/adapter.py",
                "self._overlap = timedelta(seconds=context.overlap_s)",
                "self._overlap = timedelta(0)",
            ),
        ),
        ("tests/conformance", "-k", "shows_late and woocommerce"),
    ),
    Mutant(
        "overlap-inventorum",
        "each read of the till's feed overlaps the one before",
        (
            Edit(
                "syncd/adapters/inventorum/times.py",
                "return to_wire(instant - timedelta(seconds=overlap_s))",
                "return to_wire(instant)",
            ),
        ),
        ("tests/conformance", "-k", "shows_late and inventorum"),
    ),
    Mutant(
        "emptiness",
        "a side that had products and lists none is broken, not empty",
        (Edit("syncd/service/worker.py", "if missing and not seen:", "if missing and seen is None:"),),
        ("tests/engine/test_stock.py", "-k", "emptied or whole_again"),
    ),
    Mutant(
        "absence",
        "a product that a list does not show is asked for by id before it counts as gone",
        (
            Edit(
                "syncd/service/worker.py",
                ".values(recheck_at=now)",
                ".values(gone_at=now, gone_proof='not_found', item_id=None)",
            ),
        ),
        ("tests/engine/test_stock.py", "-k", "leaves_out"),
    ),
    Mutant(
        "tombstones",
        "a product that was deleted is remembered",
        (Edit("syncd/service/gone.py", "    session.add(\n        Tombstone(\n", "    repr(\n        Tombstone(\n"),),
        ("tests/engine/test_review_findings.py", "-k", "anew or deleted"),
    ),
    # Swallowed orders
    Mutant(
        "lost-updates",
        "orders that a shop swallowed are looked for",
        (Edit("syncd/service/worker.py", "            weigh_evidence(self.side, run)\n", "            pass\n"),),
    ),
    Mutant(
        "lost-update-windows",
        "only a document from the time of one of our writes can have been swallowed",
        (
            Edit(
                "syncd/core/evidence.py",
                "any(window.may_hold(document) for window in windows)",
                "(windows is not None)",
            ),
        ),
        ("tests/unit/test_evidence.py",),
    ),
    Mutant(
        "lost-update-order",
        "only what was read next after a document can hold it",
        (Edit("syncd/core/evidence.py", "if change.read_until >= moment", "if change"),),
        ("tests/unit/test_evidence.py", "tests/engine/test_lost_updates.py"),
    ),
    Mutant(
        "lost-update-balance",
        "what balanced a document before anybody read is remembered with it",
        (Edit("syncd/service/lost_updates.py", " | (StockEventRow.occurred_at >= step)", ""),),
        ("tests/engine/test_lost_updates.py",),
    ),
    Mutant(
        "lost-update-answers",
        "the answers of writes are readings too",
        (
            Edit(
                "syncd/service/lost_updates.py",
                "each.reported == each.expected_before + each.difference",
                "each.reported is None",
            ),
        ),
        ("tests/engine/test_lost_updates.py",),
    ),
    Mutant(
        "lost-update-undone",
        "an order that was cancelled before it was read explains what it moved: here it says nothing",
        (
            Edit(
                "syncd/service/evidence.py",
                "if not versions and not late and _undone_unseen(side, event):",
                "if False:",
            ),
        ),
        ("tests/engine/test_undone_documents.py",),
    ),
    Mutant(
        "lost-update-unsure",
        "a step of such an order, of which nobody knows whether it happened, is not called swallowed",
        (Edit("syncd/service/lost_updates.py", "may_be_lost=not was_undone", "may_be_lost=True"),),
        ("tests/engine/test_undone_documents.py",),
    ),
    Mutant(
        "put-back-marks",
        "a shop that carries the mark of an older write is not believed",
        (Edit("syncd/core/guard.py", "    if put_back:\n", "    if put_back < 0:\n"),),
        ("tests/engine/test_put_back.py",),
    ),
    Mutant(
        "looks",
        "looks during a doubt tell what numbers at its end do not",
        (Edit("syncd/core/settle.py", "    for step in steps:\n", "    for step in steps[:0]:\n"),),
        ("tests/engine/test_looks.py",),
    ),
    Mutant(
        "older-mark",
        "a reading without the mark of our last write is older than it",
        (Edit("syncd/core/stock.py", "latest.mark not in (None, marker)", "latest.mark is marker is None"),),
        ("tests/engine/test_lying_readings.py",),
    ),
    Mutant(
        "evidence-early",
        "a document is not taken for part of what was read before its date",
        (Edit("syncd/core/evidence.py", "_EARLY * early", "0"),),
        ("tests/unit/test_evidence.py",),
    ),
    Mutant(
        "looks-blurred",
        "documents of after the look that settles a write do not blur it",
        (
            Edit(
                "syncd/service/documents.py",
                "    if last is not None:\n        end",
                "    if last is None:\n        end",
            ),
        ),
        ("tests/engine/test_looks.py",),
    ),
    Mutant(
        "absolute-look",
        "a shop that is set to a quantity is looked at just before",
        (
            Edit(
                "syncd/service/push.py",
                "            if not capabilities.relative:\n                self._read(refs)\n",
                "",
            ),
        ),
        ("tests/engine/test_absolute.py",),
    ),
    Mutant(
        "lost-update-calm",
        "documents are held against readings only in a pass that brought neither",
        (
            Edit(
                "syncd/service/lost_updates.py",
                "    if fresh and _is_calm(session, row, run, fresh):\n",
                "    if fresh:\n",
            ),
        ),
        ("tests/engine/test_lost_updates.py",),
    ),
    Mutant(
        "lost-update-sweep",
        "a sweep reads documents before it begins the feeds anew",
        (Edit("syncd/service/worker.py", "            read_evidence(side, run)\n", "            pass\n"),),
        ("tests/engine/test_lost_updates.py",),
    ),
    # Safety stops, leases, links
    Mutant(
        "safety-stop",
        "a plan that looks like an accident waits for a person",
        (Edit("syncd/service/push.py", "        if refusal:\n", "        if refusal and writes is None:\n"),),
        ("tests/engine/test_approvals.py",),
    ),
    Mutant(
        "mass-deletion",
        "many linked items that are gone at once wait for a person",
        (
            Edit(
                "syncd/core/guard.py",
                "    if not (limit.exceeded(gone + lately, linked + lately) or gone >= linked > 1):\n",
                "    if gone:\n",
            ),
        ),
        ("tests/engine/test_departures.py",),
    ),
    Mutant(
        "deletion-drip",
        "linked items that are gone one by one wait for a person as well",
        (
            Edit(
                "syncd/core/guard.py", "limit.exceeded(gone + lately, linked + lately)", "limit.exceeded(gone, linked)"
            ),
        ),
        ("tests/engine/test_departures.py",),
    ),
    Mutant(
        "refused-forgotten",
        "a write refused as gone is owed if the listing is there after all",
        (
            Edit(
                "syncd/service/observe.py",
                "        if row.recheck_at is not None and row.item_id is not None and row.wanted != quantity:\n",
                "        if row.recheck_at is not None and row.item_id is None:\n",
            ),
        ),
        ("tests/engine/test_departures.py",),
    ),
    Mutant(
        "deletion-forgotten",
        "a deletion that was held when the pass failed is read again by id",
        (
            Edit(
                "syncd/service/departures.py",
                "                row.recheck_at = self._side.now()\n",
                "",
            ),
        ),
        ("tests/engine/test_departures.py",),
    ),
    Mutant(
        "opening",
        "an order of the second of the first reading is part of it",
        (
            Edit(
                "syncd/core/evidence.py",
                "            by_hand = change is not None and held != change\n",
                "            by_hand = held != (change or ZERO)\n",
            ),
        ),
        ("tests/engine/test_lost_updates.py",),
    ),
    Mutant(
        "safety-recheck",
        "what changed since the plan was guarded is not written",
        (
            Edit(
                "syncd/service/push.py",
                "elif self._side.is_hub or planned.wants == guarded[row.id]:",
                "elif planned.wants is not None:",
            ),
        ),
        ("tests/engine/test_review_findings.py", "-k", "guarded_too"),
    ),
    Mutant(
        "approval-twice",
        "an approval serves one plan",
        (
            Edit(
                "syncd/service/approval.py",
                'row.closed_by = f"{word}, carried out" if fits else f"{word}, not needed"',
                'row.closed_by = word if fits else f"{word}, not needed"',
            ),
        ),
        ("tests/engine/test_approvals.py",),
    ),
    Mutant(
        "approval-unused",
        "an approval that was not needed is used up",
        (Edit("syncd/service/approval.py", 'else f"{word}, not needed"', "else word"),),
        ("tests/engine/test_approvals.py", "tests/engine/test_review_findings.py", "-k", "approval"),
    ),
    Mutant(
        "fence",
        "a leader that slept through the end of its lease writes nothing more",
        (Edit("syncd/state/engine.py", "if row.fence == fence.number:", "if row.fence:"),),
        ("tests/state/test_lease.py",),
    ),
    Mutant(
        "lease",
        "a lease that another process holds is not taken",
        (
            Edit(
                "syncd/state/lease.py",
                "    if not row.owner or row.expires_at <= moment:\n",
                "    if row is not None:\n",
            ),
        ),
        ("tests/state/test_lease.py",),
    ),
    Mutant(
        "ambiguous-codes",
        "a code that two products of the till share links nothing",
        (Edit("syncd/core/link.py", "        if len(found) > 1:\n", "        if not found:\n"),),
        ("tests/property/test_core.py",),
    ),
    Mutant(
        "double-link",
        "a product of the till is not given to two listings of a shop",
        (Edit("syncd/core/link.py", "    return _refuse_double(matches)\n", "    return matches\n"),),
        ("tests/property/test_core.py",),
    ),
    # Fields
    *FIELD_MUTANTS,
    *PRODUCT_MUTANTS,
    *SHOPIFY_MUTANTS,
    *COUNTING_MUTANTS,
    *OPERATION_MUTANTS,
    *CARE_MUTANTS,
    *PAGE_MUTANTS,
)
