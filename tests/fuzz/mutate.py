"""Mutations of valid answers, deterministic by seed."""

from __future__ import annotations

import copy
import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from syncd.simulators.server import SimRequest
from tests.fuzz.values import Raw, hostile, is_lie, nested, numbers
from tests.fuzz.wire import Answer, Spoiled, render

HTML = b"<!doctype html><html><head><title>Just a moment...</title></head><body><h1>Checking</h1></body></html>"
NOTICE = b"<br />\n<b>Notice</b>: Undefined index: x in <b>/wp-content/plugins/y.php</b> on line <b>3</b><br />\n"
REPLACEMENTS = (
    b"", b" ", b"\n", HTML, b"<", b"null", b"true", b"0", b'"x"', b"[]", b"{}", b"[[]]", b"[null]", b"[{}]",
    b'{"a":1}', b"OK", b"\x00\x01\x02\x03", b"\xff\xfe\x00", b"\xef\xbb\xbf", b"<?xml version='1.0'?><r/>",
    b"{'a': 1}", b"}{", b"]",
)  # fmt: skip
READ_FAMILIES = (
    ("value", 40), ("truncated", 8), ("replaced", 8), ("encoded", 8), ("rows", 8), ("foreign", 6), ("total", 5),
    ("status", 8), ("framed", 6), ("clock", 2), ("echo", 3), ("error", 3),
)  # fmt: skip
"""Also of a write that had its effect: what is answered is anything but a plain refusal."""
NO_EFFECT_FAMILIES = (("refused", 30), ("replaced", 20), ("echo", 10), ("framed", 10), ("error", 5))
"""A write had no effect, and what is answered is anything but a plain success."""
VITAL = frozenset({
    "id", "quantity", "stock_quantity", "manage_stock", "type", "meta_data", "key", "value", "is_giftcard", "parent",
    "variation_count", "variations", "parent_id", "original_quantity", "state", "product", "product_id", "line_items",
    "variation_id", "items", "refunds", "total", "data", "error", "code", "completed_at", "update", "access_token",
})  # fmt: skip

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Surroundings:
    """What a mutation may draw on.

    Attributes:
        needed: Keys that the client reads; they are hit more often than others.
        errors: Error bodies in the vendor's own format, with their status.
        foreign: Bodies and rows of other endpoints.
        total_header: Header that carries the number of rows, empty if the body does.
        secrets: Of the request, to be repeated in answers.
    """

    needed: frozenset[str]
    errors: tuple[tuple[int, Any], ...]
    foreign: tuple[Any, ...]
    total_header: str = ""
    secrets: Callable[[SimRequest], list[str]] = lambda _request: []


