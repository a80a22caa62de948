"""The command line: parse, call, print, exit code. Commands are imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import click

from syncd.cli.command import CliContext, add_shared_options

if TYPE_CHECKING:
    from collections.abc import Sequence


class Entry(NamedTuple):
    """One command: its name, where it is (``module:object``), and its line in ``syncd --help``."""

    name: str
    target: str
    summary: str


COMMANDS = (
    Entry("init", "syncd.cli.init:init", "Write a commented config.toml."),
    Entry("check", "syncd.cli.check:check", "Test configuration, database, credentials, rights and clocks."),
    Entry("match", "syncd.cli.match:match", "What is linked, linkable, ambiguous, missing; writes nothing."),
    Entry("plan", "syncd.cli.sync:plan", "What would be written now, and why."),
    Entry("apply", "syncd.cli.apply:apply", "Carry out a saved plan, if the world has not moved."),
    Entry("sync", "syncd.cli.sync:sync", "One pass now."),
    Entry("run", "syncd.cli.run:run", "The daemon."),
    Entry("status", "syncd.cli.status:status", "Sides, freshness, last runs, open findings."),
    Entry("explain", "syncd.cli.explain:explain", "The story of an item: why a side says what it says."),
    Entry("audit", "syncd.cli.audit:audit", "Compare all sides with the ledger, independently; writes nothing."),
    Entry("findings", "syncd.cli.findings:findings", "What a person should know; look at one, settle one."),
    Entry("approve", "syncd.cli.findings:approve", "Confirm a safety stop."),
    Entry("link", "syncd.cli.link:link", "Pair two listings by hand."),
    Entry("unlink", "syncd.cli.link:unlink", "Part two listings by hand."),
    Entry("undo", "syncd.cli.undo:undo", "Take back what a run wrote."),
    Entry("db", "syncd.cli.db:db", "Look after the database."),
    Entry("demo", "syncd.cli.demo:demo", "A simulated till and shop, the real daemon, a scripted day."),
)
"""Commands in the order of ``syncd --help``. A new one needs its line here and nothing else."""


class _Commands(click.Group):
    """Finds commands by the table above, so that ``syncd --help`` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        for entry in COMMANDS:
            if entry.name == cmd_name:
                module, _, name = entry.target.partition(":")
                command: click.Command = getattr(import_module(module), name)
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.summary) for entry in COMMANDS])


def _version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from syncd import __version__  # noqa: PLC0415 - kept out of the start

        click.echo(f"syncd {__version__}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
def cli() -> None:
    """Keep stock the same between INVENTORUM (Shore POS) and web shops.

    Exit codes: 0 fine, 1 temporary failure, 2 wrong usage, 3 a person must decide, 4 audit found differences,
    5 re-authorisation needed, 78 configuration.
    """


add_shared_options(cli)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``syncd`` and return its exit code."""
    from syncd.cli.failure import run_guarded  # noqa: PLC0415 - the guard and its friends stay importable from here

    return run_guarded(cli, argv, CliContext())
