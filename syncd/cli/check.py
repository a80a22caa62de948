"""``syncd check``: try everything that the configuration names; changes nothing on any side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import select

from syncd.adapters.base import AdapterContext
from syncd.adapters.registry import installed
from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.failure import advice_for
from syncd.cli.opening import open_configured, require_newest, witness
from syncd.errors import CountsOtherwise, DatabaseNotReady, DatabaseUnavailable, SideError
from syncd.http.trust import trust
from syncd.log import without_secrets
from syncd.state import schema
from syncd.state.models import Side
from syncd.state.seal import Seal, require_keys, rows_not_kept_with
from syncd.state.tokens import DatabaseTokenStore

if TYPE_CHECKING:
    from syncd.adapters.base import AdapterFactory, CheckReport, Counting, SideAdapter
    from syncd.config import Config, SideConfig
    from syncd.state.engine import Database

MOST_SKEW_S = 30.0
"""Seconds by which a side's clock may differ from ours before we say so."""

_GRAVEST_FIRST = (78, 5, 1)


@dataclass
class _Results:
    """What was found out so far; shown at once, and kept for ``--json``."""

    cli: CliContext
    lines: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: set[int] = field(default_factory=set)

    def add(self, where: str, ok: bool | None, subject: str, message: str, *, code: int = 1) -> None:
        """Note one result; ``ok`` is ``None`` for a warning."""
        message = without_secrets(message)
        result = {True: "ok", False: "failed", None: "warning"}[ok]
        self.lines.append({"where": where, "result": result, "subject": subject, "message": message})
        if ok is False:
            self.codes.add(code)
        head = f"{where}: {subject}" if subject else where
        self.cli.mark(ok, f"{head}: {message}")

    @property
    def exit_code(self) -> int:
        """The gravest code: configuration, then authorisation, then what a later try may cure."""
        return next((code for code in _GRAVEST_FIRST if code in self.codes), 0)


@click.command(cls=Command)
@click.option("--offline", is_flag=True, help="Only the configuration; open no connection.")
@click.option("--send-test", is_flag=True, help="Also ping the monitor and send a test message to people.")
@pass_cli
def check(cli: CliContext, *, offline: bool, send_test: bool) -> int:
    """Test everything that the configuration names; changes nothing on any side.

    Monitors and people hear of it only with --send-test.

    Exits 0 if all is well (warnings included), 78 if configuration or database need work, 5 if a side wants to be
    authorised again, 1 if something did not answer or is not as it must be.
    """
    config = cli.config
    results = _Results(cli)
    names = ", ".join(side.name for side in config.sides)
    results.add("configuration", True, "", f"{config.source} is valid; sides: {names}")
    for warning in config.warnings:
        results.add("configuration", None, "", warning)
    if offline and send_test:
        raise click.UsageError("--offline opens no connection; leave it out to send a test")
    if not offline:
        _check_online(config, results)
    if send_test:
        _check_telling(config, results)
    cli.emit(
        {
            "ok": results.exit_code == 0,
            "exit_code": results.exit_code,
            "lines": results.lines,
            "facts": results.facts,
        }
    )
    return results.exit_code


def _check_telling(config: Config, results: _Results) -> None:
    from syncd.service.telling import try_out  # noqa: PLC0415 - kept out of the start

    tried = list(try_out(config))
    for way, done, wrong in tried:
        results.add(way, wrong is None, "", wrong or done)
    if not tried:
        results.add("telling", None, "", "neither [ping] nor [notify] names anybody: nothing was sent")


def _check_online(config: Config, results: _Results) -> None:
    database = _check_database(results)
    try:
        seal = _check_seal(config, database, results) if database is not None else None
        factories = installed()
        for side in config.sides:
            _check_side(side, factories[side.kind], database, seal, results)
    finally:
        if database is not None:
            database.dispose()