class Mutator:
    """Spoils one answer. Everything it does follows from its seed and the answer.

    Args:
        seed: Any text or number.
        around: What to draw on.
        write: The endpoint is a write.
        effect: The write reaches the simulator.
    """

    def __init__(self, seed: str, around: Surroundings, *, write: bool = False, effect: bool = True) -> None:
        self._rng = numbers(f"{seed} mutation")  # its own numbers, whatever else was drawn for this seed
        self._around = around
        self._write = write
        self._effect = effect

    def __call__(self, answer: Answer, request: SimRequest) -> Spoiled:
        """Return what is sent instead of ``answer``."""
        families = READ_FAMILIES if self._effect else NO_EFFECT_FAMILIES
        names, weights = zip(*families, strict=True)
        kind = self._rng.choices(names, weights)[0]
        make: Callable[[Answer, SimRequest], tuple[str, bytes, bool]] = getattr(self, f"_{kind}")
        detail, raw, close = make(answer, request)
        return Spoiled(kind, detail, raw, close)

    # -- the body as JSON

    def _value(self, answer: Answer, _request: SimRequest) -> tuple[str, bytes, bool]:
        body = parsed(answer.body)
        notes: list[str] = []
        for _ in range(1 if self._rng.random() < 0.75 else 2):
            body, note = self._change(body)
            notes.append(note)
        return self._sent(answer, dump(body), "; ".join(notes))

    def _change(self, body: Any) -> tuple[Any, str]:
        body = copy.deepcopy(body)
        for _ in range(200):
            places = places_of(body)
            path = self._place(places)
            value = hostile(self._rng)
            if not path:
                if self._rng.random() < 0.1:
                    return value, f"body = {short(value)}"
                continue
            holder = at(body, path[:-1])
            if isinstance(holder, dict) and self._rng.random() < 0.25:
                if _may_drop(path):
                    del holder[path[-1]]
                    return body, f"without {path}"
            elif not is_lie(path, value) and value != holder[path[-1]]:
                holder[path[-1]] = value
                return body, f"{path} = {short(value)}"
        return [], "body = []"

    def _place(self, places: list[Path]) -> Path:
        """Half of the time a key that stock depends on, mostly one that is read, sometimes any."""
        chance = self._rng.random()
        keys = VITAL if chance < 0.5 else self._around.needed if chance < 0.8 else None
        named: dict[str | int, list[Path]] = {}
        for path in places:
            if path and (keys is None or path[-1] in keys):
                named.setdefault(path[-1], []).append(path)
        return self._rng.choice(named[self._rng.choice(list(named))] if named else places)

    def _rows(self, answer: Answer, _request: SimRequest) -> tuple[str, bytes, bool]:
        """Rows twice, in another order, too few, or wrapped."""
        body = parsed(answer.body)
        lists = [path for path in places_of(body) if isinstance(at(body, path), list) and at(body, path)]
        # Fewer entries in these would be valid answers, only not the truth.
        lists = [path for path in lists if not {"meta_data", "line_items", "items"}.intersection(path)]
        if not lists or self._rng.random() < 0.2:
            wrapped = self._rng.choice(([body], {"data": body}, {"results": body}, [body, body], nested(5000)))
            return self._sent(answer, dump(wrapped), "wrapped")
        path = self._rng.choice(lists)
        rows = at(body, path)
        match self._rng.randrange(5):
            case 0:
                rows += rows
            case 1:
                rows.insert(0, copy.deepcopy(self._rng.choice(rows)))
            case 2:
                rows.reverse()
            case 3:
                rows.pop(self._rng.randrange(len(rows)))
            case _:
                rows += [rows[0]] * 300
        return self._sent(answer, dump(body), f"rows of {path}: {len(rows)}")

    def _foreign(self, answer: Answer, _request: SimRequest) -> tuple[str, bytes, bool]:
        """The body of another endpoint, or its rows among ours."""
        other = copy.deepcopy(self._rng.choice(self._around.foreign))
        body = parsed(answer.body)
        lists = [path for path in places_of(body) if isinstance(at(body, path), list) and "meta_data" not in path]
        if lists and self._rng.random() < 0.6:
            path = self._rng.choice(lists)
            rows = other if isinstance(other, list) else [other]
            at(body, path).extend(rows[:5])
            return self._sent(answer, dump(body), f"foreign rows in {path}: {short(rows)}")
        return self._sent(answer, dump(other), f"foreign body {short(other)}")

    def _total(self, answer: Answer, _request: SimRequest) -> tuple[str, bytes, bool]:
        value: Any = self._rng.choice(_TOTALS)
        if self._around.total_header:
            kept = answer.without(self._around.total_header)
            header = () if value is None else ((self._around.total_header, str(value)),)
            return f"total {short(value)}", render(replace(answer, headers=(*kept, *header))), False
        body = parsed(answer.body)
        if isinstance(body, dict):
            body["total"] = Raw(value, short(value)) if isinstance(value, str) and value.isdigit() else value
        return self._sent(answer, dump(body), f"total {short(value)}")

    # -- the body as bytes

    def _truncated(self, answer: Answer, _request: SimRequest) -> tuple[str, bytes, bool]:
        cut = self._rng.randrange(max(1, len(answer.body)))
        if self._rng.random() < 0.5:
            return f"cut at {cut}, length true", render(replace(answer, body=answer.body[:cut])), False
        raw = render(replace(answer, body=answer.body[:cut]), length=str(len(answer.body)))
        return f"cut at {cut}, then closed", raw, True

    def _replaced(self, answer: Answer, _request: SimRequest) -> tuple[str, bytes, bool]:
        pool = REPLACEMENTS if self._effect else (HTML, b"", b"\xff\xfe", b"null", b"[]", b"{}", b"OK")
        body = self._rng.choice(pool)
        if self._rng.random() < 0.15 and self._effect:
            body = self._rng.choice((NOTICE, b"\xef\xbb\xbf", b"\n\n", b")]}',\n")) + answer.body
        elif self._rng.random() < 0.1:
            body = bytes(self._rng.randrange(256) for _ in range(self._rng.randrange(1, 400)))
        return self._sent(answer, body, f"body {short(body)}")

    def _encoded(self, answer: Answer, _request: SimRequest) -> tuple[str, bytes, bool]:
        body = parsed(answer.body)
        names = [path for path in places_of(body) if path and path[-1] == "name"]
        if names:
            path = self._rng.choice(names)
            at(body, path[:-1])["name"] = "Gr\u00fcner Sch\u00e4ferstoff \u2013 5 \u20ac"
        text = json.dumps(body, ensure_ascii=False)
        codec = self._rng.choice(
            ("latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp037", "utf-7")
        )
        sent = text.encode(codec, "replace")
        if self._rng.random() < 0.3:
            codec, sent = "damaged utf-8", _damage(text.encode(), self._rng)
        return self._sent(answer, sent, codec)

    # -- status, head and framing

    def _status(self, answer: Answer, _request: SimRequest) -> tuple[str, bytes, bool]:
        status = self._rng.choice((*_STATUSES, self._rng.randrange(100, 600)))
        if self._write and status in {401, 429}:
            status = 418  # said of a write that had its effect, these two would be lies
        body = self._rng.choice((answer.body, answer.body, b"", HTML, b"{}", b"[]", b"null"))
        headers = answer.headers
        if self._rng.random() < 0.3:
            wait = self._rng.choice(("1e400", "inf", "nan", "-5", "abc", "Mon, 01 Jan 0999 00:00:00 +2359", "9" * 400))
            headers = (*headers, ("Retry-After", wait))
        if 300 <= status < 400 and self._rng.random() < 0.7:
            headers = (*headers, ("Location", self._rng.choice(("/", "https://other.example/x?token=abcdefgh", "::"))))
        spoiled = replace(answer, status=status, body=body, headers=headers)
        return f"status {status}, body {short(body)}", render(spoiled), status < 200 or status in {204, 304}

    def _refused(self, answer: Answer, _request: SimRequest) -> tuple[str, bytes, bool]:
        """A write that had no effect is refused, by the vendor or by something before it."""
        if self._rng.random() < 0.5:
            status, error = self._rng.choice(self._around.errors)
            body = dump(error)
        else:
            status = self._rng.choice((400, 401, 403, 404, 405, 408, 413, 418, 421, 429, 451, 499))
            body = self._rng.choice((HTML, b"", b"{}", b"null", b"[]", b"Forbidden"))
        return f"refused {status} {short(body)}", render(replace(answer, status=status, body=body)), False

    def _error(self, answer: Answer, _request: SimRequest) -> tuple[str, bytes, bool]:
        """200 with an error in the vendor's own format."""
        _, error = self._rng.choice(self._around.errors)
        body = [error] if self._rng.random() < 0.2 else error
        return self._sent(answer, dump(body), f"200 with {short(error)}")

    def _echo(self, answer: Answer, request: SimRequest) -> tuple[str, bytes, bool]:
        """An error page that repeats what it was sent."""
        known = self._around.secrets(request)
        text = " | ".join([*known, *(f"{name}: {value}" for name, value in request.headers.items())])
        statuses = (
            [400, 403, 500, 503] if not self._effect else [200, 500, 503] if self._write else [200, 400, 403, 500]
        )
        body = self._rng.choice(
            (
                f"<html><body>{text}</body></html>".encode(),
                text.encode(),
                dump({"code": "rest_forbidden_x", "message": text, "data": {"status": 400}}),
                dump({"detail": text, "error": {"key": "x.y", "description": text, "fields": {text[:80]: [text]}}}),
                dump({"error": known[0] if known else "x", "error_description": text}),
            )
        )
        status = self._rng.choice(statuses)
        if self._write and self._effect and status == 200:
            body = f"<html>{text}</html>".encode()
        return f"echo with status {status}", render(replace(answer, status=status, body=body)), False

    def _clock(self, answer: Answer, _request: SimRequest) -> tuple[str, bytes, bool]:
        value = self._rng.choice(
            ("", "yesterday", "Mon, 01 Jan 0999 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 +2359", "0", "9" * 300,
             "Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 23 Nov 99999999999 00:00:00 GMT", "Mon, 23 Nov 2026 99:99:99 GMT",
             "Mon, 23 Nov 2026 12:00:00 +9999", "Mon, 32 Foo 2026", "\xff\xfe",
             "Fri, 01 Jan 2100 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT")
        )  # fmt: skip
        headers = (*answer.without("date"), ("Date", value)) if value else answer.without("date")
        return f"Date {value!r}"[:80], render(replace(answer, headers=headers)), False

    def _framed(self, answer: Answer, _request: SimRequest) -> tuple[str, bytes, bool]:
        """Lengths and encodings that do not fit the body."""
        size = len(answer.body)
        zipped = gzip.compress(answer.body)
        coded = {
            "gzip of garbage": ("gzip", b"\x1f\x8b" + answer.body),
            "gzip of nothing": ("gzip", b""),
            "gzip cut": ("gzip", zipped[: len(zipped) // 2]),
            "gzip of plain": ("gzip", answer.body),
            "deflate of gzip": ("deflate", zipped),
            "bomb": ("gzip", _BOMB),
            "unknown coding": ("x-own", answer.body),
            "twice": ("gzip, gzip", zipped),
        }
        lengths = {
            "short": str(size // 2), "one short": str(max(0, size - 1)), "text": "many", "negative": "-1",
            "two": f"{size}\r\nContent-Length: {size + 1}", "huge": "9" * 30, "long": str(size + 10),
        }  # fmt: skip
        name = self._rng.choice((*coded, *lengths, "chunked badly", "no head", "no end"))
        if name in coded:
            coding, body = coded[name]
            headers = (*answer.without("content-encoding"), ("Content-Encoding", coding))
            return name, render(replace(answer, headers=headers, body=body)), False
        if name == "chunked badly":
            headers = (*answer.headers, ("Transfer-Encoding", "chunked"))
            return name, render(replace(answer, headers=headers), length=None), True
        if name == "no head":
            return name, answer.body or b"x", True
        length = lengths.get(name, str(size + 10))
        return f"length {name}", render(answer, length=length), name not in {"short", "one short"}

    def _sent(self, answer: Answer, body: bytes, note: str) -> tuple[str, bytes, bool]:
        if self._rng.random() < 0.1:
            zipped = zlib.compress(body) if self._rng.random() < 0.5 else gzip.compress(body)
            coding = "deflate" if zipped[:1] == b"\x78" else "gzip"
            headers = (*answer.headers, ("Content-Encoding", coding))
            return f"{note} ({coding})", render(replace(answer, headers=headers, body=zipped)), False
        return note, render(replace(answer, body=body)), False


_TOTALS: tuple[Any, ...] = (
    -1,
    0,
    1,
    10**6,
    10**15,
    10**30,
    "9" * 5000,
    "abc",
    "",
    "1e9",
    "-0",
    "²",
    "٣",
    "5.5",
    None,
    True,
    [],
)
_STATUSES = (
    *range(100, 105), *range(200, 230), *range(300, 310), *range(400, 452), 499, *range(500, 512), 520, 524, 530, 599,
)  # fmt: skip
_BOMB = gzip.compress(b"[" * (80 * 1024 * 1024))
"""Larger than any answer may be, once unpacked."""


def parsed(body: bytes) -> Any:
    """A valid body as JSON."""
    return json.loads(body) if body else None


def dump(value: Any) -> bytes:
    """JSON text, with raw tokens written as they are."""
    raws: list[str] = []

    def stand_in(each: object) -> str:
        assert isinstance(each, Raw)
        raws.append(each.text)
        return f"@@{len(raws) - 1}@@"

    text = json.dumps(value, default=stand_in)
    for number, raw in enumerate(raws):
        text = text.replace(f'"@@{number}@@"', raw)
    return text.encode()


def places_of(body: Any) -> list[Path]:
    """Paths of all values, the whole body first; of long lists only the first entries."""
    found: list[Path] = [()]
    stack: list[tuple[Path, Any]] = [((), body)]
    while stack:
        path, value = stack.pop()
        inner: list[tuple[str | int, Any]] = []
        if isinstance(value, dict):
            inner = list(value.items())
        elif isinstance(value, list):
            inner = list(enumerate(value[:12]))
        for key, each in inner:
            found.append((*path, key))
            stack.append(((*path, key), each))
    return found


def at(body: Any, path: Path) -> Any:
    """The value at a path."""
    for part in path:
        body = body[part]
    return body


def short(value: object) -> str:
    """A value for people."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]}… ({len(text)})"


def _may_drop(path: Path) -> bool:
    """Some keys may be missing by the contract, and their absence then says something: that would be a lie."""
    return path[-1] not in {"parent", "parent_id", "original_quantity"}


def _damage(text: bytes, rng: random.Random) -> bytes:
    where = text.find("\u00fc".encode())
    where = where if where >= 0 else rng.randrange(len(text) + 1)
    return text[:where] + rng.choice((b"\xff", b"\xc3", b"\x80\x80", b"\xed\xa0\x80", b"\xf8\x88")) + text[where + 2 :]
