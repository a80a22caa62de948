"""Keys of ``[shops.NAME]`` that belong to a WooCommerce shop."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from syncd.adapters.connection import ByRate, ConnectionSettings, Secret, by_rate, web_address

AuthMode = Literal["auto", "basic", "query", "oauth"]


class WooCommerceSettings(ConnectionSettings):
    """Address and credentials of one WooCommerce shop."""

    url: str = Field(
        description="Address of the shop, for example https://shop.example or https://example.org/shop. "
        "/wp-json/wc/v3 is added unless the address contains wp-json."
    )
    consumer_key: Secret = Field(description="REST API key of WooCommerce, starts with ck_; needs Read/Write.")
    consumer_secret: Secret = Field(description="Secret of the REST API key, starts with cs_.")
    auth: AuthMode = Field(
        default="auto",
        description="How the key is sent. auto: over https as Basic and, if the web server drops that header, in the "
        "query; over http signed with OAuth 1.0a. basic or query over http only behind a local proxy that speaks TLS.",
    )
    tax_classes: ByRate = Field(
        default_factory=dict,
        description="Tax class of the shop by rate in per cent, where several classes have the rate, or none.",
    )
    create_categories: bool = Field(
        default=True, description="Make categories that the till names and the shop does not have."
    )
    default_category: str | None = Field(
        default=None,
        description="Name or slug of the category that counts as none, because the shop gives it to products without "
        'one. Left out: the shop is asked. "": each counts as a category.',
    )
    media_user: str | None = Field(
        default=None,
        description="Name of the WordPress user whose application password syncd brings images with. Left out: the "
        "shop fetches images from the till's address by itself.",
    )
    media_password: Secret | None = Field(
        default=None, description="Application password of media_user (WordPress: Users > Profile)."
    )
    batch_size: int = Field(default=50, ge=1, le=100, description="Most stock writes in one request.")

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        plain = "must not contain ? or #: permalinks other than plain are needed, or /index.php/wp-json"
        return web_address(value, plain=plain)

    @property
    def chosen_tax_classes(self) -> dict[Decimal, str]:
        """``tax_classes`` with rates as numbers."""
        return by_rate(self.tax_classes)

    @field_validator("consumer_key")
    @classmethod
    def _check_not_swapped(cls, value: Secret) -> SecretStr:
        if value.get_secret_value().startswith("cs_"):
            raise ValueError("starts with cs_: key and secret are swapped")
        return value

    @model_validator(mode="after")
    def _check_media(self) -> WooCommerceSettings:
        if bool(self.media_user) != bool(self.media_password):
            raise ValueError("media_user and media_password belong together: give both or none")
        return self

    @property
    def secure(self) -> bool:
        """Whether requests travel over TLS from us."""
        return urlsplit(self.url).scheme == "https"

    @property
    def api_url(self) -> str:
        """Base address of the REST API, ending in a slash.

        Source: woocommerce-api.md section 1 (``/index.php/wp-json`` takes keys, ``?rest_route=`` does not).
        """
        base = self.url.rstrip("/")
        if base.endswith("/wp-json"):
            return f"{base}/wc/v3/"
        if "/wp-json/" in base:
            return f"{base}/"
        return f"{base}/wp-json/wc/v3/"

    @property
    def wordpress_url(self) -> str:
        """Base address of WordPress's own API, ending in a slash."""
        return f"{self.api_url.partition('/wp-json/')[0]}/wp-json/wp/v2/"
