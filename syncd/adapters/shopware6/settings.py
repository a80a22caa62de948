"""Keys of ``[shops.NAME]`` that belong to a Shopware 6 shop."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field, SecretStr, field_validator

from syncd.adapters.connection import ByRate, ConnectionSettings, Secret, by_rate, web_address


class Shopware6Settings(ConnectionSettings):
    """Address and credentials of one Shopware 6 shop."""

    url: str = Field(description="Address of the shop, for example https://shop.example; /api is added.")
    client_id: str = Field(description="Access key ID of the integration, starts with SWIA.")
    client_secret: Secret = Field(description="Secret access key of the integration.")
    batch_size: int = Field(default=50, ge=1, le=100, description="Most writes in one request.")
    tax_classes: ByRate = Field(
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
        return web_address(value).removesuffix("/api").rstrip("/")

    @property
    def chosen_tax_classes(self) -> dict[Decimal, str]:
        """``tax_classes`` with rates as numbers."""
        return by_rate(self.tax_classes)

    @field_validator("client_id")
    @classmethod
    def _check_id(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must not be empty")
        return value.strip()

    @field_validator("client_secret")
    @classmethod
    def _check_not_swapped(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().startswith("SWIA"):
            raise ValueError("starts with SWIA: access key ID and secret are swapped")
        return value

    @property
    def api_url(self) -> str:
        """Base address of the Admin API, ending in a slash."""
        return f"{self.url}/api/"
