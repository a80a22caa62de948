"""Arrows point inward: who may import whom, and who may name a vendor."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import syncd

PACKAGE = Path(syncd.__file__).parent

IO_MODULES = {
    "alembic", "apscheduler", "click", "httpx", "loguru", "oauthlib", "psycopg", "pydantic", "requests", "rich",
    "sqlalchemy", "tenacity",
    "asyncio", "concurrent", "ftplib", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random",
    "secrets", "select", "shutil", "signal", "smtplib", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile",
    "threading", "time", "urllib", "uuid",
}  # fmt: skip

VENDORS = ("inventorum", "shorepos", "woocommerce", "wordpress", "shopify", "shopware", "vendure")

PROPOSED = {"woocommerce": "cli/init.py"}
"""What ``syncd init`` proposes to people who have not said which shop they have."""


def files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((PACKAGE / folder).rglob("*.py"))]
    assert found, f"nothing in {folders}"
    return found


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Absolute names of everything a file imports, also inside functions; ``from a import b`` counts as ``a.b``."""
    package = ".".join(("syncd", *path.relative_to(PACKAGE).parent.parts))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [base])])
            yield from ((f"{base}.{name.name}", node.lineno) for name in node.names)


def offences(folders: tuple[str, ...], forbidden: tuple[str, ...], allowed: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{path.relative_to(PACKAGE)}:{line} imports {name}"
        for path in files(*folders)
        for name, line in imports(path)
        if _under(name, forbidden) and not _under(name, allowed)
    ]


def _under(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def vendor_folders() -> tuple[str, ...]:
    return tuple(
        f"syncd.adapters.{path.name}" for path in (PACKAGE / "adapters").iterdir() if (path / "__init__.py").is_file()
    )


def test_the_core_is_pure() -> None:
    inner = ("syncd.core", "syncd.errors")
    assert offences(("core",), tuple(IO_MODULES)) == []
    assert offences(("core",), ("syncd",), inner) == []


def test_the_core_reads_no_clock() -> None:
    calls = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in files("core")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
    ]
    assert calls == []


def test_adapters_know_neither_state_nor_service_nor_commands() -> None:
    forbidden = ("syncd.state", "syncd.service", "syncd.cli", "syncd.config", "syncd.demo", "syncd.simulators")
    assert offences(("adapters",), (*forbidden, "sqlalchemy", "click", "rich", "apscheduler")) == []


def test_adapters_do_not_know_each_other() -> None:
    for folder in vendor_folders():
        others = tuple(other for other in vendor_folders() if other != folder)
        assert offences((f"adapters/{folder.rpartition('.')[2]}",), others) == []


def test_http_is_built_in_one_place() -> None:
    elsewhere = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "http"]
    users = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in elsewhere
        for name, line in imports(path)
        if _under(name, ("httpx", "httpcore", "requests", "urllib3", "aiohttp"))
    ]
    assert users == []


def test_http_knows_nobody() -> None:
    assert offences(("http",), ("syncd",), ("syncd.http", "syncd.errors", "syncd.__version__")) == []


def test_state_knows_no_vendor_no_network_no_service() -> None:
    forbidden = (*vendor_folders(), "syncd.http", "syncd.service", "syncd.cli", "syncd.config", "httpx")
    assert offences(("state",), forbidden) == []


def test_the_service_knows_adapters_by_their_contract_alone() -> None:
    assert offences(("service",), (*vendor_folders(), "syncd.cli", "syncd.simulators", "click", "rich")) == []


def test_the_page_only_looks() -> None:
    """It knows what the service tells and the state keeps; nothing but the command that serves it knows the page."""
    forbidden = (*vendor_folders(), "syncd.adapters", "syncd.cli", "syncd.http", "syncd.simulators", "click", "rich")
    assert offences(("page",), forbidden) == []
    assert offences(("core", "adapters", "http", "state", "service", "config", "simulators"), ("syncd.page",)) == []


def test_nothing_but_tests_needs_the_suite() -> None:
    others = [path for path in PACKAGE.rglob("*.py") if PACKAGE / "testing" not in path.parents]
    users = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in others
        for name, line in imports(path)
        if _under(name, ("syncd.testing", "pytest"))
    ]
    assert users == []


def test_the_suite_knows_adapters_by_their_contract_alone() -> None:
    allowed = ("syncd.simulators.server", "syncd.simulators.catalogue", "syncd.simulators.pictures")
    assert offences(("testing",), (*vendor_folders(), "syncd.simulators"), allowed) == []
    assert offences(("testing",), ("syncd.state", "syncd.service", "syncd.cli", "syncd.config", "syncd.demo")) == []


def test_simulators_share_no_code_with_the_clients() -> None:
    assert offences(("simulators",), ("syncd",), ("syncd.simulators",)) == []


def test_every_vendor_with_an_adapter_is_looked_for() -> None:
    folders = {folder.rpartition(".")[2] for folder in vendor_folders()} - {"memory"}
    assert {folder for folder in folders if not re.search("|".join(VENDORS), folder)} == set()
    assert len(folders) >= 4


@pytest.mark.parametrize("folder", ["core", "http", "service", "testing", "adapters/memory"])
def test_no_vendor_is_named_outside_its_adapter(folder: str) -> None:
    named = [found for path in files(folder) for found in vendor_names(path)]
    assert named == []


def test_no_vendor_is_named_in_what_all_adapters_share() -> None:
    shared = [*PACKAGE.glob("*.py"), *(PACKAGE / "adapters").glob("*.py")]
    assert [found for path in shared for found in vendor_names(path)] == []


@pytest.mark.parametrize("folder", ["config", "cli", "state", "page"])
def test_people_are_told_of_the_till_alone(folder: str) -> None:
    named = [
        found
        for path in files(folder)
        for found in vendor_names(
            path, tuple(each for each in VENDORS[1:] if PROPOSED.get(each) != str(path.relative_to(PACKAGE)))
        )
    ]
    assert named == []


def vendor_names(path: Path, vendors: tuple[str, ...] = VENDORS) -> list[str]:
    """Identifiers and string literals with a vendor's name; docstrings and comments may explain."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    # A string that stands alone explains the assignment before it.
    docstrings |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    pattern = re.compile("|".join(vendors), re.IGNORECASE)
    return [
        f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', '?')} {word}"
        for node in ast.walk(tree)
        if id(node) not in docstrings
        for word in _words(node)
        if pattern.search(word.replace("_", ""))
    ]


def _words(node: ast.AST) -> list[str]:
    words: list[str] = []
    for name in ("id", "attr", "name", "arg", "module"):
        value = getattr(node, name, None)
        if isinstance(value, str):
            words.append(value)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        words.append(node.value)
    return words


def test_this_test_sees_what_it_looks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "bad.py").write_text(
        '"""WooCommerce is explained here."""\n'
        "from ..state import models\n"
        "def read():\n"
        "    import time\n"
        "    WOO_COMMERCE = 'Shopify'  # shopware\n"
        "    return WOO_COMMERCE\n"
    )
    assert offences(("core",), ("time", "syncd.state")) == [
        "core/bad.py:2 imports syncd.state.models",
        "core/bad.py:4 imports time",
    ]
    assert sorted(vendor_names(tmp_path / "core" / "bad.py")) == [
        "core/bad.py:5 Shopify",
        "core/bad.py:5 WOO_COMMERCE",
        "core/bad.py:6 WOO_COMMERCE",
    ]
