"""Invented adapters, so that the configuration is tested without any real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from syncd.adapters.base import AdapterContext, AdapterFactory
from syncd.config import Config, load_config

GOOD = """
[syncd]
database = "sqlite:////var/lib/syncd/syncd.db"

[inventorum]
base_url = "https://till.example/api/"
client_id = "till-app"
client_secret = "hub-secret-value"
refresh_token = "seed-token-value"

[shops.main]
adapter = "corner"
url = "https://shop.example"
key = "shop-key-value"
"""


class TillSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = "https://till.example/"
    client_id: str = Field(description="id of the app")
    client_secret: SecretStr = Field(description="secret of the app")
    refresh_token: SecretStr = Field(description="token that opens the account")
    requests_per_second: Annotated[float, Field(gt=0, le=20)] = 10.0


class CornerSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, Field(pattern="^https?://")] = Field(description="address of the shop")
    key: SecretStr = Field(description="key of the shop")
    second_key: SecretStr | None = None
    batch_size: Annotated[int, Field(ge=1, le=100)] = 50
    auth: Literal["header", "query"] = "header"


def _build(_context: AdapterContext) -> NoReturn:
    raise AssertionError("the configuration builds no adapter")


@pytest.fixture(scope="session")
def factories() -> dict[str, AdapterFactory]:
    return {
        "inventorum": AdapterFactory("inventorum", "Till", TillSettings, _build, uses_tokens=True, role="hub"),
        "corner": AdapterFactory("corner", "Corner", CornerSettings, _build),
        "market": AdapterFactory("market", "Market", CornerSettings, _build),
    }


@pytest.fixture
def load(tmp_path: Path, factories: dict[str, AdapterFactory]) -> Callable[..., Config]:
    def run(text: str, **env: str) -> Config:
        path = tmp_path / "config.toml"
        path.write_text(text)
        return load_config(path, env, factories=factories)

    return run
