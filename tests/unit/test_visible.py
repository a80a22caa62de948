"""Names that would clear a terminal, colour it, fake lines or turn them round are spelt out wherever people look."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from loguru import logger

from syncd.cli.command import CliContext, shown
from syncd.log import log, setup_logging
from syncd.visible import visible, visible_json

EVIL = "cup\x1b[2J\x1b]0;x\x07\x9b31m\u202e\r\nfake \u2028line\x00\x7f"
SEEN = "\x1b\x07\x9b\u202e\r\x00\x7f\u2028"


@pytest.fixture(autouse=True)
def clean_log() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    logger.remove()
    logging.getLogger().handlers[:] = handlers


def test_what_cannot_be_seen_is_spelt_out_and_the_rest_stays() -> None:
    assert not set(visible(EVIL)) & {*SEEN, "\n"}
    assert visible("Tasse „groß“ 👨‍👩‍👧 日本 ½\u00a0€") == "Tasse „groß“ 👨‍👩‍👧 日本 ½\u00a0€"
    assert json.loads(visible_json(json.dumps({"name": EVIL}, ensure_ascii=False))) == {"name": EVIL}
    assert shown(f"\nhead {EVIL}\n") == f"\nhead {visible(EVIL)}\n"


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_log_is_one_line_for_each_event(form: str) -> None:
    stream = io.StringIO()
    setup_logging("DEBUG", form, stream=stream, env={})
    log.bind(name=EVIL, deep={EVIL: [EVIL]}).info("stock.written")
    logging.getLogger(EVIL).error("said %s", EVIL)
    log.opt(exception=RuntimeError(EVIL)).error("run.failed")
    text = stream.getvalue()
    assert not set(text) & set(SEEN)
    if form == "json":
        first = json.loads(text.splitlines()[0])
        assert first["name"] == EVIL
        assert len(text.splitlines()) == 3
    else:
        assert [line.split()[1] for line in text.splitlines()[:2]] == ["INFO", "ERROR"]


@pytest.mark.parametrize("as_json", [False, True])
def test_commands_print_names_that_way(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    cli = CliContext(env={}, json=as_json)
    cli.say(EVIL)
    cli.mark(True, EVIL)
    cli.complain(EVIL)
    cli.emit({"name": EVIL})
    captured = capsys.readouterr()
    assert not set(captured.out + captured.err) & set(SEEN)
    if as_json:
        assert json.loads(captured.out) == {"name": EVIL}
    else:
        assert captured.out.count("\n") == 2
