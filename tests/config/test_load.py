"""A right configuration is read as documented; every mistake is found, at once, in words that help."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from datetime import time
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from pydantic import ValidationError

from syncd.adapters.base import AdapterFactory
from syncd.adapters.registry import GROUP, Factories
from syncd.config import Config, Schedule, find_config, load_config
from syncd.errors import ConfigError
from tests.support.stranger import shut_out_of

from .conftest import GOOD

Load = Callable[..., Config]

SECRETS = ("hub-secret-value", "seed-token-value", "shop-key-value")


def problems(load: Load, text: str, **env: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(text, **env)
    assert not any(secret in str(caught.value) for secret in SECRETS)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_the_smallest_configuration_has_the_documented_defaults(load: Load) -> None:
    config = load(GOOD)
    assert [side.name for side in config.sides] == ["inventorum", "main"]
    assert (config.syncd.log_level, config.syncd.log_format, config.syncd.metrics) == ("INFO", "text", None)
    hub, shop = config.hub, config.shops["main"]
    assert (hub.role, hub.kind, hub.poll_seconds) == ("hub", "inventorum", 15.0)
    assert (shop.role, shop.kind, shop.poll_seconds) == ("shop", "corner", 30.0)
    assert shop.sweep == Schedule(daily_at=time(3, 30))
    assert (shop.stock.initial_stock, shop.stock.buffer) == ("inventorum", Decimal(0))
    assert (shop.stock.settle_seconds, shop.stock.overlap_seconds, shop.stock.in_doubt_seconds) == (10.0, 60.0, 60.0)
    assert not shop.stock.allow_negative
    assert not shop.stock.manage_unmanaged
    assert (shop.products.create_in_shop, shop.products.create_in_inventorum) == ("never", False)
    assert (shop.products.delete_in_shop, shop.products.owner.name) == ("unpublish", "inventorum")
    assert (shop.safety.max_zeroed.items, shop.safety.max_zeroed.percent) == (20, Decimal(10))
    assert (shop.safety.max_changed, shop.safety.max_jump, shop.safety.max_price_drop) == (None, None, None)
    assert shop.settings.key.get_secret_value() == "shop-key-value"
    assert hub.settings.refresh_token.get_secret_value() == "seed-token-value"


def test_every_key_is_read(load: Load) -> None:
    config = load(
        GOOD.replace("[inventorum]", 'log_level = "DEBUG"\nlog_format = "json"\nmetrics = "[::1]:9464"\n[inventorum]')
        + """
        poll_seconds = 7.5
        sweep = "every 6h"
        [shops.main.stock]
        initial_stock = "shop"
        buffer = 0.5
        buffers = { "SKU-1" = 3, "SKU 2" = 1.25 }
        settle_seconds = 0
        allow_negative = true
        manage_unmanaged = true
        [shops.main.products]
        create_in_shop = "published"
        [shops.main.products.owner]
        description = "shop"
        price = "both"
        [shops.main.safety]
        max_zeroed = { items = 5 }
        max_changed = { items = 100, percent = 12.5 }
        max_jump = { units = 500 }
        max_price_drop = { percent = 30 }
        [inventorum.stock]
        in_doubt_seconds = 90
        """
    )
    shop = config.shops["main"]
    assert config.syncd.metrics_address == ("::1", 9464)
    assert (shop.poll_seconds, shop.sweep) == (7.5, Schedule(every_s=6 * 3600))
    assert shop.stock.buffer_for(None) == shop.stock.buffer_for("other") == Decimal("0.5")
    assert (shop.stock.buffer_for("SKU-1"), shop.stock.buffer_for("SKU 2")) == (Decimal(3), Decimal("1.25"))
    assert (shop.products.owner.description, shop.products.owner.price) == ("shop", "both")
    assert (shop.safety.max_zeroed.items, shop.safety.max_zeroed.percent) == (5, None)
    assert shop.safety.max_changed is not None
    assert shop.safety.max_changed.percent == Decimal("12.5")
    assert shop.safety.max_jump is not None
    assert shop.safety.max_jump.units == 500
    assert config.hub.stock.in_doubt_seconds == 90.0


def test_a_loaded_configuration_cannot_change_and_hides_its_secrets(load: Load) -> None:
    config = load(GOOD.replace("sqlite:////var/lib/syncd/syncd.db", "postgresql://u:hidden-password@db/syncd"))
    assert config.syncd.database == "postgresql+psycopg://u:hidden-password@db/syncd"
    shown = f"{config!r} {config} {config.hub.settings!r} {config.syncd!r}"
    assert not any(secret in shown for secret in (*SECRETS, "hidden-password"))
    assert set(config.secrets) == {*SECRETS, "hidden-password"}
    with pytest.raises(ValidationError, match="frozen"):
        config.syncd.log_level = "DEBUG"  # type: ignore[misc]


def test_others_may_ask_for_metrics_if_it_is_said_by_which_names(load: Load) -> None:
    given = "metrics = '0.0.0.0:9464'\nmetrics_remote = ['till.lan']\n[inventorum]"
    config = load(GOOD.replace("[inventorum]", given))
    assert (config.syncd.metrics_address, config.syncd.metrics_remote) == (("0.0.0.0", 9464), ["till.lan"])  # noqa: S104


@pytest.mark.parametrize(
    "address", ["metrics = '127.0.0.1:9464'", "metrics = '0.0.0.0:9464'\nmetrics_remote = ['till.lan']"]
)
def test_the_page_is_served_where_this_machine_can_ask(load: Load, address: str) -> None:
    assert load(GOOD.replace("[inventorum]", f"{address}\npage = true\n[inventorum]")).syncd.page is True
    assert load(GOOD).syncd.page is False


def test_addresses_of_monitors_and_webhooks_are_secrets(load: Load) -> None:
    tables = "[ping]\nsuccess_url = 'https://hc.example/abc-def'\n[notify]\nseverities = ['error', 'warning']\n"
    config = load(tables + GOOD, SYNCD_NOTIFY_WEBHOOK_URL="https://hook.example/ghi")
    assert config.ping.success_url is not None
    assert config.notify.webhook_url is not None
    assert config.notify.webhook_url.get_secret_value() == "https://hook.example/ghi"
    assert {"https://hc.example/abc-def", "https://hook.example/ghi"} <= set(config.secrets)
    assert "abc-def" not in repr(config)
    assert config.notify.severities == ["error", "warning"]


def test_a_relative_database_file_lies_beside_the_configuration(load: Load, tmp_path: Path) -> None:
    config = load(GOOD.replace("sqlite:////var/lib/syncd/syncd.db", "sqlite:///state/syncd.db"))
    assert config.syncd.database == f"sqlite:///{tmp_path}/state/syncd.db"


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        # unknown keys and names
        (("[shops.main]", "[shop.main]"), "shop", 'unknown key (did you mean "shops"?)'),
        (("client_id", "clientid"), "inventorum.clientid", 'unknown key (did you mean "client_id"?)'),
        (("key =", "kee ="), "shops.main.kee", 'unknown key (did you mean "key"?)'),
        (("url =", "buffer = 2\nurl ="), "shops.main.buffer", "unknown key here; it belongs into [shops.main.stock]"),
        (("url =", "zzz = 2\nurl ="), "shops.main.zzz", "unknown key; known here: adapter, auth, batch_size"),
        (("url =", "stock = { bufer = 2 }\nurl ="), "shops.main.stock.bufer", '(did you mean "buffer"?)'),
        (("url =", "safety = { max_zeroed = { item = 2, items = 1 } }\nurl ="), "shops.main.safety.max_zeroed.item",
         '(did you mean "items"?)'),
        (("url =", "products = { owner = { prise = 'shop' } }\nurl ="), "shops.main.products.owner.prise",
         '(did you mean "price"?)'),
        (("client_id", "stock = { buffer = 1 }\nclient_id"), "inventorum.stock.buffer", "unknown key; known here: in_"),
        (("client_id", "safety = {}\nclient_id"), "inventorum.safety", "unknown key"),
        (('"corner"', '"cornre"'), "shops.main.adapter", '"cornre" is not a known adapter (did you mean "corner"?)'),
        (('"corner"', '"xyz"'), "shops.main.adapter", '"xyz" is not a known adapter (installed: corner, market)'),
        (('"corner"', '"inventorum"'), "shops.main.adapter", '"inventorum" is the hub, not a shop'),
        (("url =", "stock = { initial_stock = 'shopp' }\nurl ="), "shops.main.stock.initial_stock",
         '"shopp" is not one of "inventorum", "shop", "equal_only" (did you mean "shop"?)'),
        (("url =", "auth = 'Query'\nurl ="), "shops.main.auth",
         '"Query" is not one of "header", "query" (did you mean "query"?)'),
        # missing
        (('adapter = "corner"\n', ""), "shops.main.adapter", "missing: which shop system this is (installed: corner"),
        (('url = "https://shop.example"\n', ""), "shops.main.url", "missing: address of the shop"),
        (('client_id = "till-app"\n', ""), "inventorum.client_id", "missing: id of the app"),
        (('key = "shop-key-value"\n', ""), "shops.main.key",
         "missing: key of the shop; give it as key_file, key, credential main-key, or environment SYNCD_MAIN_KEY"),
        (('database = "sqlite:////var/lib/syncd/syncd.db"\n', ""), "syncd.database",
         "missing: where syncd keeps its state, for example sqlite:///"),
        # wrong types and values
        (("url =", "poll_seconds = '30'\nurl ="), "shops.main.poll_seconds", "must be a number, not text"),
        (("url =", "poll_seconds = true\nurl ="), "shops.main.poll_seconds", "must be a number, not true or false"),
        (("url =", "poll_seconds = 0\nurl ="), "shops.main.poll_seconds", "0 must be more than 0"),
        (("url =", "poll_seconds = nan\nurl ="), "shops.main.poll_seconds", "must be"),
        (("url =", "sweep = 3\nurl ="), "shops.main.sweep", 'must be text in quotes, like "03:30"'),
        (("url =", "sweep = 03:30:00\nurl ="), "shops.main.sweep", 'must be text in quotes, like "03:30"'),
        (("url =", "sweep = '25:00'\nurl ="), "shops.main.sweep", '"25:00" is not a time of day like "03:30"'),
        (("url =", "sweep = 'every 1m'\nurl ="), "shops.main.sweep", '"every 1m" is too often'),
        (("url =", "stock = 3\nurl ="), "shops.main.stock", "must be a table, not a number"),
        (("url =", "stock = { buffer = -1 }\nurl ="), "shops.main.stock.buffer", "-1 is below the minimum of 0"),
        (("url =", "stock = { buffer = '2' }\nurl ="), "shops.main.stock.buffer", "must be a number, not text"),
        (("url =", "stock = { buffer = 0.00001 }\nurl ="), "shops.main.stock.buffer", "too many decimal places"),
        (("url =", "stock = { buffers = { 'A 1.x' = -2 } }\nurl ="), 'shops.main.stock.buffers."A 1.x"', "is below"),
        (("url =", "stock = { allow_negative = 1 }\nurl ="), "shops.main.stock.allow_negative",
         "must be true or false, not a number"),
        (("url =", "stock = { settle_seconds = -1 }\nurl ="), "shops.main.stock.settle_seconds", "-1 is below"),
        (("url =", "safety = { max_zeroed = {} }\nurl ="), "shops.main.safety.max_zeroed", "items, percent, or both"),
        (("url =", "safety = { max_zeroed = 20 }\nurl ="), "shops.main.safety.max_zeroed", "must be a table"),
        (("url =", "safety = { max_zeroed = { items = 1.5 } }\nurl ="), "shops.main.safety.max_zeroed.items",
         "must be a whole number, not a number with decimals"),
        (("url =", "safety = { max_price_drop = { percent = 101 } }\nurl ="),
         "shops.main.safety.max_price_drop.percent", "101 is above the maximum of 100"),
        (("url =", "batch_size = 'many'\nurl ="), "shops.main.batch_size", 'must be a whole number, not "many"'),
        (("url =", "batch_size = 101\nurl ="), "shops.main.batch_size", "101 is above the maximum of 100"),
        (('"https://shop.example"', "7"), "shops.main.url", 'must be text in "quotes", not a number'),
        (('"shop-key-value"', "12345"), "shops.main.key", 'must be text in "quotes", not a number'),
        (('"shop-key-value"', '""'), "shops.main.key", "is empty"),
        (("client_id", "requests_per_second = 50\nclient_id"), "inventorum.requests_per_second",
         "50 is above the maximum of 20"),
        (("[inventorum]", "log_level = 'INF'\n[inventorum]"), "syncd.log_level", '(did you mean "INFO"?)'),
        (("[inventorum]", "page = true\n[inventorum]"), "syncd.page", 'set metrics = "127.0.0.1:9464"'),
        (("[inventorum]", "page = true\nmetrics = '192.0.2.1:1'\nmetrics_remote = ['x.lan']\n[inventorum]"),
         "syncd.page", "for people on this machine alone"),
        (("[inventorum]", "page = 1\n[inventorum]"), "syncd.page", "must be true or false"),
        (("[inventorum]", "metrics = '9464'\n[inventorum]"), "syncd.metrics", '"9464" is not HOST:PORT'),
        (("[inventorum]", "metrics = 'host:70000'\n[inventorum]"), "syncd.metrics", "is not HOST:PORT"),
        (("[inventorum]", "metrics = '0.0.0.0:9464'\n[inventorum]"), "syncd.metrics", "can be reached from other"),
        (("[inventorum]", "metrics = 'till.lan:9464'\n[inventorum]"), "syncd.metrics", "can be reached from other"),
        (("[inventorum]", "metrics_remote = 'x'\n[inventorum]"), "syncd.metrics_remote", "must be a list"),
        (("[inventorum]", "[ping]\nsuccess_url = 'hc-ping.example/x'\n[inventorum]"), "ping.success_url",
         "must be a complete address"),
        (("[inventorum]", "[ping]\nevery_seconds = 1\n[inventorum]"), "ping.every_seconds", "below the minimum of 10"),
        (("[inventorum]", "[ping]\nsucces_url = 'x'\n[inventorum]"), "ping.succes_url", 'did you mean "success_url"?'),
        (("[inventorum]", "metrics_remote = ['till.lan:9464']\n[inventorum]"), "syncd.metrics_remote.0", "without"),
        (("[inventorum]", "metrics_remote = ['http://till.lan']\n[inventorum]"), "syncd.metrics_remote.0", "without"),
        (("[inventorum]", "metrics_remote = ['[2001:db8::1]']\n[inventorum]"), "syncd.metrics_remote.0", "without"),
        (("[inventorum]", "[notify]\nseverities = []\n[inventorum]"), "notify.severities", "is empty"),
        (("[inventorum]", "[notify]\nmail_from = ''\n[inventorum]"), "notify.mail_from", "one mail address"),
        (("[inventorum]", "[notify]\nmail_from = 'a@b\\nBcc: c@d'\n[inventorum]".replace("'", '"')),
         "notify.mail_from", "one mail address"),
        (("[inventorum]", "[notify]\nmail_to = ['a@b.example, c@d.example']\n[inventorum]"),
         "notify.mail_to.0", "one mail address"),
        (("[inventorum]", "[notify]\nseverities = ['bad']\n[inventorum]"), "notify.severities.0", '"bad"'),
        (("[inventorum]", "[notify]\nmail_to = ['a@b.example']\n[inventorum]"), "notify", "mail needs mail_server"),
        (("[inventorum]", "[notify]\nmail_server='x'\nmail_from='a'\nmail_to=['b']\n[inventorum]"),
         "notify.mail_server", "is not HOST:PORT"),
        (("[inventorum]", "[notify]\nmail_user='u'\nmail_security='none'\n[inventorum]"), "notify", "to read"),
        (("sqlite:////var/lib/syncd/syncd.db", "mysql://x"), "syncd.database", "must be sqlite:///FILE or postgresql"),
        (("sqlite:////var/lib/syncd/syncd.db", "sqlite:///"), "syncd.database", "must be sqlite:///FILE"),
        # names of shops
        (("[shops.main]", "[shops.Main]"), "shops.Main", "a shop's name is 1 to 32 of the characters"),
        (("[shops.main]", "[shops.inventorum]"), "shops.inventorum", 'a shop cannot be called "inventorum"'),
        (("[shops.main]", f"[shops.{'x' * 33}]"), f"shops.{'x' * 33}", "a shop's name is 1 to 32"),
    ],
)  # fmt: skip
def test_a_single_mistake_is_one_problem_with_its_path(
    load: Load, change: tuple[str, str], path: str, words: str
) -> None:
    text = GOOD.replace(*change)
    assert text != GOOD
    found = problems(load, text)
    assert path in found, found
    assert words in found[path]
    jargon = ("Input should", "pydantic", "NoneType", "Decimal", "validation error", "ctx")
    assert not any(word in message for message in found.values() for word in jargon)


def test_a_single_mistake_brings_no_second_problem(load: Load) -> None:
    assert list(problems(load, GOOD.replace('"corner"', '"cornre"'))) == ["shops.main.adapter"]
    assert list(problems(load, GOOD.replace('key = "shop-key-value"', ""))) == ["shops.main.key"]
    assert list(problems(load, GOOD.replace("sqlite:", "mysql:"))) == ["syncd.database"]


def test_all_mistakes_of_all_sections_come_at_once(load: Load) -> None:
    text = (
        GOOD.replace("database", "databse")
        .replace("client_id =", "clientid =")
        .replace('"corner"', '"cornre"')
        .replace('"hub-secret-value"', '""')
        + "poll_seconds = 0\n[shops.B]\n[shops.c]\nadapter = 'market'\nstock = { buffer = -1 }\n"
    )
    found = problems(load, text)
    assert set(found) == {
        "syncd.databse",
        "syncd.database",
        "inventorum.clientid",
        "inventorum.client_id",
        "inventorum.client_secret",
        "shops.main.adapter",
        "shops.main.poll_seconds",
        "shops.B",
        "shops.c.url",
        "shops.c.key",
        "shops.c.stock.buffer",
    }


def test_an_empty_file_names_every_section(load: Load) -> None:
    assert set(problems(load, "")) == {"syncd.database", "inventorum", "shops"}


@pytest.mark.parametrize("text", ["syncd = 1\ninventorum = 2\nshops = 3", "shops = { main = 5 }\ninventorum = []"])
def test_sections_that_are_no_tables(load: Load, text: str) -> None:
    found = problems(load, text)
    assert "must be a table ([inventorum])" in found["inventorum"]
    assert any(path.startswith("shops") and "must be a table" in words for path, words in found.items())


def test_only_one_shop_may_say_whose_stock_counts(load: Load) -> None:
    second = GOOD.partition("[shops.main]")[2]
    stock = 'stock = { initial_stock = "shop" }\n'
    found = problems(load, GOOD + stock + "[shops.second]" + second + stock)
    assert found == {"shops.second.stock.initial_stock": 'only one shop may be "shop", and "main" is already'}


def test_only_one_shop_may_own_a_field(load: Load) -> None:
    """Two would overwrite each other for ever, by way of the till."""
    second = GOOD.partition("[shops.main]")[2]
    owner = 'products = { owner = { name = "shop", price = "both" } }\n'
    found = problems(load, GOOD + owner + "[shops.second]" + second + owner)
    assert found == {"shops.second.products.owner.name": 'only one shop may be "shop", and "main" is already'}


def test_two_shops_cannot_share_the_names_of_their_secrets(load: Load) -> None:
    shop = GOOD.partition("[shops.main]")[2]
    found = problems(load, GOOD + f"[shops.a-b]{shop}[shops.a_b]{shop}")
    assert list(found) == ["shops.a_b"]
    assert 'too like "a-b"' in found["shops.a_b"]


@pytest.mark.parametrize(
    ("content", "path", "words"),
    [
        (b"[syncd]\ndatabase = \n", "line 2, column 12", "is not valid TOML: Invalid value"),
        (b"[syncd\n", "line 1, column 7", "is not valid TOML"),
        (b"[a]\n[a]\n", "line 2, column 3", "is not valid TOML"),
        (b'x = "', "end of document", "is not valid TOML"),
        (b"x = '\xff'", "byte 6", "is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_toml_names_the_place(
    tmp_path: Path, factories: dict[str, AdapterFactory], content: bytes, path: str, words: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(file, {}, factories=factories)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert words in caught.value.problems[0].message


def test_a_missing_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist; `syncd init` writes one"):
        load_config(tmp_path / "none.toml", {})


def test_a_broken_plugin_is_a_problem_of_the_shop_that_uses_it(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(GOOD)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {}, factories=Factories((EntryPoint("corner", "no_such_module:FACTORY", GROUP),)))
    assert {problem.path for problem in caught.value.problems} == {"inventorum", "shops.main.adapter"}
    assert "no_such_module" in str(caught.value)


def test_the_file_is_searched_in_the_documented_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("syncd.config.load.SYSTEM_PATH", tmp_path / "etc" / "config.toml")
    with pytest.raises(ConfigError, match="looked for --config") as caught:
        find_config(None, {})
    assert "syncd init" in str(caught.value)
    assert str(tmp_path / "etc" / "config.toml") in str(caught.value)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "config.toml").touch()
    assert find_config(None, {}) == tmp_path / "etc" / "config.toml"
    (tmp_path / "config.toml").touch()
    assert find_config(None, {}) == tmp_path / "config.toml"
    assert find_config(None, {"SYNCD_CONFIG": "/x/y.toml"}) == Path("/x/y.toml")
    assert find_config(Path("z.toml"), {"SYNCD_CONFIG": "/x/y.toml"}) == Path("z.toml")


def test_a_folder_of_somebody_else_has_no_configuration_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo -u syncd syncd check` is typed by root, in a folder that only root may look into."""
    with tempfile.TemporaryDirectory() as public:  # pytest's folders are closed to others
        Path(public).chmod(0o755)
        here, system = Path(public, "root"), Path(public, "etc")
        for folder in (here, system):
            folder.mkdir()
            (folder / "config.toml").touch()
        monkeypatch.chdir(here)
        monkeypatch.setattr("syncd.config.load.SYSTEM_PATH", system / "config.toml")
        with shut_out_of(here):
            assert find_config(None, {}) == system / "config.toml"
        monkeypatch.chdir("/")


