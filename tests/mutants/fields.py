"""Mutants of the writes of fields; see ``tests.mutants.table``."""

from __future__ import annotations

from tests.mutants.mutant import Edit, Mutant

_ENGINE = ("tests/engine/test_field_writes.py",)

FIELD_MUTANTS = (
    Mutant(
        "fields-look",
        "what is about to be overwritten is read right before",
        (Edit("syncd/service/field_push.py", "            self._look([one.ref for one in batch])\n", ""),),
        _ENGINE,
    ),
    Mutant(
        "fields-cache",
        "after a write readings of fields count only when the settle time is over",
        (
            Edit(
                "syncd/service/observe.py",
                "self._began_at < row.fields_recheck_at < self._began_at + CLOCK_STEP",
                "False",
            ),
        ),
        _ENGINE,
    ),
    Mutant(
        "fields-doubt",
        "nothing is sent while a write whose answer was lost may be under way",
        (
            Edit(
                "syncd/service/field_plan.py",
                "return Listing.fields_pending & Listing.fields_recheck_at.is_(None)",
                "return Listing.fields_pending & Listing.fields_pending",
            ),
            Edit(
                "syncd/service/field_plan.py",
                "        if row.fields_recheck_at is not None:\n",
                "        if row is hub is shop:\n",
            ),
        ),
        _ENGINE,
    ),
    Mutant(
        "fields-unsure",
        "the end whose last write had no answer is remembered",
        (
            Edit(
                "syncd/service/field_outcome.py",
                "_pair_row(session, side, field).unsure = field.verdict.to.value",
                "_pair_row(session, side, field)",
            ),
        ),
        _ENGINE,
    ),
    Mutant(
        "fields-returned",
        "agreed is what the side returned, not what it was told",
        (
            Edit(
                "syncd/service/field_outcome.py",
                "field.now.after(end, kept(returned, field.field))",
                "field.now.after(end, kept(field.wants, field.field))",
            ),
        ),
        _ENGINE,
    ),
    Mutant(
        "fields-first",
        "the first comparison of two catalogues waits for a person",
        (Edit("syncd/core/guard.py", "    if FIRST_OVERWRITES.exceeded(first, linked):", "    if linked < 0:"),),
        _ENGINE,
    ),
    Mutant(
        "fields-fall",
        "prices that fall too far wait for a person",
        (
            Edit(
                "syncd/core/guard.py",
                "return bool(wants) and wants * 100 < shows * (100 - percent)",
                "return False",
            ),
        ),
        _ENGINE,
    ),
    Mutant(
        "fields-partner",
        "what was agreed with another product says nothing about a new partner",
        (
            Edit(
                "syncd/service/linking.py",
                "    session.execute(delete(FieldPair).where(FieldPair.listing_id.in_([row.id for row in rows])))",
                "    pass",
            ),
        ),
        _ENGINE,
    ),
    Mutant(
        "parted",
        "what a person parted is not linked by itself",
        (
            Edit(
                "syncd/service/linking.py",
                "if row.link_rule != PARTED and not row.link_pending",
                "if not row.link_pending",
            ),
        ),
        ("tests/engine/test_by_hand.py",),
    ),
    Mutant(
        "fields-ignored",
        "a side that says yes and shows what it showed before has not agreed",
        (
            Edit(
                "syncd/service/field_outcome.py",
                "        if ignored and field.past.unsure is not end:\n",
                "        if field is None:\n",
            ),
        ),
        ("tests/engine/test_texts.py",),
    ),
    Mutant(
        "fields-stored",
        "texts of a shop are read as they are stored",
        (Edit("syncd/adapters/woocommerce/mapping.py", '{"context": "edit"}', '{"context": "view"}'),),
        ("tests/adapters/test_woocommerce_texts.py",),
    ),
    Mutant(
        "fields-family",
        "a product that the other side splits into several has no partner",
        (
            Edit(
                "syncd/service/field_partners.py",
                "if parent is None or more or back.get((other, parent)) != {(side_id, external_id)}:",
                "if parent is None or more:",
            ),
        ),
        ("tests/engine/test_families.py",),
    ),
    Mutant(
        "fields-altered",
        "what a side stores in another way than it was given is told of",
        (
            Edit(
                "syncd/service/field_outcome.py",
                "        tell_if_altered(session, side, field.shop_listing_id,",
                "        (lambda *_: None)(session, side, field.shop_listing_id,",
            ),
        ),
        ("tests/engine/test_texts.py",),
    ),
    Mutant(
        "images-once",
        "an image that the shop shows already is not brought again",
        (Edit("syncd/service/image_loads.py", "present = set(keys_of(field.shows))", "present: set[str] = set()"),),
        ("tests/engine/test_images.py",),
    ),
    Mutant(
        "images-own",
        "a product that only has images of its own keeps them",
        (
            Edit(
                "syncd/adapters/woocommerce/image_note.py",
                "return None if given else",
                "return Showing(()) if given else",
            ),
        ),
        ("tests/conformance/test_adapters.py", "-k", "own_alone"),
    ),
    Mutant(
        "terms-path",
        "a category is found by its whole path, not by its name alone",
        (
            Edit(
                "syncd/adapters/woocommerce/terms.py",
                "[name.casefold() for name in known] == wanted",
                "[name.casefold() for name in known][-1:] == wanted[-1:]",
            ),
        ),
        ("tests/conformance/test_adapters.py", "-k", "below_another"),
    ),
    Mutant(
        "attributes-placed",
        "an edit of attributes is written only where it is known to belong",
        (
            Edit(
                "syncd/core/attributes.py",
                "        elif place not in present:\n            return None\n",
                "        elif place not in present:\n            place = name.casefold()\n",
            ),
        ),
        ("tests/engine/test_attribute_edits.py",),
    ),
    Mutant(
        "attributes-words",
        "a value arrives in the word that the other side has for it",
        (Edit("syncd/core/attributes.py", "return dict(seen).get(value, value) if", "return value if"),),
        ("tests/engine/test_attribute_edits.py",),
    ),
    Mutant(
        "attributes-names",
        "attributes that are called otherwise from now on are no edit",
        (
            Edit(
                "syncd/core/fields.py",
                "agreed.at(end) if _says_what_it_said(agreed.at(end), shows.at(end)) else shows.at(end)",
                "shows.at(end)",
            ),
        ),
        ("tests/engine/test_attribute_edits.py",),
    ),
    Mutant(
        "attributes-answered",
        "what a person enters where an edit could not be placed stays",
        (Edit("syncd/core/fields.py", "elif _was_answered(shows, past.refused, agreed, to):", "elif not shows:"),),
        ("tests/engine/test_attribute_edits.py",),
    ),
    Mutant(
        "options-letters",
        "options of a product alone differ by their letters",
        (
            Edit(
                "syncd/adapters/woocommerce/attributes.py",
                'str.casefold if same.get("id") else str',
                "str.casefold",
            ),
        ),
        ("tests/adapters/test_woocommerce_attributes.py",),
    ),
    Mutant(
        "parents-followed",
        "variations are read again when their parent changed before it was known",
        (Edit("syncd/adapters/woocommerce/catalogue.py", " - self._followed:", " - {*self._parents}:"),),
        ("tests/adapters/test_woocommerce_prices.py", "-k", "nobody_looked"),
    ),
    Mutant(
        "codes-freed",
        "a code that was refused is tried again when one changed there",
        (
            Edit(
                "syncd/service/observe.py",
                "self._codes_moved or codes[:2] != (row.sku_key, row.gtin_key)",
                "False",
            ),
        ),
        ("tests/crossing/test_codes.py",),
    ),
)
