"""Each class of rows that ``syncd match`` can count has words of its own."""

from syncd.cli.match import _WORDS
from syncd.service.preview import _CLASSES


def test_every_class_has_words() -> None:
    assert _WORDS.keys() == set(_CLASSES)
    assert len(set(_WORDS.values())) == len(_WORDS)
