"""What the page shows is what the database says, on both databases; and it says when it does not know."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from syncd.page.app import ENTRIES, FINDINGS, HITS, RUNS
from syncd.state.lease import LEADER, LeaseKeeper
from syncd.state.models import Finding, Lease, Listing, Movement, Run, Side
from tests.page.conftest import serving
from tests.support import rows

if TYPE_CHECKING:
    from syncd.state.engine import Database
    from tests.page.conftest import Served
    from tests.support.engine import Account


def text_of(body: str) -> str:
    """What a person reads, in one line."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            found.append(data)

    Reader().feed(body)
    return " ".join("".join(found).split())


def verdict(served: Served) -> str:
    found = re.search(r'<p class="sentence">(.*?)</p>', served.page("/"), re.DOTALL)
    assert found
    return found[1]


def test_the_verdict_says_that_all_is_well_only_while_it_is(account: Account, served: Served) -> None:
    account.poll()
    assert verdict(served) == (
        "All is well: every side was read within the last 1 s, and all quantities are as they should be."
    )
    account.worlds["web"].sell("w-A", 2)
    account.poll("web")
    assert "1 quantity is not at rest yet" in verdict(served)
    assert "All is well" not in served.page("/")
    account.settle_down()
    account.clock.advance(400)
    assert verdict(served) == (
        "What is shown here is old or late: till was not read for 7 min; web was not read for 7 min."
    )


def test_an_error_that_leaves_the_exit_code_alone_is_in_the_verdict(account: Account, served: Served) -> None:
    account.worlds["web"].sell("w-B", 5)
    account.worlds["till"].sell("t-B", 2)
    account.settle_down()
    assert verdict(served).endswith("; 1 error is open.")
    body = text_of(served.page("/findings"))
    assert "is oversold: -2 on hand" in body
    assert "More was sold on all sides together than there was." in body
    assert "syncd explain B" in body


def test_a_stopped_side_and_a_waiting_person_come_first(account: Account, served: Served, database: Database) -> None:
    account.poll()
    with database.write() as session:
        rows.finding(session, kind="parked", severity="error", subject="operation 1")
    assert verdict(served) == "Something waits for a person&#39;s decision: 1 × parked."
    with database.write() as session:
        rows.finding(session, kind="reauthorisation", severity="error", subject="web")
    assert verdict(served).startswith("A side stands still until syncd is authorised again (reauthorisation): ")


def test_who_is_at_work_is_said_where_it_is_not_the_one_that_answers(
    account: Account, served: Served, database: Database
) -> None:
    account.poll()
    served.leads = False
    assert verdict(served).startswith("No daemon is at work. ")
    assert '<h1 id="verdict">No daemon works</h1>' in served.page("/")
    keeper = LeaseKeeper(database, 15.0)
    assert keeper.acquire()
    with database.write() as session:  # SQLite goes by our clock, which stands still here; PostgreSQL by the server's
        lease = session.get_one(Lease, LEADER)
        if database.dialect == "sqlite":
            lease.expires_at = served.clock() + timedelta(seconds=15)
    assert re.match(r"This daemon stands by; process \d+ on \S+ leads\. All is well", verdict(served))
    with database.write() as session:
        session.get_one(Lease, LEADER).expires_at -= timedelta(seconds=100)
    assert re.search(r" leads, but has not been heard of since its lease ended \d+ s ago\. ", verdict(served))
    assert "All is well</h1>" not in served.page("/")
    keeper.release()
    assert verdict(served).startswith("No daemon is at work. ")


def test_before_the_first_read_it_does_not_say_that_all_is_well(database: Database, database_url: str) -> None:
    with serving(database, database_url) as empty:
        body = text_of(empty.page("/"))
        assert "till was never read" in body
        assert "There are no products yet." in body
        with database.write() as session:
            for name, role in (("till", "hub"), ("web", "shop")):
                rows.side(session, name, role, last_read_at=empty.clock(), nothing_waited_at=empty.clock())
        assert "but no product is linked yet" in verdict(empty)
        assert "There was no run yet." in text_of(empty.page("/runs"))


def test_differences_are_listed_with_their_numbers_and_states(account: Account, served: Served) -> None:
    assert "None: every linked product holds" in text_of(served.page("/differences"))
    account.worlds["web"].faults.append("lost_after")
    account.worlds["till"].sell("t-A", 2)
    account.poll("till", "web")
    line = text_of(served.page("/differences"))
    assert re.search(r"A A web 20 18 -2 in doubt: the answer to a write was lost", line), line
    account.settle_down()
    assert "None: every linked product holds" in text_of(served.page("/differences"))


def test_many_differences_come_in_pages(served: Served, database: Database) -> None:
    with database.write() as session:
        till, web = session.scalars(select(Side).order_by(Side.id)).all()
        for number in range(120):
            item = rows.item(session, 5)
            rows.listing(session, till, item, shadow=Decimal(5), wanted=Decimal(5))
            rows.listing(session, web, item, shadow=Decimal(4), wanted=Decimal(5), name=f"Row {number:03}")
    seen: list[str] = []
    path: str | None = "/differences"
    while path:
        body = served.page(path)
        seen += re.findall(r"Row \d{3}", body)
        following = re.search(r'href="(/differences\?after=\d+)" rel="next"', body)
        path = following[1] if following else None
    assert seen == [f"Row {number:03}" for number in range(120)]
    assert "All 120 differences" in served.page("/")


