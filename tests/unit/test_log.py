"""What the log shows, and what it must never show."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from loguru import logger

import syncd
from syncd.log import log, register_secrets, setup_logging


@pytest.fixture(autouse=True)
def clean_log() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logger.remove()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(form: str = "text", level: str = "DEBUG") -> io.StringIO:
    stream = io.StringIO()
    setup_logging(level, form, stream=stream, env={})
    return stream


def test_text_is_the_event_and_its_fields() -> None:
    stream = lines()
    log.bind(side="main", writes=3, sku="A 1", note='say "x"', empty="").info("run.finished")
    line = stream.getvalue()
    assert line[10] == "T"
    assert line[23:] == 'Z INFO run.finished side=main writes=3 sku="A 1" note="say \\"x\\"" empty=""\n'


def test_json_keeps_types_and_never_lets_a_field_replace_the_event() -> None:
    stream = lines("json")
    fields = {"side": "main", "n": Decimal("1.5"), "whole": Decimal("2.0"), "ids": ("a", 1), "none": None, "event": "x"}
    log.bind(**fields).warning("stock.oversold")
    entry = json.loads(stream.getvalue())
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "WARNING",
        "event": "stock.oversold",
        "side": "main",
        "n": "1.5",
        "whole": 2,
        "ids": ["a", 1],
        "none": None,
        "event_": "x",
    }


def test_lines_below_the_level_are_not_written() -> None:
    stream = lines(level="WARNING")
    log.info("quiet")
    logging.getLogger("another").info("quiet too")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_leaves_in_any_part_of_a_line(form: str) -> None:
    stream = lines(form)
    register_secrets("s3cret-value", "s3cret", 'quo"ted \\ secret')
    bound = log.bind(a="x s3cret-value y", b={"deep": ["s3cret-value"]}, c='quo"ted \\ secret', token="t0ken")
    bound.bind(url="https://shop/?consumer_key=ck_1&page=2", database="postgresql://u:pw123@host/db").info("s3cret")
    logging.getLogger("some.library").error("Authorization: Basic %s", "dXNlcjpwYXNzd29yZA==")
    log.opt(exception=RuntimeError("failed with s3cret-value and ?access_token=t0ken")).error("run.failed")
    text = stream.getvalue()
    assert "RuntimeError" in text
    for secret in ("s3cret", "quo", "t0ken", "ck_1", "pw123", "dXNlcjpwYXNz"):
        assert secret not in text
    if form == "json":
        assert len([json.loads(line) for line in text.splitlines()]) == 3


def test_a_traceback_shows_no_values_of_variables() -> None:
    stream = lines()
    hidden = "a" * 8 + "-only-in-a-variable"
    try:
        len(hidden) / 0
    except ZeroDivisionError:
        log.exception("run.failed")
    assert "ZeroDivisionError" in stream.getvalue()
    assert hidden not in stream.getvalue()


def test_braces_in_data_are_data() -> None:
    stream = lines()
    log.bind(name="{0} {x}").info("seen")
    logging.getLogger("lib").warning("%s", "{oops} {0.__class__}")
    assert '"{0} {x}"' in stream.getvalue()
    assert "{oops} {0.__class__}" in stream.getvalue()


def test_one_event_is_one_line_whatever_its_data() -> None:
    stream = lines()
    log.bind(name="a\nERROR forged").info("seen\nforged")
    assert stream.getvalue().count("\n") == 1


def test_chatty_libraries_speak_of_trouble_only() -> None:
    stream = lines()
    for name in ("httpx", "httpcore.connection", "alembic.runtime"):
        logging.getLogger(name).info("GET https://shop/?consumer_secret=x")
        logging.getLogger(name).error("trouble")
    logging.getLogger("another").info("step")
    logging.getLogger("apscheduler.scheduler").warning("skipped")
    logging.getLogger("apscheduler.scheduler").error("trouble")
    text = stream.getvalue()
    assert "GET" not in text
    assert "skipped" not in text
    assert text.count("trouble logger=") == 4
    assert "INFO step logger=another" in text


def test_the_journal_gets_priorities_instead_of_times(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with path.open("w") as stream:
        stat = os.fstat(stream.fileno())
        setup_logging("INFO", "text", stream=stream, env={"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"})
        log.bind(side="main").warning("side.slow")
        log.opt(exception=ValueError("bad")).error("run.failed")
    text = path.read_text().splitlines()
    assert text[0] == "<4>WARNING side.slow side=main"
    assert len(text) == 3
    assert all(line.startswith("<3>") for line in text[1:])


def test_an_inherited_journal_variable_does_not_fool_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("w") as stream:
        setup_logging("INFO", "text", stream=stream, env={"JOURNAL_STREAM": "1:2"})
        log.info("started")
    assert path.read_text()[:2] == "20"


def test_a_reader_that_went_away_does_not_stop_the_program() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    stream = os.fdopen(write_end, "w")
    setup_logging("INFO", "text", stream=stream, env={})
    log.info("nobody hears this")
    with pytest.raises(BrokenPipeError):
        stream.close()
    closed = io.StringIO()
    setup_logging("INFO", "text", stream=closed, env={})
    closed.close()
    log.info("nor this")


def test_every_line_is_out_before_a_sudden_end() -> None:
    code = (
        "import os, syncd.log as l\n"
        "l.setup_logging()\n"
        "for n in range(500): l.log.bind(n=n).info('written')\n"
        "os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 9
    assert len(done.stderr.splitlines()) == 500


def _log_calls() -> list[tuple[str, ast.Call]]:
    package = Path(syncd.__file__).parent
    names = {"debug", "info", "warning", "error", "exception", "critical", "success", "trace"}
    found = []
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
                root = node.func.value
                while isinstance(root, ast.Call | ast.Attribute):
                    root = root.func if isinstance(root, ast.Call) else root.value
                if isinstance(root, ast.Name) and root.id in {"log", "logger"}:
                    found.append((f"{path.relative_to(package)}:{node.lineno}", node))
    return found


def test_events_are_names_and_never_built_from_data() -> None:
    for place, call in _log_calls():
        assert len(call.args) == 1, f"{place}: one argument, the event's name; facts go into bind()"
        assert not call.keywords, f"{place}: keyword arguments make loguru format the message; use bind()"
        built = [node for node in ast.walk(call.args[0]) if isinstance(node, ast.JoinedStr | ast.BinOp | ast.Call)]
        assert not built, f"{place}: the event's name is a literal"
