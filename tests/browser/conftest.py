"""One daemon and one browser for all tests here. ``BROWSER=all`` (``make browser``) demands them and tries all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.browser.driver import browser, missing
from tests.browser.stage import PageStage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

ALL = os.environ.get("BROWSER") == "all"


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageStage]:
    if lacks := missing():
        if ALL:
            pytest.fail(lacks, pytrace=False)
        pytest.skip(lacks)
    made = PageStage(tmp_path_factory.mktemp("browser"))
    try:
        made.open()
        made.live()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def chromium(stage: PageStage) -> Iterator[Browser]:
    assert stage.daemon.alive
    with browser() as running:
        yield running