def test_findings_come_in_pages_gravest_first(served: Served, database: Database) -> None:
    with database.write() as session:
        for number in range(FINDINGS + 5):
            rows.finding(session, severity="info", kind="unlinked", message=f"note {number:02}")
        rows.finding(session, severity="error", message="the worst")
    first, second = text_of(served.page("/findings")), text_of(served.page("/findings?page=2"))
    assert first.index("the worst") < first.index("note 00")
    assert "note 18" in first
    assert "note 19" not in first
    assert re.findall(r"note \d\d", second) == [f"note {number}" for number in range(19, 25)]
    assert "There are no more." in text_of(served.page("/findings?page=3"))


def test_a_finding_has_a_page_of_its_own_also_when_it_is_closed(account: Account, served: Served) -> None:
    account.worlds["till"].faults.append("lost_after")
    account.worlds["web"].sell("w-A", 2)
    account.poll("web", "till")
    account.worlds["till"].count("t-A", 3)
    account.settle_down()
    parked = next(each for each in account.findings() if each.kind == "parked")
    body = text_of(served.page(f"/finding/{parked.id}"))
    assert "If it was applied" in body
    assert f"syncd findings resolve {parked.id} --applied" in body
    with account.db.write() as session:
        session.execute(update(Finding).values(closed_at=account.clock(), closed_by="itself"))
    assert "by itself" in text_of(served.page(f"/finding/{parked.id}"))
    assert served.ask("/finding/999").status == 404


def test_search_finds_codes_and_parts_of_names(served: Served, database: Database) -> None:
    with database.write() as session:
        web = session.scalars(select(Side).where(Side.name == "web")).one()
        for name, sku, gtin in (
            ("Übertopf Größe 2", "POT-2", "04006381333931"),
            ("100% Wolle_rot", "W_1", None),
            ("Tasse", "CUP", None),
        ):
            rows.listing(session, web, None, name=name, sku=sku, sku_key=sku.lower(), gtin=gtin, gtin_key=gtin,
                         external_id=f"id-{sku}")  # fmt: skip
    for asked, found in (
        ("a", "A"), ("POT-2", "Übertopf"), ("pot", "Übertopf"), ("4006381333931", "Übertopf"), ("id-CUP", "Tasse"),
        ("%C3%BCbertopf", "Übertopf"), ("2%20%C3%BCBER", "Übertopf"), ("gr%C3%B6%C3%9Fe", "Übertopf"),
        ("100%25", "Wolle"), ("e_r", "Wolle"), ("t-A", "20"),
    ):  # fmt: skip
        assert found in text_of(served.page(f"/search?q={asked}")), asked
    for asked in ("zzz", "%25%25", "P_T", "tasse%20rot"):
        assert "Nothing has this" in text_of(served.page(f"/search?q={asked}")), asked
    assert "Type an SKU" in text_of(served.page("/search"))
    assert "Type an SKU" in text_of(served.page("/search?q=%20%20"))


def test_a_long_search_goes_on_where_it_stopped(served: Served, database: Database) -> None:
    with database.write() as session:
        till, web = session.scalars(select(Side).order_by(Side.id)).all()
        for number in range(2 * HITS):
            item = rows.item(session, 1)
            for side in (till, web):
                rows.listing(session, side, item, name=f"Mug {number:03}")
        for number in range(2 * HITS, 3 * HITS + 1):
            rows.listing(session, web, None, name=f"Mug {number:03}")
    seen: list[str] = []
    path: str | None = "/search?q=mug"
    pages = 0
    while path:
        body = served.page(path)
        seen += re.findall(r"<bdi>(Mug \d{3})</bdi>", body)
        following = re.search(r'href="([^"]+)" rel="next"', body)
        path = following[1].replace("&amp;", "&") if following else None
        pages += 1
    assert seen == [f"Mug {number:03}" for number in range(3 * HITS + 1)]
    assert pages == 4


