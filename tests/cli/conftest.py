"""Running the command line, with a shop adapter that is installed like any other package."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from loguru import logger

from syncd.cli import main
from syncd.simulators.inventorum import InventorumSim
from syncd.simulators.server import SimServer

CORNER = '''
"""A shop adapter whose connection test does what the shop's address says."""
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from syncd.adapters.base import AdapterFactory, CheckLine, CheckReport, PlainSide
from syncd.errors import AuthRejected, Transient


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str = Field(description="address of the corner shop. Any will do.")
    door_key: SecretStr = Field(description="key of the door")
    shelves: int = Field(default=3, description="number of shelves")


class Adapter(PlainSide):
    def __init__(self, context):
        self.context = context

    def check(self):
        url, side = self.context.settings.url, self.context.side
        if "refuses" in url:
            raise AuthRejected(side, "GET /door", "the key does not fit")
        if "closed" in url:
            raise Transient(side, "GET /door", f"nobody there for {self.context.settings.door_key.get_secret_value()}")
        fine = CheckLine(ok=True, subject="door", message="open")
        if "half" in url:
            return CheckReport((fine, CheckLine(ok=False, subject="till", message="locked")))
        return CheckReport((fine,), clock_skew_s=45.0 if "slow" in url else 1.0, facts={"version": "7"})

    def close(self):
        pass


FACTORY = AdapterFactory("corner", "Corner shop", Settings, Adapter)
'''


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def clean_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Commands set up logging for the whole process; and no configuration of this machine must be found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    logger.remove()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: str | Path) -> Result:
        code = main([str(word) for word in argv])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def corner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install the corner shop: a module and the metadata that pip would write."""
    site = tmp_path / "site"
    info = site / "corner_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "corner_plugin.py").write_text(CORNER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: corner-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[syncd.adapters]\ncorner = corner_plugin:FACTORY\n")
    monkeypatch.syspath_prepend(str(site))
    yield site
    sys.modules.pop("corner_plugin", None)


@pytest.fixture
def till() -> Iterator[SimServer]:
    """A simulated INVENTORUM account."""
    with SimServer(InventorumSim()) as server:
        yield server


@pytest.fixture
def config_file(tmp_path: Path, corner: Path, till: SimServer) -> Path:
    assert corner.is_dir()
    path = tmp_path / "syncd.toml"
    path.write_text(
        f"""
        [syncd]
        database = "sqlite:///state.db"
        [inventorum]
        base_url = "{till.url}/api/"
        client_id = "sim-client"
        client_secret = "sim-secret"
        refresh_token = "sim-refresh-0"
        [shops.main]
        adapter = "corner"
        url = "https://corner.example"
        door_key = "hidden-door-key"
        """
    )
    return path
