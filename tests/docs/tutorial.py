"""The files that stand in docs/adapters.md, and the shop that is built from them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "adapters.md"
PACKAGE = "syncd_cornershop"

_BLOCK = re.compile(r"^`([\w./-]+)`(, goes on)?:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def files() -> dict[str, str]:
    """Each file's text by its name; blocks that go on with a file are put to its end, as a reader would."""
    found: dict[str, str] = {}
    for name, goes_on, text in _BLOCK.findall(PAGE.read_text("utf-8")):
        assert bool(goes_on) == (name in found), f"{name} is begun twice, or goes on before it is begun"
        gap = "\n" if text.startswith(" ") else "\n\n"
        found[name] = f"{found[name]}{gap}{text}" if goes_on else text
    return found


def adapter_modules() -> dict[str, str]:
    """The modules of the adapter alone."""
    return {name: text for name, text in files().items() if name.startswith(f"{PACKAGE}/")}


def write_files(folder: Path) -> None:
    """Write every file as a reader does."""
    for name, text in files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def install(source: Path, site: Path) -> None:
    """Install the package that lies in ``source`` into the folder ``site``, without any network."""
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(site), str(source)], check=True, timeout=120
    )


def settings() -> dict[str, dict[str, str]]:
    """The configuration of the page."""
    return tomllib.loads(files()["config.toml"])
