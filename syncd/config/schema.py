"""What the configuration may say, as frozen models. Keys, units and defaults: docs/configuration.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from email.utils import getaddresses
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

HUB = "inventorum"
"""Name of the hub's section, and of the hub as a side."""
CREATE_IN_HUB = "create_in_inventorum"
"""Key of ``[shops.NAME.products]``, for messages of those who know no vendor."""

SHOP_NAME = re.compile(r"[a-z0-9_-]{1,32}")

_HOST = re.compile(r"[\w.-]+")

_DAILY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_EVERY = re.compile(r"every\s+(\d{1,4})\s*(m|h|d)")
_UNIT_S = {"m": 60, "h": 3600, "d": 86400}
_SHORTEST_SWEEP_S = 600
_AGE = re.compile(r"([1-9]\d{0,4})\s*(day|week|month|year)s?")
_UNIT_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a sweep starts: daily at a local time, or at a fixed distance. Exactly one of the two is set.

    Attributes:
        daily_at: Local time of day of this machine.
        every_s: Seconds from one start to the next.
    """

    daily_at: time | None = None
    every_s: int | None = None

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read ``"03:30"`` or ``"every 6h"`` (units ``m``, ``h``, ``d``).

        Raises:
            ValueError: Neither form, or more often than every 10 minutes.
        """
        if daily := _DAILY.fullmatch(text.strip()):
            return cls(daily_at=time(int(daily[1]), int(daily[2])))
        if every := _EVERY.fullmatch(text.strip()):
            every_s = int(every[1]) * _UNIT_S[every[2]]
            if every_s < _SHORTEST_SWEEP_S:
                raise ValueError(f'"{text}" is too often: a sweep reads everything; at least 10 minutes apart')
            return cls(every_s=every_s)
        raise ValueError(f'"{text}" is not a time of day like "03:30" nor a distance like "every 6h"')

    def __str__(self) -> str:
        if self.daily_at is not None:
            return self.daily_at.strftime("%H:%M")
        seconds = self.every_s or 0
        unit = next(name for name in ("d", "h", "m") if seconds % _UNIT_S[name] == 0)
        return f"every {seconds // _UNIT_S[unit]}{unit}"


@dataclass(frozen=True, slots=True)
class Age:
    """How long something is kept.

    Attributes:
        text: As it was written.
        keep: The time; ``None``: for ever.
    """

    text: str
    keep: timedelta | None

    @classmethod
    def parse(cls, text: str) -> Age:
        """Read ``"90 days"``, ``"2 years"`` (units ``days``, ``weeks``, ``months``, ``years``) or ``"forever"``.

        Raises:
            ValueError: Neither form.
        """
        if text.strip() == "forever":
            return cls("forever", None)
        if found := _AGE.fullmatch(text.strip()):
            return cls(text.strip(), timedelta(days=int(found[1]) * _UNIT_DAYS[found[2]]))
        raise ValueError(f'"{text}" is not a time like "90 days", "18 months" or "2 years", nor "forever"')

    def __str__(self) -> str:
        return self.text


def _age(value: object) -> object:
    if isinstance(value, str):
        return Age.parse(value)
    if isinstance(value, Age):
        return value
    raise ValueError('must be text in quotes, like "90 days" or "forever"')


def _at_least(days: int) -> AfterValidator:
    def check(age: Age) -> Age:
        if age.keep is not None and age.keep < timedelta(days=days):
            raise ValueError(f'"{age}" is too short: at least {days} days, as open questions are settled from it')
        return age

    return AfterValidator(check)


