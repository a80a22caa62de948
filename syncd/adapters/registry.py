"""Adapters by name: entry points of group ``syncd.adapters``, imported only when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points

from syncd.adapters.base import AdapterFactory
from syncd.errors import ConfigError, ConfigProblem

GROUP = "syncd.adapters"


class Factories(Mapping[str, AdapterFactory]):
    """The installed adapters; a lookup imports that adapter alone, so that one broken plugin harms nobody else.

    Args:
        found: Entry points to choose from.

    Raises:
        ConfigError: From a lookup: the adapter cannot be imported, is not a factory, or calls itself differently.
            From the constructor: two packages claim the same name.
    """

    def __init__(self, found: tuple[EntryPoint, ...]) -> None:
        self._found: dict[str, EntryPoint] = {}
        self._loaded: dict[str, AdapterFactory] = {}
        for entry in found:
            other = self._found.setdefault(entry.name, entry)
            if other.value != entry.value:
                raise _broken(entry, f"two installed packages provide it: {_origin(other)} and {_origin(entry)}")

    def __getitem__(self, kind: str) -> AdapterFactory:
        if kind not in self._loaded:
            self._loaded[kind] = _load(self._found[kind])
        return self._loaded[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._found))

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, kind: object) -> bool:
        return kind in self._found


def installed() -> Factories:
    """Find the installed adapters without importing any."""
    return Factories(tuple(entry_points(group=GROUP)))


def load_factories() -> dict[str, AdapterFactory]:
    """Import every installed adapter.

    Returns:
        Factories by kind.

    Raises:
        ConfigError: An adapter is broken; names it and the package it comes from.
    """
    return dict(installed())


def _load(entry: EntryPoint) -> AdapterFactory:
    try:
        factory = entry.load()
    except Exception as error:
        raise _broken(entry, f"{_origin(entry)} cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(factory, AdapterFactory):
        raise _broken(entry, f"{_origin(entry)} names a {type(factory).__name__}, not an AdapterFactory")
    if factory.kind != entry.name:
        raise _broken(entry, f'{_origin(entry)} calls itself "{factory.kind}"')
    return factory


def _broken(entry: EntryPoint, message: str) -> ConfigError:
    return ConfigError("installed adapters", [ConfigProblem(entry.name, message)])


def _origin(entry: EntryPoint) -> str:
    package = f" (package {entry.dist.name} {entry.dist.version})" if entry.dist else ""
    return f"{entry.value}{package}"
