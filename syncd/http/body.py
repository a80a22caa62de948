"""Bodies of answers, unpacked piece by piece: what a few kilobytes unpack to never lies in memory at once."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCEPTED = "gzip, deflate"
"""What servers are told that we unpack."""

_PIECE_BYTES = 256 * 1024


def pieces(response: httpx.Response) -> Iterator[bytes]:
    """Yield a body that is being received, unpacked, each piece of a quarter of a megabyte at most.

    Raises:
        httpx.DecodingError: It is packed in a way that was not asked for, packed twice, damaged or cut off.
    """
    codings = [word.strip().lower() for word in response.headers.get("content-encoding", "").split(",")]
    codings = [word for word in codings if word not in {"", "identity"}]
    if not codings:
        yield from response.iter_raw()
        return
    # Twice packed, a kilobyte holds a gigabyte; nobody needs it.
    if len(codings) > 1 or codings[0] not in {"gzip", "x-gzip", "deflate"}:
        raise httpx.DecodingError("the body is packed in a way that was not asked for")
    try:
        yield from _unpacked(response.iter_raw(), bare_allowed=codings[0] == "deflate")
    except zlib.error as error:
        raise httpx.DecodingError(f"the body is damaged: {error}") from error


def _unpacked(packed: Iterator[bytes], *, bare_allowed: bool) -> Iterator[bytes]:
    """Unpack gzip or zlib, and where ``bare_allowed`` also deflate without its frame, as some servers send it."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    begun = False
    for chunk in packed:
        rest = chunk
        if not begun and rest and bare_allowed and not _is_framed(rest):
            unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        begun = begun or bool(rest)
        while rest and not unpacker.eof:
            piece = unpacker.decompress(rest, _PIECE_BYTES)
            rest = unpacker.unconsumed_tail
            if piece:
                yield piece
    while begun and not unpacker.eof:
        piece = unpacker.decompress(unpacker.unconsumed_tail, _PIECE_BYTES)
        if not piece:
            raise zlib.error("it ends too early")
        yield piece


def _is_framed(head: bytes) -> bool:
    return head[0] & 0x0F == zlib.DEFLATED and (len(head) < 2 or (head[0] << 8 | head[1]) % 31 == 0)
