"""Keys of ``[shops.NAME]`` that belong to a Shopware 6 shop."""

from __future__ import annotations

import re
from decimal import Decimal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class Shopware6Settings(BaseModel):
    """Address and credentials of one Shopware 6 shop."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(description="Address of the shop, for example https://shop.example; /api is added.")
    client_id: str = Field(description="Access key ID of the integration, starts with SWIA.")
    client_secret: SecretStr = Field(description="Secret access key of the integration.")
    requests_per_second: float = Field(default=8, gt=0, le=1000, description="Most requests per second to this shop.")
    request_timeout_seconds: float = Field(
        default=60, gt=0, le=600, description="Longest silence of the shop during one request, in seconds."
    )
    batch_size: int = Field(default=50, ge=1, le=100, description="Most writes in one request.")
    tax_classes: dict[str, str] = Field(
        default_factory=dict,
        description="Name of the shop's tax by rate in per cent, where several taxes have the rate.",
    )
    create_categories: bool = Field(
        default=True, description="Make categories that the till names and the shop does not have."
    )
    sales_channels: list[str] = Field(
        default_factory=list,
        description="Names of the sales channels that products are made visible in; left out, all storefronts.",
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address that starts with https:// or http://")
        if parts.username or parts.password:
            raise ValueError("must not contain a user or password")
        if parts.query or parts.fragment:
            raise ValueError("must not contain ? or #")
        return value.strip().rstrip("/").removesuffix("/api").rstrip("/")

    @field_validator("tax_classes")
    @classmethod
    def _check_rates(cls, value: dict[str, str]) -> dict[str, str]:
        for rate in value:
            if not re.fullmatch(r"\d{1,2}(\.\d{1,4})?", rate):
                raise ValueError(f'{rate!r} is no rate in per cent, like "19" or "5.5"')
        return value

    @property
    def chosen_tax_classes(self) -> dict[Decimal, str]:
        """``tax_classes`` with rates as numbers."""
        return {Decimal(rate): name for rate, name in self.tax_classes.items()}

    @field_validator("client_id")
    @classmethod
    def _check_id(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must not be empty")
        return value.strip()

    @field_validator("client_secret")
    @classmethod
    def _strip_secret(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value().strip()
        if not text:
            raise ValueError("must not be empty")
        if text.startswith("SWIA"):
            raise ValueError("starts with SWIA: access key ID and secret are swapped")
        return SecretStr(text)

    @property
    def api_url(self) -> str:
        """Base address of the Admin API, ending in a slash."""
        return f"{self.url}/api/"