def _plain_number(value: object) -> object:
    """TOML numbers arrive as int or Decimal; a float field takes both, but neither true nor text."""
    return float(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


def _exact_number(value: object) -> object:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _schedule(value: object) -> object:
    if isinstance(value, str):
        return Schedule.parse(value)
    if isinstance(value, Schedule):
        return value
    raise ValueError('must be text in quotes, like "03:30" or "every 6h"')


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        try:
            ip_address(value)
        except ValueError:
            raise ValueError(
                f'"{value}" must be a name or address alone, without https:// and port, like till-server.lan'
            ) from None
    return value


def _mail_address(value: str) -> str:
    found = getaddresses([value])
    if len(found) != 1 or not found[0][1] or not value.isprintable():
        raise ValueError("must be one mail address, like anna@shop.example")
    return value


Host = Annotated[str, AfterValidator(_host)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
Seconds = Annotated[float, BeforeValidator(_plain_number), Field(ge=0, le=86400, allow_inf_nan=False)]
PollSeconds = Annotated[float, BeforeValidator(_plain_number), Field(gt=0, le=86400, allow_inf_nan=False)]
Units = Annotated[Decimal, BeforeValidator(_exact_number), Field(ge=0, allow_inf_nan=False, decimal_places=4)]
Percent = Annotated[Decimal, BeforeValidator(_exact_number), Field(gt=0, le=100, allow_inf_nan=False)]
Sweep = Annotated[Schedule, BeforeValidator(_schedule)]

Severity = Literal["info", "warning", "error"]

Owner = Literal["inventorum", "shop", "both", "none"]


class Section(BaseModel):
    """A TOML table: unknown keys are errors, types are not guessed, nothing changes later."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SyncdConfig(Section):
    """``[syncd]``: the process itself."""

    database: str = Field(repr=False, description="where syncd keeps its state")
    database_key: SecretStr | None = Field(None, description="key that tokens are sealed with in the database")
    database_key_former: SecretStr | None = Field(None, description="the key before it, until `syncd db rekey` is done")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least important line shown")
    log_format: Literal["text", "json"] = Field("text", description="form of log lines on standard error")
    metrics: str | None = Field(None, description="address of /metrics and /healthz; left out: off")
    metrics_remote: list[Host] = Field(
        default_factory=list,
        description="names of this machine by which others may ask for them; empty: nobody else may",
    )
    page: bool = Field(default=False, description="serve the status page beside them, for people on this machine")

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Host and port of ``metrics``."""
        if self.metrics is None:
            return None
        host, _, port = self.metrics.rpartition(":")
        return host.strip("[]"), int(port)


_ERRORS: list[Severity] = ["error"]


class PingConfig(Section):
    """``[ping]``: addresses of a monitor that notices when nobody asks for them any more."""

    success_url: SecretStr | None = Field(None, description="asked for while all is well")
    start_url: SecretStr | None = Field(None, description="asked for when the daemon begins to work")
    fail_url: SecretStr | None = Field(None, description="asked for while something is wrong")
    every_seconds: Annotated[float, BeforeValidator(_plain_number), Field(ge=10, le=86400, allow_inf_nan=False)] = (
        Field(60.0, description="seconds between two of them")
    )


class NotifyConfig(Section):
    """``[notify]``: whom to tell of new findings."""

    webhook_url: SecretStr | None = Field(None, description="address that messages are posted to, as JSON")
    mail_server: str | None = Field(None, description="host and port of the mail server")
    mail_security: Literal["starttls", "tls", "none"] = Field("starttls", description="how mail is encrypted")
    mail_user: str | None = Field(None, description="user at the mail server")
    mail_password: SecretStr | None = Field(None, description="its password")
    mail_from: MailAddress | None = Field(None, description="sender of mails")
    mail_to: list[MailAddress] = Field(default_factory=list, description="receivers of mails")
    severities: list[Severity] = Field(
        default_factory=_ERRORS.copy, min_length=1, description="which findings are told of"
    )
    every_seconds: Annotated[float, BeforeValidator(_plain_number), Field(ge=10, le=86400, allow_inf_nan=False)] = (
        Field(300.0, description="seconds from one message to the next, at the least")
    )

    @property
    def mail_address(self) -> tuple[str, int] | None:
        """Host and port of the mail server."""
        if self.mail_server is None:
            return None
        host, _, port = self.mail_server.rpartition(":")
        return host.strip("[]"), int(port)

    @model_validator(mode="after")
    def _mail_is_whole(self) -> NotifyConfig:
        given = (self.mail_server is not None, self.mail_from is not None, bool(self.mail_to))
        if any(given) and not all(given):
            raise ValueError("mail needs mail_server, mail_from and mail_to, all three")
        if self.mail_user is not None and self.mail_security == "none":
            raise ValueError('mail_security = "none" would send the password of mail_user for everybody to read')
        return self


class RetentionConfig(Section):
    """``[retention]``: how long history is kept; what is still needed is kept whatever its age."""

    runs: Annotated[Age, BeforeValidator(_age), _at_least(7)] = Field(
        Age.parse("90 days"), description="passes in which nothing happened"
    )
    movements: Annotated[Age, BeforeValidator(_age), _at_least(30)] = Field(
        Age.parse("2 years"),
        description="movements one by one, with their writes, passes and closed findings; afterwards their sum",
    )


class HubStock(Section):
    """``[inventorum.stock]``: how patient we are with the hub's answers."""

    settle_seconds: Seconds = Field(10.0, description="a reading that equals the value before our write is held")
    overlap_seconds: Seconds = Field(60.0, description="each read of changes overlaps the one before")
    in_doubt_seconds: Seconds = Field(60.0, description="a write whose answer was lost may still take effect")


class StockConfig(HubStock):
    """``[shops.NAME.stock]``: how a shop's stock follows."""

    initial_stock: Literal["inventorum", "shop", "equal_only"] = Field(
        "inventorum", description="whose quantity counts when an item is first linked"
    )
    buffer: Units = Field(Decimal(0), description="units of every item held back from the shop")
    buffers: Mapping[str, Units] = Field(default_factory=dict, description="units held back, by SKU")
    allow_negative: bool = Field(default=False, description="back-orders: the shop may be told less than zero")
    manage_unmanaged: bool = Field(
        default=False, description="switch stock management on for shop products that do not count stock"
    )

    def buffer_for(self, sku: str | None) -> Decimal:
        """Units of this SKU that are held back from the shop."""
        return self.buffers.get(sku, self.buffer) if sku else self.buffer


class FieldOwners(Section):
    """``[shops.NAME.products.owner]``: who may change a product field."""

    name: Owner = Field("inventorum", description="product name")
    description: Owner = Field("inventorum", description="product text")
    price: Owner = Field("inventorum", description="gross price; net follows from it")
    tax_rate: Owner = Field("inventorum", description="tax rate")
    sku: Owner = Field("inventorum", description="SKU")
    gtin: Owner = Field("inventorum", description="EAN/GTIN")
    brand: Owner = Field("inventorum", description="brand")
    categories: Owner = Field("inventorum", description="categories")
    images: Owner = Field("inventorum", description="images")
    attributes: Owner = Field("inventorum", description="what makes a variation differ from its siblings")
    published: Owner = Field("none", description="whether customers can buy it")
    weight: Owner = Field("inventorum", description="weight; without effect, the till has none")


class ProductsConfig(Section):
    """``[shops.NAME.products]``: creation, deletion and ownership of fields."""

    create_in_shop: Literal["never", "published", "all"] = Field(
        "never", description="which INVENTORUM products are created in the shop"
    )
    publish: bool = Field(default=False, description="whether customers see at once what is created in the shop")
    create_in_inventorum: bool = Field(default=False, description="create products of the shop in INVENTORUM")
    delete_in_shop: Literal["unpublish", "delete", "ignore"] = Field(
        "unpublish", description="what happens in the shop when a product is deleted in INVENTORUM"
    )
    owner: FieldOwners = Field(default_factory=FieldOwners, description="who may change which field")

    @property
    def create_in_hub(self) -> bool:
        """``create_in_inventorum``, for those who know no vendor."""
        return self.create_in_inventorum


class Limit(Section):
    """A limit in items, in percent of the linked items, or both; with both it is passed only when both are."""

    items: Annotated[int, Field(ge=0)] | None = Field(None, description="number of items")
    percent: Percent | None = Field(None, description="percent of the linked items")

    @model_validator(mode="after")
    def _not_empty(self) -> Limit:
        if self.items is None and self.percent is None:
            raise ValueError("must give items, percent, or both")
        return self


class JumpLimit(Section):
    """A limit in units."""

    units: Annotated[Units, Field(gt=0)] = Field(description="units that one quantity may change at once")


class PercentLimit(Section):
    """A limit in percent."""

    percent: Percent = Field(description="percent")


class SafetyConfig(Section):
    """``[shops.NAME.safety]``: beyond these limits a plan waits for a person."""

    max_zeroed: Limit = Field(
        Limit(items=20, percent=Decimal(10)), description="items that may go to zero or disappear in one plan"
    )
    max_changed: Limit | None = Field(None, description="items that one plan may change; left out: no limit")
    max_jump: JumpLimit | None = Field(None, description="units one quantity may change by; left out: no limit")
    max_unexplained: Limit | None = Field(
        Limit(items=20, percent=Decimal(1)),
        description="items that one read may find changed without an order or refund that says why",
    )
    max_created: Limit | None = Field(
        Limit(items=20, percent=Decimal(10)), description="products that may be created in one plan"
    )
    max_price_drop: PercentLimit | None = Field(None, description="percent a price may fall by; left out: no limit")


class HubSection(Section):
    """Keys of ``[inventorum]`` that do not belong to the adapter."""

    poll_seconds: PollSeconds = Field(15.0, description="seconds between two reads of changes")
    ca: str | None = Field(None, description="PEM file of certificate authorities to trust besides the usual ones")
    sweep: Sweep = Field(Schedule(daily_at=time(3, 30)), description="when everything is read again")
    stock: HubStock = Field(default_factory=HubStock, description="patience with the hub's answers")


class ShopSection(Section):
    """Keys of ``[shops.NAME]`` that do not belong to the adapter."""

    adapter: str = Field(description="which shop system this is")
    poll_seconds: PollSeconds = Field(30.0, description="seconds between two reads of changes")
    ca: str | None = Field(None, description="PEM file of certificate authorities to trust besides the usual ones")
    sweep: Sweep = Field(Schedule(daily_at=time(3, 30)), description="when everything is read again")
    stock: StockConfig = Field(default_factory=StockConfig, description="how the shop's stock follows")
    products: ProductsConfig = Field(default_factory=ProductsConfig, description="products and their fields")
    safety: SafetyConfig = Field(default_factory=SafetyConfig, description="limits that stop a plan")


class SideConfig(Section):
    """One side, ready to be built.

    Attributes:
        name: ``inventorum``, or the shop's name in the configuration.
        role: ``hub`` or ``shop``.
        kind: Kind of adapter.
        settings: Instance of the adapter's settings model.
        poll_seconds: Seconds between two reads of changes.
        sweep: When everything is read again.
        ca: File of certificate authorities to trust besides the usual ones.
        stock: On the hub only the three durations matter.
        products: On the hub always the defaults.
        safety: On the hub always the defaults.
    """

    name: str
    role: Literal["hub", "shop"]
    kind: str
    settings: Any
    poll_seconds: float
    sweep: Schedule
    ca: Path | None = None
    stock: StockConfig = Field(default_factory=StockConfig)
    products: ProductsConfig = Field(default_factory=ProductsConfig)
    safety: SafetyConfig = Field(default_factory=SafetyConfig)


class Config(Section):
    """The whole configuration.

    Attributes:
        source: File it was read from.
        syncd: The process.
        hub: The hub.
        shops: Shops by name, in the order of the file.
        ping: The monitor that notices silence.
        notify: Whom to tell of new findings.
        retention: How long history is kept.
        secrets: Every secret value in use, for the log's redaction.
        warnings: What is allowed but unwise, for people; free of secrets.
    """

    source: Path
    syncd: SyncdConfig
    hub: SideConfig
    shops: Mapping[str, SideConfig]
    ping: PingConfig = Field(default_factory=PingConfig)
    notify: NotifyConfig = Field(default_factory=NotifyConfig)
    retention: RetentionConfig = Field(default_factory=RetentionConfig)
    secrets: tuple[str, ...] = Field((), repr=False, exclude=True)
    warnings: tuple[str, ...] = ()

    @property
    def sides(self) -> tuple[SideConfig, ...]:
        """The hub first, then the shops in the order of the file."""
        return (self.hub, *self.shops.values())

    def side(self, name: str) -> SideConfig:
        """Return a side by name.

        Raises:
            KeyError: No such side is configured.
        """
        return self.hub if name == self.hub.name else self.shops[name]
