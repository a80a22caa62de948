"""The page about Vendure knows every key with its default, and every right."""

from __future__ import annotations

import json

from syncd.adapters.vendure.check import NEEDED, WANTED
from syncd.adapters.vendure.settings import VendureSettings
from tests.config.schema_keys import REQUIRED, keys_of
from tests.docs.pages import ROOT, table

PAGE = (ROOT / "docs" / "vendure.md").read_text("utf-8")
LOCK = json.loads((ROOT / "tests" / "vendure" / "package-lock.json").read_text("utf-8"))
PACKAGES = json.loads((ROOT / "tests" / "vendure" / "package.json").read_text("utf-8"))["dependencies"]


def test_the_page_names_every_key_with_its_default() -> None:
    rows = {cells[0].strip("`"): (cells[1].strip("`"), "**secret**" in cells[2]) for cells in table(PAGE, "### Keys")}
    assert rows == {key.name: (key.default, key.secret) for key in keys_of("", VendureSettings)}
    assert (REQUIRED, False) in rows.values()


def test_the_page_names_every_right_that_the_check_asks_for() -> None:
    named = {cell.strip("`, ()") for row in table(PAGE, "### Rights") for cell in row[1].split("`")}
    assert {right for rights in (*NEEDED.values(), *WANTED.values()) for right in rights} <= named


def test_the_version_that_is_proved_against_is_the_one_that_is_installed() -> None:
    assert f"Vendure {PACKAGES['@vendure/core']}" in PAGE
    installed = {name: LOCK["packages"][f"node_modules/{name}"]["version"] for name in PACKAGES}
    assert installed == PACKAGES


def test_the_lock_names_no_registry() -> None:
    assert not [name for name, package in LOCK["packages"].items() if "resolved" in package]


def test_the_dependencies_page_names_the_packages() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    assert [name for name in PACKAGES if f"`{name}`" not in page] == []
