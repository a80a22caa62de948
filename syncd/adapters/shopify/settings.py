"""Keys of ``[shops.NAME]`` that belong to a Shopify shop."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from syncd.adapters.connection import ConnectionSettings, Secret, web_address
from syncd.adapters.shopify.operations import MOST_LOCATIONS, MOST_WRITES

Quantity = Literal["available", "on_hand"]


class ShopifySettings(ConnectionSettings):
    """Address and credentials of one Shopify shop."""

    url: str = Field(description="Address of the shop's admin, for example https://my-shop.myshopify.com.")
    client_id: str | None = Field(
        default=None, description="Client ID of an app of your organization (Dev Dashboard > app > Settings)."
    )
    client_secret: Secret | None = Field(default=None, description="Secret of that app, starts with shpss_.")
    access_token: Secret | None = Field(
        default=None,
        description="Instead of client_id and client_secret: the permanent token of an app that was made in the "
        "shop's admin before 2026, starts with shpat_.",
    )
    api_version: str = Field(
        default="2026-10",
        pattern=r"^20\d\d-(01|04|07|10)$",
        description="Version of the Admin API. The shop serves each for at least a year.",
    )
    location: str | None = Field(
        default=None,
        description="Name or number of the location whose stock is written. Left out: the only one there is.",
    )
    also_count: list[str] = Field(
        default_factory=list,
        max_length=MOST_LOCATIONS - 1,
        description="Names or numbers of further locations whose stock is counted with it, and never written.",
    )
    quantity: Quantity = Field(
        default="available",
        description="Which quantity is kept the same: available (without open orders), or on_hand (with them).",
    )
    publish_in: list[str] = Field(
        default_factory=list,
        max_length=20,
        description="Names of sales channels in which products are offered when they become visible.",
    )
    tax_rate: Decimal | None = Field(
        default=None, ge=0, le=100, description="Tax rate in percent of products that the shop calls taxable."
    )
    tax_rates: dict[str, Decimal] = Field(
        default_factory=dict, description="The same for those of a product type, as { Books = 7 }."
    )
    bulk_from: int = Field(
        default=2000,
        ge=0,
        description="From how many variants on everything is read by an export, not page by page. 0: never.",
    )
    batch_size: int = Field(default=25, ge=1, le=MOST_WRITES, description="Most stock writes in one request.")

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        plain = "must be the shop's address alone, like https://my-shop.myshopify.com"
        address = web_address(value, plain=plain)
        if urlsplit(address).path:
            raise ValueError(plain)
        return address

    @field_validator("tax_rates")
    @classmethod
    def _check_rates(cls, value: dict[str, Decimal]) -> dict[str, Decimal]:
        if any(not rate.is_finite() or not 0 <= rate <= 100 for rate in value.values()):
            raise ValueError("rates must be between 0 and 100 percent")
        return {name.strip().casefold(): rate for name, rate in value.items()}

    @model_validator(mode="after")
    def _check_credentials(self) -> ShopifySettings:
        if bool(self.client_id) != bool(self.client_secret):
            raise ValueError("client_id and client_secret belong together: give both or none")
        if bool(self.client_id) == bool(self.access_token):
            raise ValueError("give either client_id and client_secret, or access_token")
        return self
