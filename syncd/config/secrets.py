"""Where secrets come from: the environment, systemd credentials, files, or the configuration itself.

The first of these that has a value counts:

1. environment ``SYNCD_<SIDE>_<KEY>``, for example ``SYNCD_INVENTORUM_REFRESH_TOKEN``
2. systemd credential ``$CREDENTIALS_DIRECTORY/<side>-<key>``, for example ``main-consumer-secret``
3. ``<key>_file`` or ``<key>`` in the configuration (both at once is a mistake)
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.config.explain import describe, key_path
from syncd.config.modes import open_to_all, open_to_group, strangers_of
from syncd.errors import ConfigProblem

_LARGEST_BYTES = 64 * 1024


def env_name(side: str, key: str) -> str:
    """Name of the environment variable for a secret; ``side`` is empty for ``[syncd]``."""
    return "_".join(part.upper().replace("-", "_") for part in ("syncd", side, key) if part)


def credential_name(side: str, key: str) -> str:
    """Name of the systemd credential for a secret; ``side`` is empty for ``[syncd]``."""
    return "-".join(part.replace("_", "-") for part in (side, key) if part)


@dataclass(slots=True)
class SecretReader:
    """Finds secrets and collects what is wrong with them.

    Attributes:
        base: Directory of the configuration; ``*_file`` is relative to it.
        env: Environment.
        problems: Mistakes found so far; never contain a secret.
        warnings: Unwise things found so far.
        values: Secrets found so far.
        inline: Key paths of those that stand in the configuration itself.
        places: By key path of a secret: where the one that counts was given, as its owner wrote it.
    """

    base: Path
    env: Mapping[str, str]
    problems: list[ConfigProblem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list, repr=False)
    inline: list[str] = field(default_factory=list)
    places: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def find(self, table: Mapping[str, Any], prefix: tuple[str, ...], side: str, key: str) -> str | None:
        """Return the secret ``key`` of a table, or ``None`` if no source has it (or its source is broken).

        Args:
            table: The TOML table.
            prefix: Its key path.
            side: Name of the side; empty for ``[syncd]``.
            key: Name of the secret.
        """
        inline, file = table.get(key), table.get(f"{key}_file")
        if inline is not None and file is not None:
            self._problem((*prefix, key), f"given twice, here and as {key}_file: keep one")
            return None
        value = self.env.get(env_name(side, key)) or None
        path = (*prefix, key)
        if value is None and (directory := self.env.get("CREDENTIALS_DIRECTORY")):
            credential = Path(directory) / credential_name(side, key)
            if self._is_there(credential, path):
                value = self._read(credential, path, f"credential {credential.name}")
        if value is None and file is not None:
            path = (*prefix, f"{key}_file")
            value = self._from_file(file, path)
        elif value is None and inline is not None:
            value = self._inline(inline, path)
        self.places[key_path(*prefix, key)] = path
        return self._usable(value, path)

    def place_of(self, prefix: tuple[str, ...], key: str) -> tuple[str, ...]:
        """Key path by which a secret was given: its own, or that of its file; its own if it was not looked for."""
        return self.places.get(key_path(*prefix, key), (*prefix, key))

    def sources(self, side: str, key: str) -> str:
        """Say where a secret may be given."""
        return f"{key}_file, {key}, credential {credential_name(side, key)}, or environment {env_name(side, key)}"

    def _problem(self, path: tuple[str, ...], message: str) -> None:
        self.problems.append(ConfigProblem(key_path(*path), message))

    def _is_there(self, credential: Path, path: tuple[str, ...]) -> bool:
        try:
            return credential.is_file()
        except PermissionError as error:
            self._problem(
                path, f"credential {credential.name} cannot be looked for: {credential.parent}: {error.strerror}"
            )
            return False

    def _inline(self, value: object, path: tuple[str, ...]) -> str | None:
        if isinstance(value, str) and value.strip():
            self.inline.append(key_path(*path))
            return value
        self._problem(
            path, "is empty" if isinstance(value, str) else f'must be text in "quotes", not {describe(value)}'
        )
        return None

    def _from_file(self, name: object, path: tuple[str, ...]) -> str | None:
        if not isinstance(name, str) or not name:
            self._problem(path, f'must be a file name in "quotes", not {describe(name) if name != "" else "empty"}')
            return None
        file = self.base / Path(name).expanduser()
        text = self._read(file, path, str(file))
        if text is None:
            return None
        if open_to_all(file):
            self._problem(path, f"{file} is open to everyone on this machine: chmod o= {shlex.quote(str(file))}")
        elif group := strangers_of(file):
            self.warnings.append(f"{key_path(*path)}: {open_to_group(file, group)}")
        return text

    def _read(self, file: Path, path: tuple[str, ...], shown: str) -> str | None:
        try:
            with file.open("rb") as stream:
                raw = stream.read(_LARGEST_BYTES + 1)
            text = raw.decode("utf-8-sig").rstrip("\r\n")
        except FileNotFoundError:
            self._problem(path, f"{shown} does not exist")
        except IsADirectoryError:
            self._problem(path, f"{shown} is a directory")
        except UnicodeDecodeError:
            self._problem(path, f"{shown} is not UTF-8 text")
        except OSError as error:
            self._problem(path, f"{shown} cannot be read: {error.strerror}")
        else:
            if len(raw) > _LARGEST_BYTES:
                self._problem(path, f"{shown} is larger than {_LARGEST_BYTES} bytes: not a secret")
            elif not text.strip():
                self._problem(path, f"{shown} is empty")
            else:
                return text
        return None

    def _usable(self, value: str | None, path: tuple[str, ...]) -> str | None:
        if value is None:
            return None
        self.values.append(value)
        if any(ord(char) < 32 for char in value):
            self._problem(path, "contains a line break or another control character")
            return None
        return value
