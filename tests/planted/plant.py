"""Secrets that are easy to find again, and the search for them.

In the middle of each stands a word of letters and digits, which no encoding changes but base64. So the search needs to
know nothing of encodings (and cannot share a mistake with the program): it looks for the word, in texts as they are and
in whatever of them can be read as base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD = re.compile(rb"PLANT[0-9]{2}[A-Z]{8}")
_PACKED = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
AWKWARD = ('q"\\', "+/&= %<é>'")
HARMLESS = ("x-", "-x")
"""For places whose form is narrow: addresses, tokens in headers."""


@dataclass
class Planted:
    """All secrets, by the name of the place that they are planted in."""

    values: dict[str, str] = field(default_factory=dict)
    words: dict[bytes, str] = field(default_factory=dict)

    def plant(self, place: str, around: tuple[str, str] = AWKWARD) -> str:
        """Make a secret for a place."""
        word = self._word()
        self.words[word.encode()] = place
        self.values[place] = f"{around[0]}{word}{around[1]}"
        return self.values[place]

    def key(self, place: str) -> str:
        """Make one that is 32 bytes in base64."""
        word = self._word()
        self.words[word.encode()] = place
        self.values[place] = f"{word:x<42}A="
        return self.values[place]

    def _word(self) -> str:
        number = len(self.words)
        letters = "".join(chr(ord("A") + (number * 7 + step * 5) % 26) for step in range(8))
        return f"PLANT{number:02}{letters}"

    def found_in(self, text: bytes) -> set[str]:
        """Places of those secrets of which a text shows the word, plain or in base64."""
        return {self.words[word] for view in _views(text) for word in _WORD.findall(view) if word in self.words}


def _views(text: bytes) -> Iterator[bytes]:
    yield text
    for packed in _PACKED.findall(text):
        for start in range(4):
            part = packed[start : len(packed) - (len(packed) - start) % 4].translate(bytes.maketrans(b"-_", b"+/"))
            try:
                yield base64.b64decode(part)
            except binascii.Error:
                continue
