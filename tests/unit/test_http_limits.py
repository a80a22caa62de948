"""Answers that never end, drip, unpack to gigabytes, or are given by somebody else: all over real sockets."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from syncd.errors import InvalidResponse, NotDelivered, OutcomeUnknown, SideError, Transient, Untrusted
from syncd.http import HttpSession, RateBudget, RetryPolicy, hook
from syncd.http.trust import problem_with, trust
from tests.support.raw_server import RawServer, Script, drip
from tests.support.sessions import closed_later
from tests.support.tls import TlsFront

MEGABYTE = 1024 * 1024
SOON_S = 3.0
Ask = Callable[[HttpSession], Any]
BOTH = [
    pytest.param(lambda session: session.read("a/"), Transient, id="read"),
    pytest.param(lambda session: session.write("PUT", "a/", json={}), OutcomeUnknown, id="write"),
]


def session(url: str, **options: Any) -> HttpSession:
    defaults: dict[str, Any] = {"timeout_s": 5.0, "deadline_s": 10.0, "retry": RetryPolicy(attempts=1)}
    return closed_later(
        HttpSession(side="web", base_url=url, budget=RateBudget(None), stop=threading.Event(), **(defaults | options))
    )


def answer(body: bytes, *head: str) -> Script:
    lines = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", *head, "", ""]
    return lambda connection, _: connection.sendall("\r\n".join(lines).encode() + body)


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def bomb() -> bytes:
    """A gigabyte of nothing, in a megabyte: one block again and again."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packer.compress(b"")
    block = packer.compress(b" " * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * 1024


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("X-GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", bare),
        ("identity", bytes),
    ],
)
def test_what_was_packed_is_unpacked(coding: str, pack: Callable[[bytes], bytes]) -> None:
    text = b'{"text": "' + b"abc" * 400_000 + b'"}'
    with RawServer(answer(pack(text), f"Content-Encoding: {coding}")) as raw:
        assert session(raw.url).read("a/").body == text
        assert b"Accept-Encoding: gzip, deflate\r\n" in raw.requests[0]


def test_a_packed_answer_without_a_body_is_empty() -> None:
    with RawServer(answer(b"", "Content-Encoding: gzip")) as raw:
        assert session(raw.url).read("a/").body == b""


def test_a_bomb_does_not_fill_the_memory() -> None:
    with RawServer(answer(bomb(), "Content-Encoding: deflate")) as raw:
        asked = session(raw.url, max_body_bytes=MEGABYTE)
        tracemalloc.start()
        try:
            with pytest.raises(InvalidResponse, match="answer larger than 1048576 bytes"):
                asked.read("a/")
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 8 * MEGABYTE


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
        ("br", b"{}"),
        ("zstd", b"{}"),
        ("gzip", gzip.compress(b"{} " * 1000)[:-9]),
        ("gzip", b"no gzip at all"),
    ],
    ids=["twice", "br", "zstd", "cut off", "none"],
)
@pytest.mark.parametrize(("ask", "kind"), BOTH)
def test_what_is_packed_otherwise_or_damaged_is_no_answer(
    coding: str, body: bytes, ask: Ask, kind: type[SideError]
) -> None:
    with RawServer(answer(body, f"Content-Encoding: {coding}")) as raw, pytest.raises(kind, match="DecodingError"):
        ask(session(raw.url))


