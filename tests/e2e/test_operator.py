"""What a technician types when something is wrong, against servers that were written from the vendors' contracts."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.acceptance import PROGRAM, Stage, until
from tests.support.contract_http import Call


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Six linked products and a group with 20 units each, at rest."""
    with Stage(tmp_path) as made:
        made.stock(6, 1, till=lambda _n: 20, shop=lambda _n: 20)
        made.syncd("sync")
        made.later()
        made.syncd("sync")
        made.forget_calls()
        yield made


def lose_a_booking(stage: Stage, fault: str) -> None:
    """The shop sells 3 of S-1; the answer of the till's booking is lost."""
    stage.till.fault = lambda call: fault if call.method == "PUT" else ""
    stage.shop.order({stage.in_shop("S-1"): 3})


def damage(stage: Stage, statement: str) -> None:
    """Somebody writes into the database by hand."""
    with closing(sqlite3.connect(stage.folder / "syncd.db")) as connection, connection:
        connection.execute(statement)


def parked(stage: Stage, fault: str) -> int:
    """A booking whose answer was lost and whose numbers fit nothing; returns the finding's number."""
    lose_a_booking(stage, fault)
    stage.syncd("sync", code=1)
    stage.till.calm()
    stage.till.move(stage.at_till("S-1"), -1)
    damage(stage, "UPDATE operations SET looks = NULL")  # as if that had come before the first look
    until(lambda: stage.syncd("sync", code=None).code == 3, "the write is parked")
    (finding,) = stage.syncd("findings", "--json").json["findings"]
    assert finding["kind"] == "parked"
    return int(finding["id"])


def s1(stage: Stage) -> tuple[object, object]:
    return stage.till.quantities()["S-1"], stage.shop.stocks()["S-1"]


@pytest.mark.parametrize(
    ("fault", "word"),
    [("lost answer", "--applied"), pytest.param("lost request", "--not-applied", marks=pytest.mark.slow)],
)
def test_a_person_settles_a_parked_write(stage: Stage, fault: str, word: str) -> None:
    number = str(parked(stage, fault))
    listed = stage.syncd("findings")
    assert listed.out == stage.syncd("findings", "list").out
    assert f"syncd findings resolve {number} --applied" in listed.out
    shown = stage.syncd("findings", "show", number)
    assert "write " in shown.out
    assert "17 on hand" in shown.out
    assert f"    syncd findings resolve {number} --not-applied\n" in shown.out
    assert stage.syncd("findings", "show", number, "--json").json["finding"]["operation"]["state"] == "parked"
    assert "in doubt: a person decides" in stage.syncd("explain", "S-1").out
    unsaid = stage.syncd("findings", "resolve", number, code=2)
    assert "if it was applied, inventorum held 17 after it, nothing is sent, and" in " ".join(
        unsaid.err.lower().split()
    )
    assert "-3 is sent again" in " ".join(unsaid.err.split())
    assert stage.syncd("audit", code=4).out.count("parked") == 2  # the line, and what the word means
    said = stage.syncd("findings", "resolve", number, word)
    assert "the next run reads it again" in said.out
    stage.syncd("sync")
    assert s1(stage) == (16, 16)
    assert "no open findings" in stage.syncd("findings").out
    assert f"by syncd findings resolve {word}" in stage.syncd("findings", "--all").out
    assert "closed already" in stage.syncd("findings", "resolve", number, word, code=2).err
    assert "a person said so" in stage.syncd("explain", "S-1").out
    assert "there is no finding 99" in stage.syncd("findings", "show", "99", code=2).err
    stage.later()
    stage.syncd("sync")
    assert stage.syncd("audit").code == 0


def test_a_person_settles_beside_the_daemon(stage: Stage) -> None:
    number = parked(stage, "lost answer")
    stage.daemon()
    until(lambda: "daemon.started" in stage.daemon_log(0), "the daemon works")
    stage.syncd("findings", "resolve", str(number), "--applied")
    until(lambda: s1(stage) == (16, 16), "the daemon goes on with the person's word")
    assert [units for _, units, _ in stage.till.bookings] == [-3]


def test_the_audit_finds_what_nobody_told(stage: Stage) -> None:
    before = stage.everything(but=("tokens",))
    fine = stage.syncd("audit")
    assert "✓ inventorum: 11 compared, 11 equal" in fine.out
    assert "✓ main: 11 compared, 11 equal" in fine.out
    assert stage.everything(but=("tokens",)) == before
    assert stage.writes() == 0
    damage(stage, "UPDATE listings SET shadow = 25 WHERE sku = 'S-2' AND side_id = 2")
    damage(stage, "UPDATE items SET on_hand = 19 WHERE id = (SELECT min(item_id) FROM listings WHERE sku = 'S-3')")
    stage.shop.products[stage.in_shop("S-4")].stock = 11  # no date of change, no order
    stage.shop.order({stage.in_shop("S-5"): 1})
    found = stage.syncd("audit", "--json", code=4).json
    assert [(row["side"], row["sku"], row["reason"], row["holds"], row["should"]) for row in found["differences"]] == [
        ("main", "S-2", "wrong shadow", 20, 20),
        ("main", "S-4", "drift", 11, 20),
        ("main", "S-5", "change not read yet", 19, 20),
    ]
    assert [(book["sku"], book["on_hand"], book["ledger"]) for book in found["books"]] == [("S-3", 19, 20)]
    text = stage.syncd("audit", "--shop", "main", code=4).out
    assert "✗ S-4  Product 4  main: holds 11, should hold 20, last known 20; drift since " in text
    assert "✗ S-3  Product 3: 19 on hand, but its movements come to 20" in text
    assert "there is no shop 'nowhere'" in stage.syncd("audit", "--shop", "nowhere", code=2).err


