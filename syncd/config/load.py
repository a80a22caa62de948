"""From a TOML file to a validated configuration; every mistake at once."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from pydantic import BaseModel, ValidationError

from syncd.adapters.base import AdapterFactory
from syncd.adapters.registry import installed
from syncd.config.explain import describe, explain, is_secret, key_path, nearest, purpose, unknown_key
from syncd.config.modes import SERVICE_GROUP, database_warnings, open_to_all, open_to_group, strangers_of
from syncd.config.places import LOCAL_NAME, SYSTEM_PATH
from syncd.config.schema import (
    HUB,
    SHOP_NAME,
    Config,
    FieldOwners,
    HubSection,
    NotifyConfig,
    PingConfig,
    RetentionConfig,
    Section,
    ShopSection,
    SideConfig,
    StockConfig,
    SyncdConfig,
)
from syncd.config.secrets import SecretReader, env_name
from syncd.errors import ConfigError, ConfigProblem
from syncd.hosts import host_of, is_every, is_loopback
from syncd.http.redact import redact
from syncd.http.trust import problem_with
from syncd.state.seal import read_key

SectionT = TypeVar("SectionT", bound=Section)
ModelT = TypeVar("ModelT", bound=BaseModel)

_TOML_PLACE = re.compile(r"^(?P<what>.*) \(at (?P<place>line \d+, column \d+|end of document)\)$", re.DOTALL)
_PASSWORD = re.compile(r"[^:]+://[^/@:]*:([^/@]+)@")
_WEB = re.compile(r"https?://[^\s/]")
_PARTS = re.compile("[/?&=#]")
_SHORTEST_PART = 12
_SHORTEST_SECRET = 4
_KEYS = ("database_key", "database_key_former")
_WHO_MAY = (
    f"members of the group {SERVICE_GROUP} may (a new one from the next log-in on), or put `sudo -u syncd` in front"
)
_DATABASES = ("sqlite:///", "postgresql+psycopg://")


def find_config(explicit: Path | None = None, env: Mapping[str, str] = os.environ) -> Path:
    """Return the configuration file to use: ``explicit``, ``$SYNCD_CONFIG``, ``./config.toml``, or the system's.

    Raises:
        ConfigError: There is none; says where it was looked for.
    """
    if explicit is not None:
        return explicit
    if named := env.get("SYNCD_CONFIG"):
        return Path(named)
    places = (Path.cwd() / LOCAL_NAME, SYSTEM_PATH)
    if _can_be_seen(places[0]):
        return places[0]
    try:
        if places[1].is_file():
            return places[1]
    except PermissionError:
        return places[1]  # whoever opens it says who may
    looked = f"looked for --config, $SYNCD_CONFIG, {places[0]} and {places[1]}; `syncd init` writes one"
    raise ConfigError("configuration", [ConfigProblem("", f"no configuration file found: {looked}")])


def _can_be_seen(place: Path) -> bool:
    """Whether there is a file here; not if we are in a folder of somebody else (`sudo -u syncd` in root's own)."""
    try:
        return place.is_file()
    except PermissionError:
        return False


def load_config(
    path: Path,
    env: Mapping[str, str] = os.environ,
    *,
    factories: Mapping[str, AdapterFactory] | None = None,
) -> Config:
    """Read and validate a configuration file and the secrets it refers to.

    Args:
        path: The TOML file.
        env: Environment, for secrets.
        factories: Adapters to choose from; the installed ones if left out.

    Raises:
        ConfigError: Every problem found, each with its key path; none shows a secret.
    """
    document = _parse(path)
    loader = _Loader(SecretReader(path.resolve().parent, env), installed() if factories is None else factories)
    config = loader.config(path, document)
    loader.check_mode(path)
    if config is None or loader.problems:
        secrets = tuple(value for value in loader.secrets.values if len(value) >= _SHORTEST_SECRET)
        raise ConfigError(str(path), [ConfigProblem(p.path, redact(p.message, secrets)) for p in loader.problems])
    return config.model_copy(update={"warnings": (*loader.secrets.warnings, *database_warnings(config.syncd.database))})


def _parse(path: Path) -> dict[str, Any]:
    def problem(where: str, message: str) -> ConfigError:
        return ConfigError(str(path), [ConfigProblem(where, message)])

    try:
        text = path.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text, parse_float=Decimal)
    except FileNotFoundError as error:
        raise problem("", "does not exist; `syncd init` writes one") from error
    except PermissionError as error:
        raise problem("", f"cannot be read: {error.strerror}; {_WHO_MAY}") from error
    except OSError as error:
        raise problem("", f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise problem(f"byte {error.start + 1}", "is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        found = _TOML_PLACE.match(str(error))
        what, place = (found["what"], found["place"]) if found else (str(error), "")
        raise problem(place, f"is not valid TOML: {what}") from error


@dataclass(slots=True)
class _Loader:
    secrets: SecretReader
    factories: Mapping[str, AdapterFactory]
    _problems: list[ConfigProblem] = field(default_factory=list)

    @property
    def problems(self) -> list[ConfigProblem]:
        return [*self._problems, *self.secrets.problems]

    def check_mode(self, path: Path) -> None:
        """Keep others from reading secrets that stand in the configuration."""
        if not self.secrets.inline:
            return
        if open_to_all(path):
            held = ", ".join(self.secrets.inline)
            words = (
                f"it holds secrets ({held}) and is open to everyone on this machine: chmod o= {shlex.quote(str(path))}"
            )
            self._problem((), words)
        elif group := strangers_of(path):
            self.secrets.warnings.append(f"{open_to_group(path, group)}; it holds secrets")

    def config(self, path: Path, document: Mapping[str, Any]) -> Config | None:
        known = ("syncd", HUB, "shops", "ping", "notify", "retention")
        for key in document:
            if key not in known:
                self._problem((key,), unknown_key(key, known))
        process = self._process(document.get("syncd", {}))
        hub = self._hub(document.get(HUB))
        shops = self._shops(document.get("shops"))
        ping = self._told(PingConfig, document.get("ping", {}), "ping")
        notify = self._told(NotifyConfig, document.get("notify", {}), "notify")
        retention = self._retention(document.get("retention", {}))
        if process is None or hub is None or self.problems:
            return None
        return Config(
            source=path,
            syncd=process,
            hub=hub,
            shops=shops,
            ping=ping or PingConfig(),
            notify=notify or NotifyConfig(),
            retention=retention or RetentionConfig(),
            secrets=tuple(dict.fromkeys(self.secrets.values)),
        )

    def _problem(self, path: tuple[str, ...], message: str) -> None:
        self._problems.append(ConfigProblem(key_path(*path), message))

    def _is_table(self, value: object, path: tuple[str, ...]) -> bool:
        if isinstance(value, dict):
            return True
        self._problem(path, f"must be a table ([{key_path(*path)}]), not {describe(value)}")
        return False

    def _process(self, table: Any) -> SyncdConfig | None:
        if not self._is_table(table, ("syncd",)):
            return None
        before = len(self.secrets.problems)
        database = self.secrets.find(table, ("syncd",), "", "database")
        sources = {name for key in ("database", *_KEYS) for name in (key, f"{key}_file")}
        values = {key: value for key, value in table.items() if key not in sources}
        skip = frozenset({"database"}) if len(self.secrets.problems) > before else frozenset[str]()
        if database is not None:
            values["database"] = self._database(database)
        elif not skip:
            skip = frozenset({"database"})
            example = "for example sqlite:////var/lib/syncd/syncd.db"
            self._problem(("syncd", "database"), f"missing: where syncd keeps its state, {example}")
        values |= self._database_keys(table)
        section = self._validate(SyncdConfig, values, ("syncd",), skip)
        if section is not None and section.metrics is not None:
            self._check_address(section.metrics, section)
        if section is not None and section.page:
            self._check_page(section)
        return section

    def _check_page(self, section: SyncdConfig) -> None:
        """The page answers on this machine alone, so the address must be one by which this machine asks itself."""
        address = section.metrics
        if address is None:
            self._problem(("syncd", "page"), 'needs an address to be served at: set metrics = "127.0.0.1:9464"')
        elif (host := host_of(address)) and not (is_loopback(host) or is_every(host)):
            self._problem(
                ("syncd", "page"),
                f'is for people on this machine alone, who cannot ask for it at "{address}"; let metrics listen at '
                "127.0.0.1, or at 0.0.0.0 with metrics_remote",
            )

    def _database_keys(self, table: Mapping[str, Any]) -> dict[str, str]:
        """The keys that tokens are sealed with."""
        found = {}
        for name in _KEYS:
            if (key := self.secrets.find(table, ("syncd",), "", name)) is None:
                continue
            try:
                read_key(key)
            except ValueError as error:
                self._problem(self.secrets.place_of(("syncd",), name), str(error))
            else:
                found[name] = key
        if set(found) == {"database_key_former"}:
            path = self.secrets.place_of(("syncd",), "database_key_former")
            self._problem(path, "is of use beside a new database_key only")
        return found

    def _check_address(self, address: str, section: SyncdConfig) -> None:
        path = ("syncd", "metrics")
        if not host_of(address):
            self._problem(path, f'"{address}" is not HOST:PORT, for example 127.0.0.1:9464')
        elif not is_loopback(host_of(address)) and not section.metrics_remote:
            self._problem(
                path,
                f'"{address}" can be reached from other machines; if they are to ask, say by which names in '
                "metrics_remote, else take 127.0.0.1",
            )

    def _retention(self, table: Any) -> RetentionConfig | None:
        if not self._is_table(table, ("retention",)):
            return None
        return self._validate(RetentionConfig, table, ("retention",), frozenset())

    def _told(self, model: type[ModelT], table: Any, name: str) -> ModelT | None:
        """Read a table about whom to tell; its addresses are secrets, for whoever knows them may use them."""
        if not self._is_table(table, (name,)):
            return None
        made = self._settings(model, Section, table, name, (name,))
        for key in model.model_fields:
            value = getattr(made, key, None)
            if key.endswith("_url") and value is not None:
                if not _WEB.match(value.get_secret_value()):
                    self._problem((name, key), "must be a complete address, https://…")
                self.secrets.values += _secret_parts(value.get_secret_value())
            if key == "mail_server" and value is not None and not host_of(value):
                self._problem((name, key), f'"{value}" is not HOST:PORT, for example mail.example:587')
        return made if isinstance(made, model) else None

    def _database(self, url: str) -> str:
        self.secrets.values.remove(url)  # only its password is a secret
        if not _PASSWORD.match(url) and "syncd.database" in self.secrets.inline:
            self.secrets.inline.remove("syncd.database")
        if password := _PASSWORD.match(url):
            self.secrets.values += [password[1], unquote(password[1])]
        if url.startswith(("postgresql://", "postgres://")):
            url = f"postgresql+psycopg://{url.partition('://')[2]}"
        if not url.startswith(_DATABASES) or url in {"sqlite:///", "sqlite:///:memory:"}:
            self._problem(("syncd", "database"), "must be sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME")
        elif url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
            url = f"sqlite:///{self.secrets.base / url.removeprefix('sqlite:///')}"
        return url

    def _hub(self, table: Any) -> SideConfig | None:
        if table is None:
            self._problem((HUB,), "missing: the section of the till system, with its address and credentials")
            return None
        if not self._is_table(table, (HUB,)):
            return None
        if HUB not in self.factories:
            self._problem((HUB,), f'the adapter "{HUB}" is not installed')
            return None
        section, settings = self._side(HubSection, self.factories[HUB], table, HUB, (HUB,))
        if section is None or settings is None:
            return None
        stock = StockConfig(**section.stock.model_dump())
        return SideConfig(
            name=HUB,
            role="hub",
            kind=HUB,
            settings=settings,
            poll_seconds=section.poll_seconds,
            sweep=section.sweep,
            ca=self._ca(section.ca, (HUB,)),
            stock=stock,
        )

    def _shops(self, tables: Any) -> dict[str, SideConfig]:
        if tables is None or tables == {}:
            self._problem(("shops",), "missing: at least one shop, as [shops.NAME]")
            return {}
        if not self._is_table(tables, ("shops",)):
            return {}
        shops = {}
        for name, table in tables.items():
            if self._good_name(name) and self._is_table(table, ("shops", name)):
                shop = self._shop(name, table)
                if shop is not None:
                    shops[name] = shop
        self._names_are_distinct(list(tables))
        self._one_source_of_truth(tables)
        return shops

    def _good_name(self, name: str) -> bool:
        if name == HUB:
            self._problem(("shops", name), f'a shop cannot be called "{HUB}"')
        elif not SHOP_NAME.fullmatch(name):
            self._problem(("shops", name), "a shop's name is 1 to 32 of the characters a-z, 0-9, _ and -")
        else:
            return True
        return False

    def _names_are_distinct(self, names: list[str]) -> None:
        seen: dict[str, str] = {}
        for name in names:
            other = seen.setdefault(env_name(name, ""), name)
            if other != name:
                self._problem(
                    ("shops", name), f'too like "{other}": both read their secrets from {env_name(name, "")}_…'
                )

    def _one_source_of_truth(self, tables: Mapping[str, Any]) -> None:
        """Two shops that both have the last word would overwrite each other for ever, by way of the till."""
        owned = (("products", "owner", field) for field in FieldOwners.model_fields)
        for path in (("stock", "initial_stock"), *owned):
            names = [name for name, table in tables.items() if _value_at(table, path) == "shop"]
            for name in names[1:]:
                self._problem(("shops", name, *path), f'only one shop may be "shop", and "{names[0]}" is already')

    def _shop(self, name: str, table: Mapping[str, Any]) -> SideConfig | None:
        prefix = ("shops", name)
        factory = self._factory(table.get("adapter"), (*prefix, "adapter"))
        section, settings = self._side(ShopSection, factory, table, name, prefix)
        if section is None or settings is None:
            return None
        common = {key: getattr(section, key) for key in ("poll_seconds", "sweep", "stock", "products", "safety")}
        ca = self._ca(section.ca, prefix)
        return SideConfig(name=name, role="shop", kind=section.adapter, settings=settings, ca=ca, **common)

    def _ca(self, name: str | None, prefix: tuple[str, ...]) -> Path | None:
        """A file of certificate authorities, which must be one."""
        if name is None:
            return None
        file = self.secrets.base / Path(name).expanduser()
        if words := problem_with(file) if name else "is empty":
            self._problem((*prefix, "ca"), words)
        return file

    def _factory(self, kind: object, path: tuple[str, ...]) -> AdapterFactory | None:
        kinds = [name for name in self.factories if name != HUB]
        choice = f"installed: {', '.join(kinds)}" if kinds else "none is installed"
        if kind is None:
            self._problem(path, f"missing: which shop system this is ({choice})")
        elif not isinstance(kind, str):
            self._problem(path, f'must be text in "quotes", not {describe(kind)}')
        elif kind not in self.factories:
            self._problem(path, f'"{kind}" is not a known adapter{nearest(kind, kinds) or f" ({choice})"}')
        elif (factory := self._load(kind, path)) is not None:
            if factory.role == "shop":
                return factory
            self._problem(path, f'"{kind}" is the hub, not a shop ({choice})')
        return None

    def _load(self, kind: str, path: tuple[str, ...]) -> AdapterFactory | None:
        try:
            return self.factories[kind]
        except ConfigError as error:
            self._problem(path, str(error))
            return None

    def _side(
        self,
        model: type[SectionT],
        factory: AdapterFactory | None,
        table: Mapping[str, Any],
        name: str,
        prefix: tuple[str, ...],
    ) -> tuple[SectionT | None, BaseModel | None]:
        """Validate a side's table, which mixes our keys (``model``) with those of its adapter."""
        own = {key: value for key, value in table.items() if key in model.model_fields}
        # The adapter's name is checked by _factory, with better words.
        section = self._validate(model, own, prefix, frozenset({"adapter"}))
        if factory is None:
            return section, None
        rest = {key: value for key, value in table.items() if key not in own}
        return section, self._settings(factory.settings_model, model, rest, name, prefix)

    def _settings(
        self,
        model: type[BaseModel],
        section: type[Section],
        table: Mapping[str, Any],
        name: str,
        prefix: tuple[str, ...],
    ) -> BaseModel | None:
        hidden = [key for key, field in model.model_fields.items() if is_secret(field.annotation)]
        sources = {*hidden, *(f"{key}_file" for key in hidden)}
        known = {*model.model_fields, *sources}
        tables = _tables(section, prefix)
        reported = set()
        for key in table:
            if key not in known:
                self._problem((*prefix, key), unknown_key(key, {*known, *section.model_fields}, tables))
        values = {key: value for key, value in table.items() if key in known - sources}
        for key in hidden:
            before = len(self.secrets.problems)
            value = self.secrets.find(table, prefix, name, key)
            if value is not None:
                values[key] = value
            elif len(self.secrets.problems) > before:
                reported.add(key)
            elif model.model_fields[key].is_required():
                reported.add(key)
                what = purpose(model.model_fields[key].description or "a secret")
                self._problem((*prefix, key), f"missing: {what}; give it as {self.secrets.sources(name, key)}")
        return self._validate(model, values, prefix, frozenset(reported))

    def _validate(
        self, model: type[ModelT], values: Mapping[str, Any], prefix: tuple[str, ...], skip: frozenset[str]
    ) -> ModelT | None:
        """Build ``model``; mistakes are noted, except those of keys in ``skip``, which have been."""
        try:
            return model.model_validate(values)
        except ValidationError as error:
            self._problems.extend(explain(error, model, prefix, skip=skip))
            return None


def _tables(section: type[Section], prefix: tuple[str, ...]) -> dict[str, list[str]]:
    """Tables below a side's table, with their keys."""
    return {
        key_path(*prefix, name): list(field.annotation.model_fields)
        for name, field in section.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }


def _secret_parts(url: str) -> list[str]:
    """What of an address is secret by itself: from a long part of its path or query the rest can be guessed."""
    return [part for part in _PARTS.split(url.partition("://")[2].partition("/")[2]) if len(part) >= _SHORTEST_PART]


def _value_at(table: object, path: Sequence[str]) -> object:
    for key in path:
        table = table.get(key) if isinstance(table, dict) else None
    return table