def test_an_endless_body_ends_at_the_limit() -> None:
    def endless(connection: socket.socket, stopping: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not stopping.is_set():
            connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")

    with RawServer(endless) as raw, pytest.raises(InvalidResponse, match="answer larger than"):
        session(raw.url, max_body_bytes=MEGABYTE).read("a/")


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 100 Continue\r\n\r\n"])
@pytest.mark.parametrize(("ask", "kind"), BOTH)
def test_a_head_that_drips_ends_with_the_exchange(head: bytes, ask: Ask, kind: type[SideError]) -> None:
    piece = head if b"100" in head else b"H"
    with RawServer(drip(head, piece, 0.05)) as raw:
        begun = time.monotonic()
        with pytest.raises(kind):
            ask(session(raw.url, deadline_s=0.3))
        assert time.monotonic() - begun < SOON_S


def test_a_server_that_reads_nothing_holds_no_write() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        begun = time.monotonic()
        with pytest.raises(OutcomeUnknown, match="WriteTimeout"):
            session(url, deadline_s=0.3).write("PUT", "a/", content=b" " * 32 * MEGABYTE)
        assert time.monotonic() - begun < SOON_S


def test_a_handshake_that_never_ends_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        begun = time.monotonic()
        with pytest.raises(Transient, match="no connection"):
            session(url, deadline_s=0.3).write("PUT", "a/", json={})
        assert time.monotonic() - begun < SOON_S


def test_a_monitor_that_drips_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook, "_PATIENCE_S", 0.2)
    with RawServer(drip(b"HTTP/1.1 200 OK\r\nX: ", b"y", 0.05)) as raw:
        begun = time.monotonic()
        with pytest.raises(NotDelivered, match="no answer"):
            hook.call(raw.url)
        assert time.monotonic() - begun < SOON_S


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def plain() -> Iterator[RawServer]:
    with RawServer(answer(b"{}")) as raw:
        yield raw


def test_an_authority_of_ones_own_is_trusted_where_it_is_named(
    plain: RawServer, authority: trustme.CA, ca: Path
) -> None:
    with TlsFront(plain.url, authority.issue_cert("127.0.0.1")) as front:
        assert session(f"{front.url}/", verify=trust(ca)).write("PUT", "a/", json={}).status == 200


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        (lambda ca: ca.issue_cert("127.0.0.1"), "TLS certificate wrong: (unable to get local|self.signed)"),
        (lambda ca: ca.issue_cert("another.example"), "TLS certificate wrong: "),
    ],
    ids=["unknown authority", "another name"],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_certificate_that_is_not_trusted_gets_nothing(
    plain: RawServer, authority: trustme.CA, certificate: Callable[[trustme.CA], Any], why: str, method: str
) -> None:
    with TlsFront(plain.url, certificate(authority)) as front:
        asked = session(f"{front.url}/", retry=RetryPolicy(attempts=4))
        with pytest.raises(Untrusted, match=why):
            _ = asked.read("a/") if method == "GET" else asked.write("PUT", "a/", json={})
        assert front.taken == 1, "asked again it would be no other"
    assert plain.requests == []


def test_a_name_that_does_not_fit_and_an_end_that_has_passed(plain: RawServer, authority: trustme.CA, ca: Path) -> None:
    past = datetime.now(UTC) - timedelta(days=2)
    for certificate, why in (
        (authority.issue_cert("another.example"), "mismatch"),
        (authority.issue_cert("127.0.0.1", not_before=past - timedelta(days=1), not_after=past), "expired"),
    ):
        with TlsFront(plain.url, certificate) as front, pytest.raises(Untrusted, match=why):
            session(f"{front.url}/", verify=trust(ca)).read("a/")
    assert plain.requests == []


def test_a_webhook_with_a_wrong_certificate_is_not_told(plain: RawServer, authority: trustme.CA) -> None:
    with (
        TlsFront(plain.url, authority.issue_cert("127.0.0.1")) as front,
        pytest.raises(NotDelivered, match="TLS certificate wrong"),
    ):
        hook.call(f"{front.url}/secret-path", json={})
    assert plain.requests == []


def test_what_is_no_file_of_authorities(ca: Path, tmp_path: Path) -> None:
    assert problem_with(ca) == ""
    assert "does not exist" in problem_with(tmp_path / "none.pem")
    (tmp_path / "text.pem").write_text("hello")
    assert "PEM" in problem_with(tmp_path / "text.pem")
    (tmp_path / "empty.pem").write_text("")
    assert "PEM" in problem_with(tmp_path / "empty.pem")
    assert problem_with(tmp_path)