def test_the_audit_says_which_side_it_could_not_read(stage: Stage) -> None:
    stage.shop.fault = lambda call: "busy" if "/products" in call.path else ""
    result = stage.syncd("audit", "--json", code=1).json
    assert [(side["side"], side["compared"], side["not_read"]) for side in result["sides"]] == [
        ("inventorum", 11, 0),
        ("main", 0, 11),
    ]
    stage.shop.calm()
    stage.later(4000)
    stage.till.new_token()
    assert "✗ inventorum: not read" in stage.syncd("audit", code=5).out


def test_the_audit_beside_daemon_and_customers_gives_no_false_alarm(stage: Stage) -> None:
    trade = threading.Event()
    ids = [(stage.at_till(f"S-{n}"), stage.in_shop(f"S-{n}")) for n in range(6)]
    turn = iter(range(10**6))

    def sell(call: Call) -> None:
        if trade.is_set() and call.method == "GET" and "token" not in call.path:
            number = next(turn)
            with stage.till.lock, stage.shop.lock:
                at_till, in_shop = ids[number % 6]
                if number % 5 == 0:
                    stage.till.sell(at_till, 1)
                elif number % 5 == 2:
                    stage.shop.order({in_shop: 1})

    stage.daemon()
    until(lambda: "run.finished" in stage.daemon_log(0), "the daemon works")
    stage.till.before = stage.shop.before = sell
    trade.set()
    for _ in range(4):
        result = stage.syncd("audit", "--json", code=None)
        assert result.code == 0, result.out
    trade.clear()
    assert next(turn) > 10
    until(stage.agree, "the sides agree")


def test_a_run_is_taken_back(stage: Stage) -> None:
    assert "main  poll  11 written" not in stage.syncd("undo").out
    stage.till.count_stock(stage.at_till("S-2"), 3)
    stage.till.sell(stage.at_till("S-3"), 1)
    stage.syncd("sync")
    assert stage.agree()
    run = stage.syncd("undo", "--json").json["runs"][0]
    assert (run["side"], run["confirmed"], run["units"]) == ("main", 2, 18)
    number = str(run["run"])
    assert f"{number}  " in stage.syncd("undo").out
    planned = stage.syncd("undo", number, "--dry-run").out
    assert "S-2  Product 2  main was told -17; on hand 3 → 20" in planned
    assert "--dry-run, then give --yes" in stage.syncd("undo", number, code=2).err.replace("\n", " ")
    assert stage.rows("SELECT count(*) FROM movements WHERE cause = 'undo'") == [(0,)]
    done = stage.syncd("undo", number, "--yes")
    assert "2 items taken back in the ledger" in done.out
    assert "the next run writes it" in done.out
    stage.syncd("sync")
    assert [stage.till.quantities()[code] for code in ("S-2", "S-3")] == [20, 20]
    assert stage.agree()
    again = stage.syncd("undo", number, "--yes").out
    assert f"run {number} (main): nothing to take back" in again
    assert "taken back already by run" in again
    assert "undone by a person: undo of run" in stage.syncd("explain", "S-2").out
    assert f"syncd undo {number}" in {row[0] for row in stage.rows("SELECT cause FROM runs")}
    assert "there is no run 9999" in stage.syncd("undo", "9999", code=2).err


@pytest.mark.parametrize(("answer", "undone"), [("n\n", 0), ("y\n", 1)])
def test_on_a_terminal_it_asks(stage: Stage, answer: str, undone: int) -> None:
    stage.till.sell(stage.at_till("S-2"), 4)
    stage.syncd("sync")
    number = str(stage.syncd("undo", "--json").json["runs"][0]["run"])
    ours, theirs = os.openpty()
    try:
        os.write(ours, answer.encode())
        command = [*PROGRAM, "undo", number, "--config", str(stage.config)]
        done = subprocess.run(
            command, cwd=stage.folder, stdin=theirs, capture_output=True, text=True, timeout=90, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("S-2  Product 2  main was told -4") < done.stdout.index("Take back 1 item?")
    assert ("nothing was done" in done.stdout) is not bool(undone)
    assert stage.rows("SELECT count(*) FROM movements WHERE cause = 'undo'") == [(undone,)]


def test_two_products_are_parted_and_paired_by_hand(stage: Stage) -> None:
    parted = stage.syncd("unlink", "S-1")
    assert "of main is parted from" in parted.out
    assert "parted by hand" in stage.syncd("match").out
    stage.shop.order({stage.in_shop("S-1"): 3})
    stage.syncd("sync")
    assert s1(stage) == (20, 17)
    wrong = stage.syncd("link", "S-2", "S-1", code=2)
    assert "is linked already" in wrong.err
    paired = stage.syncd("link", "S-1", "S-1", "--json").json
    assert (paired["shop"], paired["till_id"]) == ("main", str(stage.at_till("S-1")))
    stage.syncd("sync")
    assert s1(stage) == (20, 20)
