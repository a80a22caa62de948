"""What every command shares: ``--config`` and ``--json`` before or after it, and the context they fill."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from syncd.visible import visible, visible_json

if TYPE_CHECKING:
    from rich.console import Console

    from syncd.config import Config

CommandT = TypeVar("CommandT", bound=click.Command)

_LINE_EVERY_S = 5.0


@dataclass
class CliContext:
    """State of one invocation.

    Attributes:
        env: Environment.
        config_path: From ``--config``.
        json: From ``--json``: standard output carries exactly one JSON document.
    """

    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    config_path: Path | None = None
    json: bool = False

    @cached_property
    def config(self) -> Config:
        """The configuration, loaded on first use; the log follows it from then on.

        Raises:
            ConfigError: It cannot be used.
        """
        from syncd.config import find_config, load_config  # noqa: PLC0415 - kept out of the start

        config = load_config(find_config(self.config_path, self.env), self.env)
        from syncd.log import register_secrets, setup_logging  # noqa: PLC0415 - kept out of the start

        register_secrets(*config.secrets)
        setup_logging(config.syncd.log_level, config.syncd.log_format, env=self.env)
        return config

    @cached_property
    def console(self) -> Console:
        """Standard output for people. Lines are never wrapped when nobody looks at them in a terminal."""
        from rich.console import Console  # noqa: PLC0415 - kept out of the start

        return Console(file=sys.stdout, soft_wrap=not sys.stdout.isatty(), markup=False, highlight=False, emoji=False)

    def say(self, text: str = "", style: str | None = None) -> None:
        """Print a line for people; silent with ``--json``."""
        if not self.json:
            self.console.print(shown(text), style=style)

    def mark(self, ok: bool | None, text: str) -> None:
        """Print a line with a tick, a cross, or (``None``) an exclamation mark."""
        sign, style = {True: ("✓", "green"), False: ("✗", "red"), None: ("!", "yellow")}[ok]
        if not self.json:
            self.console.print(sign, style=style, end=" ")
            self.console.print(shown(text))

    def complain(self, text: str) -> None:
        """Print a line on standard error; silent with ``--json``."""
        if not self.json:
            click.echo(shown(text), err=True)

    def emit(self, document: Any) -> None:
        """Print the JSON document of this command; silent without ``--json``."""
        if self.json:
            from syncd.http.redact import hide  # noqa: PLC0415 - kept out of the start

            text = json.dumps(_mapped(document, hide), ensure_ascii=False, default=_jsonable, indent=2)
            click.echo(visible_json(text))

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int | None], None]]:
        """Show the progress of long work on standard error: a bar on a terminal, else a line now and then.

        Yields:
            A function to be called with how many are done, and of how many (``None``: unknown).
        """
        if not sys.stderr.isatty():
            yield _Lines(what)
            return
        from rich.console import Console  # noqa: PLC0415 - kept out of the start
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
            task = bar.add_task(what, total=None)

            def update(done: int, of: int | None = None) -> None:
                bar.tasks[0].total = of  # `bar.update` takes None for "as before"
                bar.update(task, completed=done)

            yield update


class _Lines:
    """Progress where nobody watches: one line every few seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._next_at = time.monotonic() + _LINE_EVERY_S

    def __call__(self, done: int, of: int | None = None) -> None:
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + _LINE_EVERY_S
            click.echo(f"{self._what}: {done}{f' of {of}' if of is not None else ''}", err=True)


pass_cli = click.make_pass_decorator(CliContext)


class Command(click.Command):
    """A command that takes the shared options; its callback may return an exit code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        add_shared_options(self)

    def invoke(self, ctx: click.Context) -> Any:
        """Set up a quiet log first: nothing may be logged by library defaults."""
        from syncd.log import setup_logging  # noqa: PLC0415 - kept out of the start

        setup_logging("WARNING")
        return super().invoke(ctx)


class Group(click.Group):
    """A family of commands that take the shared options."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        add_shared_options(self)


def add_shared_options(command: CommandT) -> CommandT:
    """Give a command ``--config`` and ``--json``; both may stand before or after it, the last one counts."""
    command.params += [
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            expose_value=False,
            callback=_keep_config,
            help="Configuration file.  [default: $SYNCD_CONFIG, ./config.toml, /etc/syncd/config.toml]",
        ),
        click.Option(
            ["--json"], is_flag=True, expose_value=False, callback=_keep_json, help="Print one JSON document."
        ),
    ]
    return command


def _keep_config(ctx: click.Context, _param: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(CliContext).config_path = value


def _keep_json(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(CliContext).json = True


def shown(text: str) -> str:
    """A line for people: without secrets, and without what a product's name could do to a terminal.

    Lines end where we begin or end with one; one inside is part of a name.
    """
    from syncd.http.redact import hide  # noqa: PLC0415 - kept out of the start

    inner = text.strip("\n")
    before, _, after = text.partition(inner) if inner else (text, "", "")
    return f"{before}{visible(hide(inner))}{after}"


def _mapped(value: object, change: Callable[[str], str]) -> object:
    """A document with all its texts changed; numbers stay what they are."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(key)): _mapped(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, change) for item in value]
    return value


def _jsonable(value: object) -> object:
    """JSON for the types of the domain; whole quantities are numbers, others keep their exact digits as text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
