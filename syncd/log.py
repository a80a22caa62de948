"""Log lines on standard error: text for people, JSON for machines, never a secret.

The message is the name of an event, the facts are bound fields::

    log.bind(side="main", run=12, writes=3).info("run.finished")

Never put data into the message together with keyword arguments: loguru runs ``.format`` on it.
ERROR wakes a person, WARNING will if it repeats, INFO is one line per run and per write, DEBUG is the wire.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TextIO

from loguru import logger as log

from syncd.http.redact import redact, register_secrets
from syncd.visible import visible, visible_json

if TYPE_CHECKING:
    from loguru import Message, Record

__all__ = ["log", "register_secrets", "setup_logging", "without_secrets"]

_QUIET = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "alembic": logging.WARNING,
    "apscheduler": logging.ERROR,
    "oauthlib": logging.WARNING,
}
"""Least level of libraries that talk too much: query strings, what is signed, how a migration runs, a late pass."""

_JOURNAL_PRIORITY = {"CRITICAL": 2, "ERROR": 3, "WARNING": 4, "INFO": 6, "DEBUG": 7}


def without_secrets(text: str) -> str:
    """Remove registered secrets, and what looks like one, from a text for people."""
    return redact(text)


def setup_logging(
    level: str = "INFO",
    form: str = "text",
    *,
    stream: TextIO | None = None,
    env: Mapping[str, str] = os.environ,
) -> None:
    """Send all log lines, also those of libraries, to one stream. May be called again.

    Args:
        level: Least important level that is shown.
        form: ``"text"`` or ``"json"``.
        stream: Where to; standard error if left out.
        env: Environment; under systemd the journal adds the time itself.
    """
    sink = _Sink(stream or sys.stderr, json_lines=form == "json", env=env)
    log.remove()
    # diagnose would print the values of variables; enqueue loses the last lines of a process that is killed.
    log.add(sink, level=level, format="{message}", backtrace=False, diagnose=False, enqueue=False, catch=False)
    root = logging.getLogger()
    root.handlers[:] = [_Intercept()]
    root.setLevel(level)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)


class _Sink:
    """Writes one record; nothing leaves before secrets are removed, not even from exception texts."""

    def __init__(self, stream: TextIO, *, json_lines: bool, env: Mapping[str, str]) -> None:
        self._stream = stream
        self._json = json_lines
        self._journal = _is_journal(stream, env)

    def __call__(self, message: Message) -> None:
        record = message.record
        text = self._as_json(record) if self._json else self._as_text(record)
        if self._journal:
            priority = f"<{_JOURNAL_PRIORITY.get(record['level'].name, 6)}>"
            text = "\n".join(priority + line for line in text.split("\n"))
        try:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody reads any more (closed pipe or stream): stock is more important than the log.
            return

    def _as_text(self, record: Record) -> str:
        words = [record["level"].name, _one_line(record["message"])]
        if not self._journal:
            words.insert(0, _time(record))
        words += [f"{name}={_plain(_clean_text(name, value))}" for name, value in record["extra"].items()]
        return "\n".join(map(visible, redact("\n".join([" ".join(words), *_exception(record)])).split("\n")))

    def _as_json(self, record: Record) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record["level"].name,
            "event": redact(record["message"]),
        }
        for name, value in record["extra"].items():
            line[name if name not in line else f"{name}_"] = _clean(name, value)
        if trace := _exception(record):
            line["exception"] = redact("\n".join(trace))
        return visible_json(json.dumps(line, ensure_ascii=False))


class _Intercept(logging.Handler):
    """Hands records of the standard library's logging to ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on, under the name of its logger."""
        level = record.levelname if record.levelname in _JOURNAL_PRIORITY else record.levelno
        log.bind(logger=record.name).opt(exception=record.exc_info).log(level, record.getMessage())


def _is_journal(stream: TextIO, env: Mapping[str, str]) -> bool:
    """Whether the stream is connected to the journal: systemd names its device and inode."""
    try:
        stat = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return env.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"


def _time(record: Record) -> str:
    return record["time"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _exception(record: Record) -> list[str]:
    found = record["exception"]
    if found is None or found.type is None:
        return []
    return "".join(traceback.format_exception(found.type, found.value, found.traceback)).rstrip("\n").split("\n")


def _one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _plain(text: str) -> str:
    """A value for a text line; quoted if it could be mistaken for more than one."""
    if text and text.isprintable() and not any(char in text for char in ' "='):
        return text
    return json.dumps(text, ensure_ascii=False)


def _clean(name: str, value: Any) -> Any:
    """A value for JSON without secrets; ``name`` tells, for example, that it is a token."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, Mapping):
        return {redact(str(key)): _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", item) for item in value]
    return _clean_text(name, value)


def _clean_text(name: str, value: object) -> str:
    """Redacted before any quoting, which would hide a secret with quotes in it."""
    return redact(f"{name}={value}").removeprefix(f"{name}=")
