"""Images of a product: the field is the list of their keys, in order; what one shows travels beside it. Pure.

A key names an image at the hub for good: another picture has another key. A shop keeps with each image that came from
there its key, so an unchanged one is neither fetched nor sent again. Images that a shop has of its own are no part of
the field.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"GIF87a", "image/gif", "gif"),
    (b"GIF89a", "image/gif", "gif"),
)

LARGEST_BYTES = 20 * 1024 * 1024
"""A larger image is not carried over; shops refuse most of half that size already."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image of the hub.

    Attributes:
        key: Its name at the hub, without blanks.
        address: Where it can be fetched, by the shop as well if the hub is open to it.
        name: What it shows, for people who cannot see it.
        content: Its bytes; empty where only the address is needed.
    """

    key: str
    address: str
    name: str = ""
    content: bytes = field(default=b"", repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return sha256(self.content).hexdigest()

    @property
    def kind(self) -> tuple[str, str] | None:
        """MIME type and ending of a file name, by the content itself; ``None`` if it is no image that shops take.

        >>> Image("1", "", content=b"GIF89a").kind
        ('image/gif', 'gif')
        """
        if self.content[:4] == b"RIFF" and self.content[8:12] == b"WEBP":
            return "image/webp", "webp"
        return next(((mime, end) for start, mime, end in _KINDS if self.content.startswith(start)), None)


def keys_text(keys: Iterable[str]) -> str:
    """The field: a key a line.

    >>> keys_text(["3001", "3002"])
    '3001\\n3002'
    """
    return "\n".join(keys)


def keys_of(text: str) -> list[str]:
    """Keys of the field's text."""
    return text.split("\n") if text else []