def test_an_item_tells_its_story_in_pages(account: Account, served: Served, database: Database) -> None:
    account.worlds["web"].sell("w-A", 2, reference="505")
    account.poll("web", "till")
    item = account.listing("web", "w-A").item_id
    body = text_of(served.page(f"/item/{item}"))
    for words in (
        "18 on hand",
        "sold: web order 505 (-2)",
        "told to go from 15 to 20; confirmed",
        "first reading of till",
    ):
        assert words in body
    with database.write() as session:
        session.add_all(
            Movement(
                item_id=item, quantity=Decimal(0), on_hand_after=Decimal(18), cause="change",
                evidence=f"line {number:03}", recorded_at=account.clock() + timedelta(seconds=number),
            )
            for number in range(2 * ENTRIES)
        )  # fmt: skip
    pages = [re.findall(r"line \d{3}", served.page(f"/item/{item}?page={page}")) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [ENTRIES, ENTRIES, 0]
    assert [*pages[0], *pages[1]] == [f"line {number:03}" for number in reversed(range(2 * ENTRIES))]
    assert "sold: web order 505 (-2)" in text_of(served.page(f"/item/{item}?page=3"))
    assert 'rel="next"' not in served.page(f"/item/{item}?page=3")


def test_a_long_history_is_drawn_whole(account: Account, served: Served, database: Database) -> None:
    row = account.listing("till", "t-A")
    with database.write() as session:
        for number in range(60):
            account.clock.advance(61)
            session.add(
                Movement(
                    item_id=row.item_id, side_id=row.side_id, listing_id=row.id, quantity=Decimal((-1) ** number),
                    on_hand_after=Decimal(20), cause="sale", evidence="order", recorded_at=account.clock(),
                )
            )  # fmt: skip
    body = served.page(f"/item/{row.item_id}")
    paths = dict(re.findall(r'class="line line-\d" data-side="(\w+)" d="([^"]*)"', body))
    assert {side: path.count("V") for side, path in paths.items()} == {"till": 60, "web": 1}
    assert all(re.fullmatch(r"M[\d.]+ [\d.]+(H[\d.]+V[\d.]+)*H[\d.]+", path) for path in paths.values())
    words = (
        "till changed 60 times, from 20 to 20, between 20 and 21; web changed once, from 15 to 20, between 15 and 20."
    )
    assert body.count(words) == 2


def test_a_command_keeps_its_end_however_long_the_sku(served: Served, database: Database) -> None:
    sku = "S" * 900
    with database.write() as session:
        session.execute(update(Listing).where(Listing.external_id == "t-A").values(sku=sku))
        item = session.scalar(select(Listing.item_id).where(Listing.external_id == "t-A"))
        rows.finding(session, item_id=item)
    assert f"<code>syncd explain {sku}</code>" in served.page("/findings")


def test_what_is_not_linked_has_a_page_too(account: Account, served: Served) -> None:
    account.worlds["web"].put("w-X", 4, sku="X")
    account.poll("web")
    row = account.listing("web", "w-X")
    body = text_of(served.page(f"/listing/{row.id}"))
    assert "Not linked with a product of another side" in body
    assert "syncd match" in body
    assert served.ask("/listing/999999").status == served.ask("/item/999999").status == 404


def test_runs_come_in_pages_by_side_and_by_what_they_did(account: Account, served: Served, database: Database) -> None:
    with database.write() as session:
        till, web = session.scalars(select(Side).order_by(Side.id)).all()
        session.add_all(
            Run(side_id=(till, web)[number % 2].id, kind="poll", cause="test", result="ok", started_at=account.clock(),
                writes=int(number == 3), error="by itself" if number == 4 else None)
            for number in range(2 * RUNS)
        )  # fmt: skip
    numbers = re.compile(r'<td data-name="run" class="n">(\d+)</td>')
    newest, path, seen = None, "/runs", list[int]()
    while path:
        body = served.page(path)
        seen += [int(number) for number in numbers.findall(body)]
        newest = newest or seen[0]
        following = re.search(r'href="([^"]+)" rel="next"', body)
        path = following[1] if following else ""
    assert seen == list(range(newest or 0, 0, -1))
    busy = served.page("/runs?busy=1&side=web")
    assert "till</td>" not in busy
    assert 0 < len(numbers.findall(busy)) < 10
    assert served.ask("/runs?side=nobody").status == 404


def test_a_side_shows_what_failed_there(served: Served, database: Database) -> None:
    with database.write() as session:
        session.execute(update(Side).where(Side.name == "web").values(last_error="no connection"))
    assert "Last run failed: no connection" in text_of(served.page("/"))
    assert "0 · Linked" not in served.page("/")


def test_looking_leaves_nothing_behind(account: Account, served: Served, database: Database) -> None:
    item = account.listing("web", "w-A").item_id
    for path in ("/", "/differences", "/findings", "/runs", "/search?q=a", f"/item/{item}"):
        served.page(path)
    assert served.looking.engine.pool.status() == "NullPool"
    with database.write() as session:
        session.execute(update(Listing).values(name="others are not held up"))


def test_times_are_those_of_the_machine_and_say_so(
    account: Account, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.poll()
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        body = served.page("/")
    time.tzset()
    assert '<time datetime="2026-11-23T12:00:00+00:00">2026-11-23 21:00:00</time> JST (UTC+0900)' in body


def test_a_database_that_is_away_is_said_and_not_made_anew(served: Served, database: Database) -> None:
    file = Path(str(database.engine.url.database))
    if database.dialect == "sqlite":
        database.engine.dispose()
        away = file.rename(file.with_name("away.db"))
        reply = served.ask("/")
        assert not file.exists()
        away.rename(file)
    else:
        with database.engine.connect() as holder:
            holder.exec_driver_sql("LOCK TABLE sides, runs, listings, items, findings IN ACCESS EXCLUSIVE MODE")
            reply = served.ask("/")
    assert reply.status == 503
    assert reply.headers["retry-after"] == "10"
    assert "The database cannot be read now" in reply.body
    assert str(file) not in reply.body
    assert "All is well" not in reply.body
