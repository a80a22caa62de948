"""Mutants of what protects a Shopify shop."""

from __future__ import annotations

from tests.mutants.mutant import Edit, Mutant

_FOLDER = "syncd/adapters/shopify"

SHOPIFY_MUTANTS = (
    Mutant(
        "shopify-on-hand",
        "an order whose goods lie there still explains no change of what is on hand",
        (
            Edit(
                f"{_FOLDER}/facts.py",
                'evidence = not elsewhere and self._settings.quantity == "available"',
                "evidence = not elsewhere",
            ),
        ),
        ("tests/crossing/test_shopify.py", "-k", "lies_there"),
    ),
    Mutant(
        "shopify-key",
        "the same write carries the same key, whatever has become of its product",
        (
            Edit(
                f"{_FOLDER}/stock.py",
                "return str(uuid.uuid5(_NAMESPACE,",
                "return str(uuid.uuid4() if write.difference else uuid.uuid5(_NAMESPACE,",
            ),
        ),
        ("tests/crossing/test_shopify.py", "-k", "other_parameters or lost_answer"),
    ),
    Mutant(
        "shopify-parts",
        "what one request of a write has stored counts as written when another is refused",
        (
            Edit(
                f"{_FOLDER}/fields.py",
                "    if rest and fields:\n        return WrittenInPart(fields, rest)\n",
                "",
            ),
        ),
        ("tests/adapters/test_shopify_fields.py",),
    ),
    Mutant(
        "fields-parts",
        "each field of a write in parts has its own outcome",
        (
            Edit(
                "syncd/service/field_outcome.py",
                "        (each, [name for name, one in result.rest.items() if one == each])",
                "        (Written(result.fields), [name for name, one in result.rest.items() if one is None])",
            ),
        ),
        ("tests/engine/test_field_writes.py", "-k", "in_parts"),
    ),
    Mutant(
        "shopify-mark",
        "a product says which images are the till's before any is attached or taken away",
        (
            Edit(
                f"{_FOLDER}/images.py",
                "        keys = {gid: key for key, gid in reversed(known.items())}\n",
                "        keys = {gid: key for key, gid in reversed(known.items()) if key in wanted}\n",
            ),
        ),
        ("tests/adapters/test_shopify_images.py", "-k", "taken_away"),
    ),
    Mutant(
        "shopify-own-images",
        "a product that only has images of its own keeps them",
        (Edit(f"{_FOLDER}/pictures.py", "return [] if empty else None", "return []"),),
        ("tests/conformance/test_adapters.py", "-k", "shopify and own_alone"),
    ),
    Mutant(
        "shopify-same-second",
        "what changed twice within a second is read twice",
        (
            Edit(
                f"{_FOLDER}/changes.py",
                "if began is not None and at + _SAME_SECOND < began",
                "if began is not None",
            ),
        ),
        ("tests/adapters/test_shopify_changes.py", "-k", "same_second"),
    ),
    Mutant(
        "shopify-given-up",
        "a read that was given up leaves nothing out of the next one",
        (
            Edit(
                f"{_FOLDER}/changes.py",
                "return self.versions if cursor.get(FEED) == self.cursor else {}",
                "return self.versions",
            ),
        ),
        ("tests/adapters/test_shopify_changes.py", "-k", "given_up"),
    ),
    Mutant(
        "shopify-export",
        "an export counts only if it holds every row that the shop wrote",
        (Edit(f"{_FOLDER}/bulk.py", "        if found != wanted:\n", "        if found > wanted:\n"),),
        ("tests/adapters/test_shopify_bulk.py", "-k", "without_some"),
    ),
)
