"""Texts of others as a terminal may be given them: what would move its cursor or turn lines round is spelt out.

Whoever names a product may put anything into its name, and the log and all commands show names.
"""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # controls, of which ESC and CSI begin sequences
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # turn what follows round
    "\u2028\u2029"  # ends of lines
    "\ud800-\udfff]"  # halves of pairs, which no stream takes
)


def visible(text: str) -> str:
    r"""Spell out what cannot be seen, as Python and JSON do.

    >>> visible("cup\x1b[2J\x9b\u202e")
    'cup\\x1b[2J\\x9b\\u202e'
    >>> visible("two\nlines")
    'two\\nlines'
    """
    return _UNSEEN.sub(lambda found: repr(found[0])[1:-1], text)


def visible_json(document: str) -> str:
    r"""The same for JSON, which stays what it is; of controls only those are left in it that it allows.

    >>> visible_json('{"name": "\x9b"}')
    '{"name": "\\u009b"}'
    """
    return _UNSEEN.sub(lambda found: found[0] if found[0] in "\n\t" else f"\\u{ord(found[0]):04x}", document)
