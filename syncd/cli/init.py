"""``syncd init``: write a configuration to begin with."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.adapters.registry import installed
from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.example import render, secret_name
from syncd.config import find_config, load_config
from syncd.config.explain import is_secret, nearest, purpose
from syncd.config.modes import private_mode, shared_with_group
from syncd.config.places import LOCAL_NAME, SYSTEM_PATH, account_of, state_folder
from syncd.config.schema import HUB, SHOP_NAME
from syncd.config.secrets import env_name
from syncd.errors import ConfigError, SyncdError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from syncd.adapters.base import AdapterFactory


@dataclass
class _Answers:
    """Everything that was given, asked or left open."""

    ask: bool
    env: Mapping[str, str]
    folder: Path
    secrets_dir: str
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    kept: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def value(self, given: str | None, question: str, key: str, default: str = "") -> str:
        """Take what was given, else ask, else the default."""
        if given is None and self.ask:
            given = str(click.prompt(question, default=default, show_default=bool(default), err=True)).strip()
        answer = default if given is None else given
        if not answer:
            self.open.append(key)
        return answer

    def secret(self, side: str, key: str, question: str) -> str:
        """Take a secret from the environment or ask; returns the file that it will be in.

        What is there already stays, and is not asked for: an answer that is thrown away would look taken.
        """
        name = f"{self.secrets_dir}/{secret_name(side, key)}"
        if _has_content(self.folder / name):
            self.kept.append(name)
            return name
        value = self.env.get(env_name(side, key), "")
        if not value and self.ask:
            value = str(
                click.prompt(f"{question} (not shown)", default="", hide_input=True, show_default=False, err=True)
            )
        self.secrets[name] = value.strip()
        return name

    def settings(self, side: str, model: type[BaseModel], given: Mapping[str, str | None]) -> dict[str, str]:
        """Collect the required keys of an adapter's settings, and what was given of the others."""
        values: dict[str, str] = {}
        prefix = side if side == HUB else f"shops.{side}"
        for key, item in model.model_fields.items():
            question = f"{prefix}: {purpose(item.description) if item.description else key.replace('_', ' ')}"
            if is_secret(item.annotation):
                if item.is_required():
                    values[f"{key}_file"] = self.secret(side, key, question)
            elif item.is_required():
                values[key] = self.value(given.get(key), question, f"{prefix}.{key}")
            elif (value := given.get(key)) is not None:
                values[key] = value
        return values


@click.command(cls=Command)
@click.option("--database", help="Where syncd keeps its state, for example sqlite:////var/lib/syncd/syncd.db.")
@click.option("--inventorum-base-url", help="Address of the INVENTORUM API, if not the usual one.")
@click.option("--inventorum-client-id", help="Id of the app made in INVENTORUM.")
@click.option("--shop", "shop_name", help="Name for the shop.  [default: main]")
@click.option("--adapter", help="The shop system.  [default: woocommerce]")
@click.option("--shop-url", help="Address of the shop.")
@click.option(
    "--secrets-dir",
    help="Folder for secrets, beside the configuration.  [default: secrets; secrets/NAME for a NAME.toml]",
)
@click.option("--no-input", is_flag=True, help="Ask nothing, even in a terminal.")
@click.option("--force", is_flag=True, help="Overwrite an existing configuration (never an existing secret).")
@pass_cli
def init(cli: CliContext, /, *, no_input: bool, force: bool, secrets_dir: str | None, **given: str | None) -> int:
    """Write a commented config.toml, and secrets into files that only you can read.

    In a terminal it asks for what the options leave open. Secrets are asked for, or taken from the environment
    (SYNCD_INVENTORUM_CLIENT_SECRET and so on); never from options, which other users can see. What stays open is
    listed at the end.
    """
    path = cli.config_path or Path(cli.env.get("SYNCD_CONFIG") or LOCAL_NAME)
    if _is_there(path) and not force:
        raise click.UsageError(f"{path} exists already; --force overwrites it, --config FILE writes another")
    ask = not no_input and not cli.json and sys.stdin.isatty() and sys.stderr.isatty()
    secrets_dir = secrets_dir or "/".join(("secrets", *account_of(path)))
    answers = _Answers(ask=ask, env=cli.env, folder=path.parent, secrets_dir=secrets_dir)
    text = _fill(answers, path, given)
    _write(path, text, answers)
    _report(cli, path, answers)
    return 0


