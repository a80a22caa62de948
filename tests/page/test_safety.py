"""To whom the page answers, and that nothing hostile or secret gets through it."""

from __future__ import annotations

import re
import shutil
import socket
from decimal import Decimal
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from syncd import log
from syncd.hosts import is_loopback
from syncd.state.engine import open_database
from syncd.state.models import Finding, Listing, Run, Side
from tests.page.conftest import serving
from tests.support import rows
from tests.support.engine import two_sides

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syncd.state.engine import Database
    from tests.page.conftest import Served
    from tests.support.engine import Account

PATHS = ("/", "/differences", "/findings", "/runs", "/search?q=a", "/nowhere", "/item/1", "/item/99", "/runs?before=x")
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECRET = "cs_0123456789abcdef"
HOSTILE = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</title><svg onload=alert(1)>", "{{ 7 * 7 }}",
    "javascript:alert(1)", "\u202egnp.exe\u2066", "שלום العربية", "🧦👩‍👩‍👧", "a\x00b\x1b[31m\x07", "x" * 100_000,
    "\ud800", "", " ", "]]>--><!--", "&lt;b&gt; &amp;", "https://anna:geheim1@shop.example/",
)  # fmt: skip


class Elements(HTMLParser):
    """Finds elements and attributes that no template has."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.strange: list[str] = []
        self.feed(body)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "img", "b", "iframe", "object", "style", "base"}:
            self.strange.append(tag)
        self.strange += [name for name, value in attrs if name.startswith("on") or "javascript" in (value or "")]


@pytest.fixture(scope="module")
def sqlite_served(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all tests that only look."""
    file = tmp_path_factory.mktemp("looked-at") / "syncd.db"
    shutil.copy(sqlite_template, file)
    database = open_database(f"sqlite:///{file}")
    account = two_sides(database, {"A": 3}, {"A": 3})
    with serving(database, f"sqlite:///{file}", account.clock) as served:
        yield served
    database.dispose()


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_strict_headers(sqlite_served: Served, path: str) -> None:
    headers = sqlite_served.ask(path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "set-cookie" not in headers


@pytest.mark.parametrize("path", PATHS)
def test_no_page_has_a_script_a_style_of_its_own_or_an_address_elsewhere(sqlite_served: Served, path: str) -> None:
    body = sqlite_served.ask(path).body
    assert body.startswith('<!doctype html>\n<html lang="en">')
    assert re.findall(r"<script|<style|\sstyle=|\son\w+=|javascript:|//[a-z]", body.lower()) == []
    targets = re.findall(r'(?:href|src|action)="([^"]*)"', body)
    assert targets
    assert all(target.startswith(("/", "#")) for target in targets)


def test_the_stylesheet_and_the_icon_are_kept_by_the_browser_until_they_change(sqlite_served: Served) -> None:
    body = sqlite_served.page("/")
    for name, kind in (("style.css", "text/css; charset=utf-8"), ("icon.svg", "image/svg+xml")):
        found = re.search(rf'href="(/{name}\?v=[0-9a-f]{{12}})"', body)
        assert found
        reply = sqlite_served.ask(found[1])
        assert (reply.status, reply.headers["content-type"]) == (200, kind)
        assert "max-age" in reply.headers["cache-control"]
        assert "url(" not in reply.body
        assert "@import" not in reply.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
def test_it_can_only_be_looked_at(sqlite_served: Served, method: str) -> None:
    reply = sqlite_served.ask("/", method)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    assert "can only be looked at" in reply.body


def test_head_is_get_without_a_body(sqlite_served: Served) -> None:
    got, reply = sqlite_served.ask("/runs"), sqlite_served.ask("/runs", "HEAD")
    assert (reply.status, reply.body) == (200, "")
    assert reply.headers["content-length"] == got.headers["content-length"]
    assert sqlite_served.ask("/nowhere", "HEAD").status == 404


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.10", ""])
def test_a_page_whose_name_was_turned_to_this_machine_gets_nothing(sqlite_served: Served, host: str) -> None:
    reply = sqlite_served.ask("/", Host=host)
    assert reply.status == 421
    assert "till" not in reply.body


def test_names_for_prometheus_open_the_numbers_and_not_the_page(sqlite_url: str, sqlite_database: Database) -> None:
    with serving(sqlite_database, sqlite_url, remote=("till.lan",)) as served:
        assert served.ask("/metrics", Host="till.lan").status == 200
        reply = served.ask("/", Host="till.lan")
        assert reply.status == 403
        assert "SSH tunnel" in reply.body
        assert served.ask("/", Host="localhost").status == 200


def test_another_machine_is_refused_whatever_name_it_asks_by(sqlite_url: str, sqlite_database: Database) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; the system chooses an address of this machine
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = probe.getsockname()[0]
    with serving(sqlite_database, sqlite_url, remote=("till.lan",), host="0.0.0.0") as served:  # noqa: S104
        with socket.create_connection((address, served.port), timeout=10) as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: line.recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert served.ask("/").status == 200


@pytest.mark.parametrize(
    ("address", "here"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("::ffff:127.0.0.1", True), ("192.0.2.7", False),
     ("::ffff:192.0.2.7", False), ("2001:db8::1", False), ("", False), ("localhost", True), ("[::1]", True)],
)  # fmt: skip
def test_what_is_this_machine(address: str, here: bool) -> None:
    assert is_loopback(address) is here


def test_pages_of_other_sites_cannot_load_it(sqlite_served: Served) -> None:
    inside = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert sqlite_served.ask("/search?q=a", **inside).status == 403
    assert sqlite_served.ask("/style.css", **inside).status == 403
    own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors"}
    assert sqlite_served.ask("/style.css", **own).status == 200
    assert sqlite_served.ask("/", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/item/1?page=0", 200), ("/item/1?page=51", 400), ("/item/1?page=-1", 400), ("/item/1?page=1.5", 400),
     ("/item/1?page=%C2%B2", 400), ("/runs?before=99999999999999999999", 400),
     ("/differences?after=9223372036854775807", 200),
     ("/search?q=a&after=i9223372036854775808", 400), ("/search?q=a&after=l1", 200), ("/search?q=a&after='--", 400),
     ("/item/999999999999999999", 404), ("/item/9999999999999999999", 404), ("/item/-1", 404), ("/item/1/", 404),
     ("/../../etc/passwd", 404), ("/static/style.css", 404), ("/templates/base.html", 404), ("//evil.example/", 404),
     ("/search?q=%00%ff%fe", 200), ("/search?" + "&".join(f"a{number}=1" for number in range(50)), 400),
     ("/search?q=" + "x" * 5000, 200), ("/search?q=a';DROP%20TABLE%20items;--", 200), ("/?reload=1", 200),
     ("/?reload=x", 400)],
)  # fmt: skip
def test_addresses_that_nobody_links_to(sqlite_served: Served, path: str, status: int) -> None:
    assert sqlite_served.ask(path).status == status