def _check_database(results: _Results) -> Database | None:
    """Open the database; ``None`` if it is of no use."""
    database = None
    try:
        # The tokens of a side are kept there: without a database nothing could be tried. It is made as `sync` makes it.
        seen = witness(results.cli)
        database = open_configured(results.cli, seen, create=True)
        schema.require_current(database)
        require_newest(seen, database)
    except (DatabaseNotReady, DatabaseUnavailable) as error:
        results.add("database", False, "", str(error), code=error.exit_code)
        if database is not None:
            database.dispose()
        return None
    results.add("database", True, "", f"{database.url_safe}, schema {schema.head()}")
    return database


def _check_seal(config: Config, database: Database, results: _Results) -> Seal | None:
    """Try the keys of the tokens; ``None`` if they do not fit."""
    seal = Seal.of(config.syncd.database_key, config.syncd.database_key_former)
    try:
        require_keys(database, seal)
        waiting = rows_not_kept_with(database, seal.current) if seal.current else []
    except (DatabaseNotReady, DatabaseUnavailable) as error:
        results.add("database", False, "tokens", str(error), code=error.exit_code)
        return None
    if seal.current:
        kept = f"sealed with key {seal.current}"
        later = f"{', '.join(waiting)}: not {kept} yet; the daemon does it when it starts, or `syncd db rekey`"
        results.add("database", None if waiting else True, "tokens", later if waiting else kept)
    return seal


def _check_side(
    side: SideConfig, factory: AdapterFactory, database: Database | None, seal: Seal | None, results: _Results
) -> None:
    tokens = None
    if factory.uses_tokens:
        if database is None or seal is None:
            results.add(side.name, None, "", "not tried: its tokens are kept in the database")
            return
        tokens = DatabaseTokenStore(database, side.name, getattr(side.settings, "refresh_token", None), seal=seal)
    context = AdapterContext(
        side=side.name,
        settings=side.settings,
        tokens=tokens,
        overlap_s=side.stock.overlap_seconds,
        trust=trust(side.ca),
    )
    try:
        report, counting = _ask(factory.build(context))
    except (SideError, DatabaseUnavailable) as error:
        text = f"{error.request}: {error.detail}" if isinstance(error, SideError) else str(error)
        advice = advice_for(error)
        results.add(side.name, False, "", f"{text}; {advice}" if advice else text, code=error.exit_code)
        return
    _show(side, factory, report, results)
    if counting is not None and database is not None:
        _compare_counting(side.name, counting, database, results)
    if tokens is not None and tokens.seed_refused:
        message = "the configured refresh token was refused; the stored one still works and is used on"
        results.add(side.name, None, "credentials", message)


def _ask(adapter: SideAdapter) -> tuple[CheckReport, Counting | None]:
    """What a test finds out, and what the side counts if it can be asked."""
    try:
        report = adapter.check()
        try:
            return report, adapter.counts()
        except SideError:
            if report.ok:
                raise
            return report, None  # the report says why
    finally:
        adapter.close()


def _compare_counting(name: str, counting: Counting, database: Database, results: _Results) -> None:
    with database.read() as session:
        row = session.scalars(select(Side).where(Side.name == name)).one_or_none()
    if row is not None and row.counts and row.counts != counting.key:
        message = (
            f"until now {row.counts_words}, with this configuration {counting.words}: `syncd run` refuses to start"
        )
        results.add(
            name, False, "what counts", f"{message}; see `syncd approve --help`", code=CountsOtherwise.exit_code
        )


def _show(side: SideConfig, factory: AdapterFactory, report: CheckReport, results: _Results) -> None:
    results.facts[side.name] = {"adapter": factory.title, **report.facts}
    for line in report.lines:
        results.add(side.name, line.ok, line.subject, line.message, code=line.exit_code)
    skew_s = report.clock_skew_s
    if skew_s is None:
        return
    results.facts[side.name]["clock_skew_seconds"] = f"{skew_s:.1f}"
    told = any(line.subject == "clock" and line.ok is not True for line in report.lines)
    if abs(skew_s) > MOST_SKEW_S and not told:
        direction = "ahead of" if skew_s > 0 else "behind"
        message = f"its clock is {abs(skew_s):.0f} s {direction} ours; syncd copes, but see that both keep time (NTP)"
        results.add(side.name, None, "clock", message)
