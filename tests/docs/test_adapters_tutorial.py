"""docs/adapters.md is built, installed and run as it stands on the page."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from syncd.adapters.base import Capabilities
from tests.docs import tutorial
from tests.docs.pages import ROOT, table

LONGEST_ADAPTER = 300
BROKEN = {
    "a key that does not stay the same": (
        "client.py",
        '"Idempotency-Key": key}',
        '"Idempotency-Key": str(id(reply := object()))}',
        "again",
    ),
    "a web page is no 404": ("client.py", 'problem.code == "unknown_item"', "reply.status == 500", "gone or fetch"),
    "an unclear answer is no refusal": ("client.py", "if is_write:", "if not is_write:", "good_answer"),
    "an empty page is the end": (
        "client.py",
        "            if page.count < len(page.results) or (page.count and not page.results) or",
        "            if not page.results:\n                return\n            if",
        "damaged",
    ),
    "no overlap": ("adapter.py", " - self._overlap", "", "shows_late"),
    "fractions are cut": ("adapter.py", "write.difference != int(write.difference)", "False", "fractions"),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the page that are not installed, and what is installed below ``site``."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("corner-shop")
    tutorial.write_files(source)
    tutorial.install(source, folder / "site")
    write_others(folder)
    return folder


def write_others(folder: Path) -> None:
    """Write what is not part of the package."""
    for name, text in tutorial.files().items():
        if "/" not in name:
            (folder / name).write_text(text, encoding="utf-8")


def surroundings(site: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SYNCD_", "PYTEST_"))}
    return {**kept, "PYTHONPATH": str(site), "NO_COLOR": "1"}


def run_suite(folder: Path, site: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *options]
    return subprocess.run(
        [*command, "test_cornershop.py"],
        check=False, cwd=folder, env=surroundings(site), capture_output=True, text=True, timeout=200,
    )  # fmt: skip


def syncd(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "syncd", *words],
        check=False, cwd=folder, env=surroundings(folder / "site"), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def serving(folder: Path, *command: str) -> Iterator[str]:
    """Run a server of the page; yields its address, which it prints first."""
    with subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=surroundings(folder / "site"), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://[\d.:]+", process.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            process.terminate()


def tell(url: str, action: str, **arguments: object) -> Any:
    request = Request(f"{url}/_control/{action}", data=json.dumps(arguments).encode(), method="POST")  # noqa: S310
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server on loopback
        return json.load(answer)


def test_the_adapter_of_the_page_keeps_every_promise(shop: Path) -> None:
    done = run_suite(shop, shop / "site")
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 100


@pytest.mark.parametrize("name", BROKEN)
def test_the_suite_notices_a_promise_that_is_broken(shop: Path, tmp_path: Path, name: str) -> None:
    file, right, wrong, tests = BROKEN[name]
    tutorial.write_files(tmp_path)
    module = tmp_path / tutorial.PACKAGE / file
    whole = module.read_text("utf-8")
    assert whole.count(right) == 1
    module.write_text(whole.replace(right, wrong), encoding="utf-8")
    # Modules in the folder come before installed ones; the entry point is that of the installed package.
    done = run_suite(tmp_path, shop / "site", "-x", "-k", tests)
    assert done.returncode == 1, done.stdout + done.stderr


def test_stock_crosses_between_the_till_and_the_corner_shop(shop: Path) -> None:
    till_command = ("-m", "syncd.simulators.inventorum", "--port", "0", "--products", "20", "--variable", "0")
    page = tutorial.settings()
    with serving(shop, *till_command) as till, serving(shop, "server.py", "0") as corner:
        text = tutorial.files()["config.toml"]
        text = text.replace(page["inventorum"]["base_url"], f"{till}/api/")
        text = text.replace(page["shops"]["corner"]["url"], corner)  # type: ignore[index]  # a table in a table
        (shop / "config.toml").write_text(text)
        assert "Corner shop 3.2 answers" in syncd(shop, "check", "--config", "config.toml")
        syncd(shop, "sync", "--config", "config.toml")
        before = tell(till, "stock")
        assert {sku: Decimal(pieces) for sku, pieces in before.items()} == tell(corner, "stock")
        tell(corner, "sell", sku="S-00001", quantity=2)
        tell(till, "sale", sku="S-00002", quantity=1)
        syncd(shop, "sync", "--config", "config.toml")
        after = {sku: Decimal(pieces) for sku, pieces in before.items()}
        after["S-00001"] -= 2
        after["S-00002"] -= 1
        assert {sku: Decimal(pieces) for sku, pieces in tell(till, "stock").items()} == after
        assert tell(corner, "stock") == after
        assert "corner" in syncd(shop, "explain", "S-00001", "--config", "config.toml")


def test_the_adapter_is_small() -> None:
    lines = sum(len(text.splitlines()) for text in tutorial.adapter_modules().values())
    assert 0 < lines < LONGEST_ADAPTER


def test_the_page_imports_nothing_but_what_it_says_may_be_imported() -> None:
    rows = table(tutorial.PAGE.read_text("utf-8"), "## What may be imported")
    allowed = {name for row in rows for cell in row for name in re.findall(r"`(syncd[\w.]*)`", cell)}
    imported = {
        node.module
        for name, text in tutorial.files().items()
        if name.endswith(".py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "syncd"
    }
    assert imported
    assert {name for name in imported if name not in allowed and name.rpartition(".")[0] != "syncd.testing"} == set()


def test_the_page_explains_every_capability() -> None:
    explained = [row[0].strip("`") for row in table(tutorial.PAGE.read_text("utf-8"), "## Capabilities")]
    assert explained == [field.name for field in dataclasses.fields(Capabilities)]


def test_the_code_of_the_page_is_in_format(tmp_path: Path) -> None:
    tutorial.write_files(tmp_path)
    ruff = Path(sys.executable).with_name("ruff")
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    done = subprocess.run(
        [ruff, "format", "--check", *config, "."], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    # Tests speak by assert and need no docstrings, a server on this machine prints and has an invented password.
    done = subprocess.run(
        [ruff, "check", *config, "--ignore", "D10,S10,T201", "."],
        check=False, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
