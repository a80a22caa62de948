"""Adapters come from entry points; a broken one is named and harms nobody else."""

import sys
import types
from importlib.metadata import EntryPoint

import pytest
from pydantic import BaseModel

from syncd.adapters import registry
from syncd.adapters.base import AdapterContext, AdapterFactory, SideAdapter
from syncd.errors import ConfigError


class _Settings(BaseModel):
    url: str


def _build(_context: AdapterContext) -> SideAdapter:
    raise AssertionError("not built here")


def _entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, registry.GROUP)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("some_plugin")
    module.FACTORY = AdapterFactory("corner", "Corner shop", _Settings, _build)  # type: ignore[attr-defined]
    module.THING = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "some_plugin", module)
    return module


@pytest.mark.usefixtures("plugin")
def test_a_good_adapter_loads_beside_a_broken_one() -> None:
    found = registry.Factories((_entry("corner", "some_plugin:FACTORY"), _entry("gone", "no_such_module:FACTORY")))
    assert list(found) == ["corner", "gone"]
    assert len(found) == 2
    assert found["corner"].title == "Corner shop"
    with pytest.raises(ConfigError, match=r"gone: no_such_module:FACTORY cannot be imported: ModuleNotFoundError"):
        _ = found["gone"]


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("corner", "some_plugin:MISSING", "cannot be imported: AttributeError"),
        ("corner", "some_plugin:THING", "names a object, not an AdapterFactory"),
        ("other", "some_plugin:FACTORY", 'calls itself "corner"'),
    ],
)
def test_every_way_to_be_broken_names_the_plugin(name: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        _ = registry.Factories((_entry(name, value),))[name]
    assert caught.value.problems[0].path == name
    assert value in str(caught.value)


def test_two_packages_with_the_same_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two installed packages provide it: a:FACTORY and b:FACTORY"):
        registry.Factories((_entry("corner", "a:FACTORY"), _entry("corner", "b:FACTORY")))


def test_an_unknown_name_is_a_key_error_and_not_an_import() -> None:
    with pytest.raises(KeyError):
        _ = registry.Factories(())["corner"]


def test_finding_adapters_imports_none_of_them() -> None:
    before = set(sys.modules)
    assert {"inventorum", "woocommerce"} <= set(registry.installed())
    new = set(sys.modules) - before
    assert not {name for name in new if name.startswith("syncd.adapters.")}
