"""``syncd db key`` and ``syncd db rekey``: the key that tokens are sealed with in the database."""

from __future__ import annotations

import os
from pathlib import Path

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.opening import database, leadership
from syncd.config.modes import private_mode
from syncd.errors import ConfigError, ConfigProblem, SyncdError
from syncd.state.seal import Seal, key_id, new_key, read_key
from syncd.state.tokens import forget_lost, keep_all

_NAMES = "database_key_file, or however it is given"


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@pass_cli
def key(cli: CliContext, file: Path | None) -> None:
    """Make a new key for `database_key`, into FILE or onto standard output. Needs no configuration.

    FILE must not exist. Only its owner can read it; in a folder that hands its group on, that group, too.
    """
    made = new_key()
    identity = key_id(read_key(made))
    if file is None:
        cli.emit({"key": made, "id": identity})
        cli.say(made)
        return
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            os.fchmod(stream.fileno(), private_mode(file.absolute().parent))
            stream.write(f"{made}\n")
    except FileExistsError as error:
        words = "name a new file; a key that is overwritten opens nothing any more"
        raise click.UsageError(f"{file} exists already: {words}") from error
    except OSError as error:
        raise SyncdError(f"{file}: cannot be written: {error.strerror}") from error
    cli.emit({"file": str(file), "id": identity})
    cli.say(f"{file}: key {identity}; name it as database_key_file in [syncd], and keep a copy apart from backups")


@click.command(cls=Command)
@click.option("--remove", is_flag=True, help="Open the tokens for good: they are plain in the database again.")
@click.option("--forget", is_flag=True, help="Delete tokens whose key is lost; their sides must be authorised again.")
@pass_cli
def rekey(cli: CliContext, *, remove: bool, forget: bool) -> None:
    """Seal the tokens in the database with `database_key`; those of `database_key_former` and plain ones, too.

    The daemon does the same when it starts. Runs beside no daemon, which might have other keys.
    Stopped anywhere, the same keys open everything, and it is run again.
    """
    if remove and forget:
        raise click.UsageError("--remove and --forget exclude each other")
    given = cli.config.syncd
    seal = Seal.of(given.database_key, given.database_key_former)
    if not seal.current and not forget:
        words = "missing: the key to seal with, or with --remove to open with; `syncd db key FILE` makes one"
        raise ConfigError(str(cli.config.source), [ConfigProblem("syncd.database_key", words)])
    with database(cli) as opened, leadership(cli, opened):
        if forget:
            forgotten = list(forget_lost(opened, seal))
            cli.emit({"forgotten": forgotten})
            cli.say(f"forgotten: {', '.join(forgotten) or 'nothing, every token can be opened'}")
            for name in forgotten:
                cli.mark(None, f"{name}: put a new token into the configuration, then run `syncd check`")
            return
        changed = keep_all(opened, seal, "" if remove else seal.current)
    cli.emit({"changed": changed, "key": None if remove else seal.current})
    if remove:
        cli.say(f"plain again: {', '.join(changed) or 'nothing, no token was sealed'}")
        cli.mark(None, f"take the key out of the configuration now ({_NAMES}): with it the next start seals them again")
    else:
        cli.say(f"sealed with key {seal.current}: {', '.join(changed) or 'nothing to do'}")
        if given.database_key_former is not None:
            cli.mark(None, "database_key_former is not needed any more, but for old backups")
