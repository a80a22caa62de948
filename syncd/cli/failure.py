"""How every command fails: one message, what to do, the documented exit code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from syncd.errors import (
    AuthRejected,
    ConfigError,
    DatabaseExchanged,
    DatabaseUnavailable,
    InvalidResponse,
    LeaseLost,
    OutcomeUnknown,
    PermissionMissing,
    SafetyStop,
    StateError,
    SyncdError,
    Transient,
    Untrusted,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.cli.command import CliContext

INTERRUPTED = 130

_ADVICE: tuple[tuple[type[SyncdError], str], ...] = (
    (AuthRejected, "put new credentials for this side into the configuration, then run `syncd check`"),
    (PermissionMissing, "give the credential this right, or make a new one that has it, then run `syncd check`"),
    (
        Untrusted,
        "nothing was sent: renew the certificate, or name its authority as `ca` for this side; or it is not the side",
    ),
    (Transient, "nothing was changed; try again in a few minutes"),
    (OutcomeUnknown, "the next run finds out whether it took effect; nothing is sent twice"),
    (InvalidResponse, "check the address; something between may answer in place of the side"),
    (
        SafetyStop,
        "look at `syncd plan` and `syncd findings`; if it is right, `syncd approve` with the number of the finding",
    ),
    (DatabaseExchanged, "start it again: it looks at what is there now; nothing more was written here"),
    (LeaseLost, "another syncd is at work on this database; nothing more was written here"),
    (DatabaseUnavailable, "try again; if it stays, look at the disk or the database server"),
    (StateError, "this is a mistake in syncd; keep a copy of the database (`syncd db backup FILE`) and report it"),
)


def run_guarded(cli: click.Group, argv: Sequence[str] | None, context: CliContext) -> int:
    """Run the command line and turn whatever happens into a message and an exit code."""
    wants_json = "--json" in (sys.argv[1:] if argv is None else argv)
    try:
        code = cli.main(args=argv, prog_name="syncd", obj=context, standalone_mode=False)
        sys.stdout.flush()
    except SyncdError as error:
        return _syncd_error(error, context)
    except click.Abort as error:
        return INTERRUPTED if isinstance(error.__cause__, KeyboardInterrupt) else 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except click.ClickException as error:
        context.json = context.json or wants_json
        return _usage_error(error, context)
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain about it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except Exception as error:  # noqa: BLE001 - the last line of defence; everything expected is above
        return _unexpected(error, context)
    return code if isinstance(code, int) else 0


def advice_for(error: SyncdError) -> str:
    """What a person can do about an error; empty if its message says so itself."""
    return next((words for kind, words in _ADVICE if isinstance(error, kind)), "")


def error_document(error: SyncdError) -> dict[str, Any]:
    """An error as ``--json`` shows it."""
    document: dict[str, Any] = {
        "kind": type(error).__name__,
        "message": _clean(str(error)),
        "advice": advice_for(error),
        "exit_code": error.exit_code,
    }
    for name in ("side", "request", "counts"):
        if hasattr(error, name):
            document[name] = getattr(error, name)
    if isinstance(error, ConfigError):
        document["file"] = error.source
        document["problems"] = [{"path": p.path, "message": _clean(p.message)} for p in error.problems]
    return document


def _syncd_error(error: SyncdError, context: CliContext) -> int:
    if context.json:
        context.emit({"error": error_document(error)})
        return error.exit_code
    if isinstance(error, ConfigError):
        count = len(error.problems)
        lines = [f"error: {error.source} has {count} problem{'' if count == 1 else 's'}"]
        lines += [f"  {problem}" for problem in error.problems]
    else:
        lines = [f"error: {error}"]
        if advice := advice_for(error):
            lines.append(f"  {advice}")
    for line in lines:
        click.echo(_clean(line), err=True)
    return error.exit_code


def _usage_error(error: click.ClickException, context: CliContext) -> int:
    if context.json:
        context.emit(
            {"error": {"kind": "Usage", "message": error.format_message(), "exit_code": error.exit_code, "advice": ""}}
        )
    else:
        error.show()
    return error.exit_code


def _unexpected(error: Exception, context: CliContext) -> int:
    from syncd.log import log, setup_logging  # noqa: PLC0415 - only when something broke

    if "config" not in vars(context):
        setup_logging("WARNING", env=context.env)
    log.opt(exception=error).debug("cli.unexpected")
    message = _clean(f"unexpected {type(error).__name__}: {error}")
    if context.json:
        advice = 'log_level = "DEBUG" shows where'
        context.emit({"error": {"kind": "Unexpected", "message": message, "exit_code": 1, "advice": advice}})
    else:
        click.echo(f'error: {message}\n  this is a mistake in syncd; log_level = "DEBUG" shows where', err=True)
    return 1


def _clean(text: str) -> str:
    from syncd.log import without_secrets  # noqa: PLC0415 - only when something broke
    from syncd.visible import visible  # noqa: PLC0415

    return visible(without_secrets(text))
