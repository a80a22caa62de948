"""Mutants of what keeps goods of another location out of the books."""

from __future__ import annotations

from tests.mutants.mutant import Edit, Mutant

_ENGINE, _SHOP = "tests/engine/test_counting.py", "tests/crossing/test_counting.py"

COUNTING_MUTANTS = (
    Mutant(
        "counts-unseen",
        "a side that counts something else than until now is refused",
        (
            Edit(
                "syncd/service/counting.py",
                "        if known != counting.key:\n            raise _refusal(",
                "        if not known:\n            raise _refusal(",
            ),
        ),
        (_ENGINE, "-k", "refused or daemon"),
    ),
    Mutant(
        "counts-baseline",
        "what is accepted moves nothing: the numbers of before are forgotten",
        (
            Edit(
                "syncd/service/counting.py",
                "values(shadow=None, shadow_at=None, pending=False)",
                "values(shadow_at=None)",
            ),
        ),
        (_ENGINE, "-k", "moves_nothing"),
    ),
    Mutant(
        "counts-orders",
        "orders of the time between are counted though no reading tells of them",
        (Edit("syncd/service/counting.py", "    _count_documents(session, side, run)\n", ""),),
        (_ENGINE, "-k", "time_between"),
    ),
    Mutant(
        "counts-midway",
        "locations that change while syncd runs are not read before the engine has looked",
        (
            Edit(
                "syncd/adapters/shopify/facts.py",
                "if self._told is not None and self",
                "if self._told is None and self",
            ),
        ),
        (_SHOP, "-k", "while_syncd_runs"),
    ),
)
