"""The table of mutants fits the sources: a protection that moved elsewhere would otherwise be tried in vain."""

from __future__ import annotations

import pytest

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.plant import ROOT, StaleMutant, mutated, mutated_sources
from tests.mutants.table import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_the_sources_and_is_still_a_program(mutant: Mutant) -> None:
    texts = mutated_sources(mutant)
    assert texts
    for file, text in texts.items():
        assert text != (ROOT / file).read_text(encoding="utf-8")
        compile(text, file, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_that_should_notice_exist(mutant: Mutant) -> None:
    paths = [argument for argument in mutant.tests if argument.startswith("tests/")]
    assert paths
    assert all((ROOT / path).exists() for path in paths)


def test_names_are_unique() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("text", ["", "if here: ...\nif here: ...\n"])
def test_text_that_is_not_there_exactly_once_is_refused(text: str) -> None:
    with pytest.raises(StaleMutant, match=r"a\.py has [02] times"):
        mutated(text, Edit("a.py", "if here:", "if there:"))
