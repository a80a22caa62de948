"""Everything that syncd can be made to say, collected and searched."""

from __future__ import annotations

import io
import json
import sqlite3
import sys
import urllib.request
from contextlib import closing, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.adapters.base import AdapterContext, TokenPair
from syncd.adapters.registry import installed
from syncd.cli import main
from syncd.config import load_config
from syncd.demo.process import DaemonProcess, wait_until
from syncd.http.redact import forget_secrets
from syncd.log import log, setup_logging
from tests.planted.stage import ANSWERS, SecretStage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PATIENCE_S = 60.0
_OURS = ("config.toml", "woo.consumer_secret", "sw6.client_secret", "database_key")
_TRIED_AGAIN = (429, 500)
"""Each try takes a second, and `check` asks one side after the other."""

_COMMANDS = (
    ("check",),
    ("check", "--offline"),
    ("status",),
    ("findings",),
    ("findings", "--all"),
    ("match",),
    ("plan",),
    ("audit",),
    ("explain", "S-00001"),
    ("approve", "--all"),
    ("findings", "show", "1"),
    ("findings", "resolve", "1"),
    ("link", "S-00001", "1"),
    ("undo", "1", "--dry-run"),
    ("db", "current"),
    ("db", "rekey"),
)


@dataclass
class Search:
    """What was said and kept, by where; ``found`` lists what should not be there."""

    stage: SecretStage
    said: dict[str, bytes] = field(default_factory=dict)

    def note(self, place: str, text: str | bytes) -> None:
        """Keep what was said somewhere."""
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        self.said[place] = self.said.get(place, b"") + raw

    def command(self, *argv: str) -> int:
        """Carry out a command; its streams are kept apart."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main([*argv, "--config", str(self.stage.folder / "config.toml")])
        name = " ".join(argv)
        self.note(f"{name}: stdout", out.getvalue())
        self.note(f"{name}: stderr", err.getvalue())
        return code

    def found(self) -> list[str]:
        """Where a secret was found, and which."""
        return [
            f"{place}: {secret}"
            for place, text in sorted(self.said.items())
            for secret in sorted(self.stage.planted.found_in(text))
        ]

    def report(self) -> str:
        """One line of figures."""
        planted = len(self.stage.planted.values)
        return f"planted={planted} places={len(self.said)} found={len(self.found())}"


def search(
    folder: Path,
    *,
    answers: Sequence[int] = ANSWERS,
    thorough: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Search:
    """Run commands and daemons against sides that echo secrets, then look at all that they left.

    Args:
        folder: Where the account lies.
        answers: What sides answer with, one after the other.
        thorough: Each command and daemon both as text and as JSON, else by turns.
        tell: Told what is done.
    """
    with SecretStage(folder) as stage:
        done = Search(stage)
        forget_secrets()
        for number, status in enumerate((0, *answers)):
            form = ("text", "json")[number % 2]
            stage.configure(form)
            tell(f"commands, log as {form}, answers {status or 'as they should be'}")
            stage.echo(status)
            done.command("sync")
            if status and status not in _TRIED_AGAIN:
                done.command("check", "--json")
        stage.echo(0)
        tell("all commands")
        for number, argv in enumerate(_COMMANDS):
            if thorough or number % 2:
                done.command(*argv)
            if thorough or not number % 2:
                done.command(*argv, "--json")
        done.command("plan", "-o", str(folder / "plan.json"))
        done.command("apply", str(folder / "plan.json"))
        done.command("db", "backup", str(folder / "copy.db"))
        _mistakes(
            done, (("check",), ("check", "--json"), ("status",), ("run",)) if thorough else (("check", "--json"),)
        )
        _spoken_objects(done)
        for form in ("text", "json") if thorough else ("json",):
            tell(f"the daemon, log as {form}")
            _daemon(done, form, answers)
        tell("the search")
        _kept(done)
        for name, server in stage.echoes.items():
            if name in ("webhook", "outside"):
                done.note(f"bodies sent to {name}", b"\n".join(server.bodies))
        forget_secrets()
        return done


def _daemon(done: Search, form: str, answers: Sequence[int]) -> None:
    stage = done.stage
    stage.configure(form)
    log = stage.folder / f"daemon-{form}.log"
    daemon = DaemonProcess(stage.folder / "config.toml", log)
    daemon.start()
    try:
        _wait(lambda: b"daemon.started" in log.read_bytes(), log)
        for status in (*answers, 0):
            stage.echo(status)
            before = log.read_bytes().count(b"run.finished")
            _wait(lambda before=before: log.read_bytes().count(b"run.finished") > before + 4, log)  # type: ignore[misc]
            for path in ("metrics", "healthz"):
                done.note(f"/{path}", _page(f"http://127.0.0.1:{stage.metrics_port()}/{path}"))
        if form == "text":
            daemon.stop()
        else:
            # A part that breaks: its traceback goes to the log.
            with closing(sqlite3.connect(stage.folder / "state.db", timeout=30)) as connection:
                connection.execute("ALTER TABLE cursors RENAME TO lost")
            _wait(lambda: not daemon.alive, log)
            assert b"Traceback" in log.read_bytes()
    finally:
        daemon.close()


def _wait(true: Callable[[], bool], log: Path) -> None:
    if not wait_until(true, PATIENCE_S):
        raise TimeoutError("\n".join(log.read_text("utf-8", "replace").splitlines()[-5:]))


def _page(url: str) -> bytes:
    with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own, on loopback
        read: bytes = answer.read()
        return read
    return b""


def _mistakes(done: Search, commands: Sequence[tuple[str, ...]]) -> None:
    """Configurations with secrets in wrong places, and databases that do not open."""
    folder, values = done.stage.folder, done.stage.planted.values
    good = (folder / "config.toml").read_text("utf-8")
    secret = json.dumps(values["sw6.client_secret"], ensure_ascii=False)
    for place, text in {
        "unknown key": good.replace("[shops.woo]\n", f"[shops.woo]\nconsumer_secrets = {secret}\n"),
        "wrong type": good.replace("poll_seconds = 1", f"poll_seconds = {secret}", 1),
        "wrong word": good.replace('auth = "query"', f"auth = {json.dumps(values['query.consumer_key'])}"),
        "no TOML": good.replace("[shops.woo]\n", f"[shops.woo]\n{secret}\n"),
        "database": good.replace('"sqlite:///state.db"', f'"postgresql://user:{values["database"]}@127.0.0.1:9/x"'),
        "database query": good.replace(
            '"sqlite:///state.db"', f'"postgresql://127.0.0.1:9/x?user=u&password={values["database"]}"'
        ),
        "userinfo": good.replace(
            'adapter = "woocommerce"\nurl = "http://',
            f'adapter = "woocommerce"\nurl = "http://user:{values["database"]}@',
            1,
        ),
    }.items():
        (folder / "config.toml").write_text(text, "utf-8")
        for argv in commands:
            code = done.command(*argv)
            assert code != 0, f"{place}: {argv} went well"
    (folder / "config.toml").write_text(good, "utf-8")


def _spoken_objects(done: Search) -> None:
    """What a debugger, a log line or an error would show of our objects."""
    config = load_config(done.stage.folder / "config.toml")
    done.note("repr of the configuration", f"{config!r} {config} {config.model_dump_json()}")
    for side in config.sides:
        context = AdapterContext(side.name, side.settings, tokens=_NoTokens() if side.role == "hub" else None)
        adapter = installed()[side.kind].build(context)
        shown = (
            [context, adapter, side, *vars(adapter).values()] if hasattr(adapter, "__dict__") else [context, adapter]
        )
        done.note(f"repr of {side.name}", "\n".join(f"{each!r} {each}" for each in shown))
        try:
            next(iter(adapter.read_all()))
        except Exception as error:  # noqa: BLE001 - whatever it is, its words are searched
            for form in ("text", "json"):
                stream = io.StringIO()
                setup_logging("DEBUG", form, stream=stream, env={})
                log.opt(exception=error).error("daemon.broken")
                assert "Traceback" in stream.getvalue()
                done.note(f"traceback of {side.name}", stream.getvalue())
        adapter.close()


class _NoTokens:
    def load(self) -> TokenPair | None:
        return None

    def refresh(self, stale: TokenPair | None, exchange: Callable[[str], TokenPair]) -> TokenPair:
        return exchange("x-none")


def _kept(done: Search) -> None:
    """All files, and all tables of the database."""
    folder = done.stage.folder
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in _OURS:
            done.note(f"file {path.name}", path.read_bytes())
    with closing(sqlite3.connect(folder / "state.db")) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall():
            with suppress(sqlite3.OperationalError):  # a view over the table that we took away
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - a name of our own
                done.note(f"table {table}", "\n".join(map(repr, rows)))


def say(text: str) -> None:
    """Tell what is done."""
    sys.stderr.write(f"{text}\n")
