"""The example and the reference page know every key of the schema, with its default, and no other."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import certifi

from syncd.cli.example import example_text
from syncd.config import load_config

from .schema_keys import NOT_SET, REQUIRED, Key, all_keys

ROOT = Path(__file__).parents[2]
ENV = {
    "SYNCD_INVENTORUM_CLIENT_SECRET": "a",
    "SYNCD_INVENTORUM_REFRESH_TOKEN": "b",
    "SYNCD_MAIN_CONSUMER_KEY": "ck_c",
    "SYNCD_MAIN_CONSUMER_SECRET": "cs_d",
}


def _tables(document: dict[str, Any], prefix: str = "") -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for name, value in document.items():
        if isinstance(value, dict) and not name.startswith("max_") and name not in {"buffers", "tax_classes"}:
            found |= _tables(value, f"{prefix}.{name}".strip("."))
        else:
            found[prefix, name] = value
    return found


def _uncommented() -> str:
    """The example with every ``#key = value`` line switched on; prose has a space after its ``#``."""
    return re.sub(r"(?m)^#(?=[a-z_]+ = )", "", example_text())


def _named(key: Key) -> str:
    return f"{key.name}_file" if key.secret and key.name != "database" else key.name


def test_the_example_names_every_key_and_no_other() -> None:
    in_example = set(_tables(tomllib.loads(_uncommented())))
    assert in_example == {(key.table, _named(key)) for key in all_keys()}


def test_a_key_that_is_commented_out_shows_its_default() -> None:
    shown = _tables(tomllib.loads(_uncommented()))
    switched_on = _tables(tomllib.loads(example_text()))
    defaults = {(key.table, key.name): key.default for key in all_keys()}
    wrong = {
        place: value
        for place, value in shown.items()
        if place not in switched_on
        and not place[1].endswith("_file")
        and defaults[place] not in {NOT_SET, "{ }", "[]"}
        and tomllib.loads(f"x = {defaults[place]}")["x"] != value
    }
    assert wrong == {}


def test_the_example_is_valid_when_the_blanks_are_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    for text in (example_text(), _uncommented()):
        filled = re.sub(r"(?m)^(client_secret|refresh_token|consumer_key|consumer_secret)_file = .*$", "", text)
        filled = re.sub(r"(?m)^(database_key\w*)_file = .*$", rf'\1 = "{"ab" * 32}"', filled)
        filled = re.sub(r"(?m)^(media|mail)_password_file = .*$", r'\1_password = "x"', filled)
        filled = re.sub(r"(?m)^(\w+_url)_file = [^#\n]*", r'\1 = "https://x.example/x" ', filled)
        shutil.copy(certifi.where(), tmp_path / "my-ca.pem")
        path.write_text(filled.replace('client_id = ""', 'client_id = "app"'))
        assert load_config(path, ENV).shops["main"].kind == "woocommerce"


def test_the_reference_page_names_every_key_with_its_default() -> None:
    rows: dict[tuple[str, str], str] = {}
    table = ""
    for line in (ROOT / "docs" / "configuration.md").read_text("utf-8").splitlines():
        if heading := re.match(r"## `\[(.+)\]`$", line):
            table = heading[1].replace("NAME", "main")
        elif row := re.match(r"\| `(\w+)` \| `?([^|]*?)`? \| (.+) \|$", line):
            assert (table, row[1]) not in rows
            rows[table, row[1]] = row[2]
    assert rows == {(key.table, key.name): key.default for key in all_keys()}


def test_the_reference_page_marks_every_secret() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    marked = set(re.findall(r"(?m)^\| `(\w+)` .*\*\*secret\*\*", text))
    assert marked == {key.name for key in all_keys() if key.secret}


def test_every_key_without_default_says_what_it_is_for() -> None:
    assert [key for key in all_keys() if key.default == REQUIRED and not key.description] == []


def test_every_dependency_is_justified() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    wanted += project["dependency-groups"]["browser"]
    wanted += [name for extra in project["project"]["optional-dependencies"].values() for name in extra]
    names = {match[0] for text in wanted if (match := re.match(r"[A-Za-z0-9-]+", text))}
    first_cells = re.findall(r"(?m)^\| (`.*`) \|", (ROOT / "docs" / "dependencies.md").read_text("utf-8"))
    explained = {name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)}
    assert explained == names