def test_who_may_not_read_the_configuration_is_told_who_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = tmp_path / "etc"
    system.mkdir()
    (system / "config.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("syncd.config.load.SYSTEM_PATH", system / "config.toml")
    with shut_out_of(system), pytest.raises(ConfigError, match="members of the group syncd") as caught:
        load_config(find_config(None, {}), {})
    assert "sudo -u syncd" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("03:30", Schedule(daily_at=time(3, 30))),
        ("3:30", Schedule(daily_at=time(3, 30))),
        ("every 6h", Schedule(every_s=21600)),
        ("every 90m", Schedule(every_s=5400)),
        ("every 2 d", Schedule(every_s=172800)),
    ],
)
def test_schedules_are_read_and_shown_alike(text: str, schedule: Schedule) -> None:
    assert Schedule.parse(text) == schedule
    assert Schedule.parse(str(schedule)) == schedule


def test_the_process_environment_is_the_default(
    tmp_path: Path, factories: dict[str, AdapterFactory], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(GOOD.replace('key = "shop-key-value"', ""))
    monkeypatch.setitem(os.environ, "SYNCD_MAIN_KEY", "from-the-environment")
    config = load_config(path, factories=factories)
    assert config.shops["main"].settings.key.get_secret_value() == "from-the-environment"


@pytest.mark.parametrize(
    ("adapter", "line", "words"),
    [
        ("shopify", "api_version = '2026-11'", '"2026-11" cannot be one; wanted is: Version of the Admin API, like "2'),
        ("shopify", f"publish_in = {['x'] * 21}", "has more than 20 entries"),
        ("vendure", "gtin_field = 'no-dash'", '"no-dash" cannot be one; wanted is: '),
    ],
)
def test_what_an_adapter_cannot_take_is_told_in_words(tmp_path: Path, adapter: str, line: str, words: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[shops.main]\nadapter = '{adapter}'\n{line}\n")
    with pytest.raises(ConfigError) as raised:
        load_config(path, {})
    found = {problem.path: problem.message for problem in raised.value.problems}
    assert found[f"shops.main.{line.partition(' ')[0]}"].startswith(words)
