"""What the configuration says about INVENTORUM: address, credentials, pace."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from syncd.hosts import is_loopback

BASE_URL = "https://app.inventorum.com/api/"

Pace = Annotated[float, Field(gt=0, le=20)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class InventorumSettings(BaseModel):
    """Keys of ``[inventorum]`` that belong to the adapter.

    Attributes:
        base_url: Address of the API, up to and with ``/api/``. ``http`` only for a server on this machine.
        client_id: Id of the app, from "API & Apps" of the Shore manager.
        client_secret: Its secret.
        refresh_token: The token made for the app. It only seeds the database: the stored one rotates.
        requests_per_second: Our own limit; the vendor's is 20.
        request_timeout_seconds: For connecting and for each wait for data.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(BASE_URL, description="Address of the API, up to and with /api/.")
    client_id: str = Field(min_length=1, description='Id of the app, from "API & Apps" of the Shore manager.')
    client_secret: SecretStr = Field(min_length=1, description='Secret of the app, from "API & Apps".')
    refresh_token: SecretStr = Field(min_length=1, description='Token made for the app in "API & Apps".')
    requests_per_second: Pace = Field(10.0, description="Most requests per second; the vendor's limit is 20.")
    request_timeout_seconds: Seconds = Field(30.0, description="Longest silence during one request, in seconds.")

    @field_validator("base_url")
    @classmethod
    def _usable_address(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f'"{value}" is not a web address; the usual one is {BASE_URL}')
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("the address must not contain a user name, a query or a fragment")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("tokens travel in every request: use https (http only for a server on this machine)")
        return value.strip().rstrip("/") + "/"
