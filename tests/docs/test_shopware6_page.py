"""The page about Shopware 6 knows every key with its default."""

from __future__ import annotations

from syncd.adapters.shopware6.check import RIGHTS
from syncd.adapters.shopware6.settings import Shopware6Settings
from tests.config.schema_keys import REQUIRED, keys_of
from tests.docs.pages import ROOT, table

PAGE = (ROOT / "docs" / "shopware6.md").read_text("utf-8")


def test_the_page_names_every_key_with_its_default() -> None:
    rows = {cells[0].strip("`"): (cells[1].strip("`"), "**secret**" in cells[2]) for cells in table(PAGE, "### Keys")}
    assert rows == {key.name: (key.default, key.secret) for key in keys_of("", Shopware6Settings)}
    assert (REQUIRED, True) in rows.values()


def test_the_page_names_every_right_that_the_check_asks_for() -> None:
    named = {cell.strip("`, ") for row in table(PAGE, "### Rights") for cell in row[1].split("`")}
    assert set(RIGHTS) <= named
