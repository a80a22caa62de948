"""Keys of ``[shops.NAME]`` that belong to a Vendure shop."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from syncd.adapters.connection import ByRate, ConnectionSettings, Secret, by_rate, web_address

PATH = "admin-api"


class VendureSettings(ConnectionSettings):
    """Address and credentials of one Vendure shop."""

    url: str = Field(
        description="Address of the Admin API, for example https://shop.example/admin-api; /admin-api is added if the "
        "address names no path."
    )
    api_key: Secret | None = Field(
        default=None, description="API key of an administrator (Vendure 3.6 and later, tokenMethod with api-key)."
    )
    username: str | None = Field(
        default=None, description="Instead of api_key: name of an administrator (tokenMethod with bearer)."
    )
    password: Secret | None = Field(default=None, description="Password of that administrator.")
    channel: str | None = Field(
        default=None, description="Token of the channel that is synced. Left out: the default channel."
    )
    language: str | None = Field(
        default=None,
        pattern=r"^[a-z]{2,3}(_[A-Za-z]{2,4})?$",
        description="Language that names and descriptions are kept in, as en or de. Left out: the channel's own.",
    )
    stock_location: str | None = Field(
        default=None, description="Name or id of the stock location. Left out: the only one there is."
    )
    gtin_field: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,60}$",
        description="Custom field of product variants that holds the EAN/GTIN; Vendure has none of its own.",
    )
    marker_field: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,60}$",
        description="Custom field of product variants, a text, that keeps the id of syncd's last stock write: with it "
        "a write whose answer was lost is settled at once.",
    )
    tax_categories: ByRate = Field(
        default_factory=dict,
        description="Name of the shop's tax category by rate in per cent, where several categories have the rate.",
    )
    batch_size: int = Field(default=25, ge=1, le=100, description="Most stock writes in one request.")

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        address = web_address(value)
        return address if urlsplit(address).path else f"{address}/{PATH}"

    @model_validator(mode="after")
    def _check_credentials(self) -> VendureSettings:
        if bool(self.username) != bool(self.password):
            raise ValueError("username and password belong together: give both or none")
        if bool(self.username) == bool(self.api_key):
            raise ValueError("give either api_key, or username and password")
        return self

    @property
    def chosen_tax_categories(self) -> dict[Decimal, str]:
        """``tax_categories`` with rates as numbers."""
        return by_rate(self.tax_categories)

    @property
    def base_url(self) -> str:
        """Address of the folder that the Admin API is in, ending in a slash."""
        return self.url.rpartition("/")[0] + "/"

    @property
    def path(self) -> str:
        """Name of the Admin API in that folder."""
        return self.url.rpartition("/")[2]