def test_whoever_asks_for_it_has_the_overview_load_again(sqlite_served: Served) -> None:
    assert sqlite_served.ask("/?reload=1").headers["refresh"] == "30"
    assert "refresh" not in sqlite_served.ask("/").headers


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:12]))
def test_what_others_wrote_is_shown_and_does_nothing(sqlite_url: str, sqlite_database: Database, name: str) -> None:
    with serving(sqlite_database, sqlite_url) as served:
        stored = name.encode("utf-8", "replace").decode()
        with sqlite_database.write() as session:
            till = rows.side(session, "till", "hub", last_error=stored)
            web = rows.side(session, "web", last_error=stored)
            item = rows.item(session, -1)
            rows.listing(session, till, item, name=stored, sku=stored[:300], sku_key="key", shadow=Decimal(1))
            rows.listing(session, web, item, name=stored, external_id=stored[:300], shadow=Decimal(2))
            run = rows.run(session, web, result="failed", error=stored)
            rows.movement(session, item, 1, evidence=stored, side_id=web.id, run_id=run.id)
            finding = rows.finding(session, message=stored, advice=f"say `{stored[:200]}`", item_id=item.id)
        for path in ("/", "/differences", f"/item/{item.id}", f"/finding/{finding.id}", "/findings", "/runs",
                     "/search?q=key"):  # fmt: skip
            body = served.page(path)
            assert Elements(body).strange == []
            assert re.findall("[\x00\x1b\x07\u202a-\u202e\u2066-\u2069]", body) == []
            assert "geheim1" not in body
            assert len(body) < 60_000
        assert served.ask("/search?q=" + "%3Cscript%3E").body.count("<script") == 0


def test_no_secret_reaches_a_page(account: Account, served: Served, database: Database) -> None:
    """Planted in everything that may be shown: as it is, in an address, in a header, in an address with a password."""
    log.register_secrets(SECRET)
    planted = (
        f"{SECRET} https://x.example/?consumer_secret=cs_other99 Bearer abcdefghijk https://anna:geheim1@x.example/"
    )
    with database.write() as session:
        for model, values in (
            (Side, {"last_error": planted}),
            (Run, {"error": planted, "result": "failed"}),
            (Listing, {"name": planted, "sku": planted, "gtin": planted}),
        ):
            session.execute(update(model).values(**values))
        rows.finding(session, message=planted, advice=f"`{planted}`", item_id=1)
    number = account.findings()[-1].id
    pages = {path: served.ask(path) for path in (
        "/", "/differences", "/findings", f"/finding/{number}", "/runs", "/search?q=anna", "/item/1",
        f"/search?q={SECRET}",
    )}  # fmt: skip
    assert pages["/item/1"].status == pages[f"/finding/{number}"].status == 200
    for path, reply in pages.items():
        for secret in (SECRET, "cs_other99", "abcdefghijk", "geheim1"):
            assert secret not in reply.body, path
    with database.write() as session:
        session.execute(update(Finding).values(kind="of another version"))
    assert served.ask("/findings").status == 200
