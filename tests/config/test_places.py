"""Commands that people run find what the service keeps, although systemd tells it to the service alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from syncd.config.places import state_folder

UNITS = Path(__file__).parents[2] / "systemd"


@pytest.mark.parametrize(
    ("unit", "instance", "config"),
    [("syncd.service", "", "/etc/syncd/config.toml"), ("syncd@.service", "berlin", "/etc/syncd/berlin.toml")],
)
def test_a_command_uses_the_folder_of_the_service(unit: str, instance: str, config: str) -> None:
    text = (UNITS / unit).read_text("utf-8").replace("%i", instance)
    (name,) = re.findall(r"(?m)^StateDirectory=(\S+)$", text)
    assert f" run --config {config}\n" in text
    folder = Path("/var/lib") / name
    assert state_folder(Path(config), {}) == folder
    assert state_folder(Path(config), {"STATE_DIRECTORY": str(folder)}) == folder


def test_what_systemd_says_counts_and_elsewhere_it_is_the_folder_of_the_configuration(tmp_path: Path) -> None:
    assert state_folder(tmp_path / "config.toml", {}) == tmp_path
    assert state_folder(tmp_path / "config.toml", {"STATE_DIRECTORY": "/srv/a:/srv/b"}) == Path("/srv/a")