def _fill(answers: _Answers, path: Path, given: Mapping[str, str | None]) -> str:
    factories = installed()
    database = answers.value(given["database"], "Database", "syncd.database", _default_database(path))
    hub_given = {"base_url": given["inventorum_base_url"], "client_id": given["inventorum_client_id"]}
    hub = answers.settings(HUB, factories[HUB].settings_model, hub_given)
    shop = answers.value(given["shop_name"], "Name for the shop", "shops", "main")
    if shop == HUB or not SHOP_NAME.fullmatch(shop):
        raise click.UsageError(f'"{shop}" cannot be the name of a shop: use a-z, 0-9, _ and -')
    kinds = [kind for kind in factories if kind != HUB]
    kind = answers.value(given["adapter"], f"Shop system ({', '.join(kinds)})", "shops.adapter", "woocommerce")
    if kind not in kinds:
        raise click.UsageError(f'"{kind}" is not a known adapter{nearest(kind, kinds)}; installed: {", ".join(kinds)}')
    factory: AdapterFactory = factories[kind]
    values = answers.settings(shop, factory.settings_model, {"url": given["shop_url"]})
    return render({"syncd": {"database": database}, HUB: hub}, shop, factory, values)


def _default_database(path: Path) -> str:
    """Beside the configuration; for the service in its own folder, that of the account for one of several."""
    if path.absolute().parent == SYSTEM_PATH.parent:
        return f"sqlite:///{state_folder(path, {}) / 'syncd.db'}"
    return f"sqlite:///{'.'.join((*account_of(path), 'syncd.db'))}"


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise SyncdError(f"{path}: cannot be looked for: {error.strerror}; run this as root") from error


def _has_content(file: Path) -> bool:
    return _is_there(file) and file.stat().st_size > 0


def _write(path: Path, text: str, answers: _Answers) -> None:
    """Write secrets first, then the configuration."""
    try:
        for name, value in answers.secrets.items():
            file = path.parent / name
            _make_folder(file.parent)
            _write_private(file, f"{value}\n" if value else "")
            if not value:
                answers.open.append(name)
        _write_private(path, text)
    except OSError as error:
        raise SyncdError(f"{error.filename}: cannot be written: {error.strerror}") from error


def _make_folder(folder: Path) -> None:
    """Make a folder for secrets: closed, or shared with the group like the one above (/etc/syncd/secrets)."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    if shared_with_group(folder.parent):
        folder.chmod(0o2750)


def _write_private(file: Path, text: str) -> None:
    """Replace a file at once by one that only its owner can read, and the group that its folder is shared with."""
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), private_mode(file.parent))
        stream.write(text)
    part.replace(file)


def _report(cli: CliContext, path: Path, answers: _Answers) -> None:
    problems: list[dict[str, Any]] = []
    try:
        load_config(path, cli.env)
    except ConfigError as error:
        problems = [{"path": problem.path, "message": problem.message} for problem in error.problems]
    secrets = sorted({*answers.secrets, *answers.kept})
    cli.emit(
        {"config": str(path), "secrets": secrets, "kept": answers.kept, "open": answers.open, "problems": problems}
    )
    cli.say(f"wrote {path}")
    for name in answers.secrets:
        cli.say(f"wrote {path.parent / name}")
    for name in answers.kept:
        cli.say(f"kept {path.parent / name}, which was there already; to be asked for another, remove it first")
    if problems:
        cli.say("\nstill to be filled in:")
        for problem in problems:
            cli.say(f"  {problem['path']}: {problem['message']}")
    option = "" if _is_found(path, cli.env) else f" --config {shlex.quote(str(path))}"
    cli.say(f"\nnext: `syncd db upgrade{option}`, then `syncd check{option}`")


def _is_found(path: Path, env: Mapping[str, str]) -> bool:
    """Whether commands find this file without being told."""
    try:
        return find_config(None, env).absolute() == path.absolute()
    except ConfigError:
        return False
