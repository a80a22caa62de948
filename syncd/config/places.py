"""Where things lie on an installed machine (docs/install.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL_NAME = "config.toml"
SYSTEM_PATH = Path("/etc/syncd/config.toml")
_STATE = Path("/var/lib/syncd")


def account_of(config: Path) -> tuple[str, ...]:
    """Name of an account that is one of several (``berlin.toml``); its secrets and database are its own."""
    return () if config.name == LOCAL_NAME or config.suffix != ".toml" else (config.stem,)


def state_folder(config: Path, env: Mapping[str, str]) -> Path:
    """The folder where the service may write: the same for commands that people run, to whom systemd does not say it.

    Args:
        config: The configuration file. Where it is not among those of the system: its own folder.
        env: Environment; systemd names the folder in ``STATE_DIRECTORY`` (the first one, if there are more).
    """
    if given := env.get("STATE_DIRECTORY", "").partition(":")[0]:
        return Path(given)
    folder = config.absolute().parent
    if folder == SYSTEM_PATH.parent:
        return _STATE.joinpath(*account_of(config))
    return folder
