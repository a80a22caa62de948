"""Sides that repeat every secret they know, in the words of their kind, and an account that is connected with them."""

from __future__ import annotations

import base64
import html
import itertools
import json
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from syncd.demo.process import write_private
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.inventorum import InventorumSettings, InventorumSim
from syncd.simulators.server import SimRequest, SimResponse, SimServer
from syncd.simulators.shopify import ShopifySettings, ShopifySim
from syncd.simulators.shopware6 import Shopware6Settings, Shopware6Sim
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim
from syncd.simulators.woocommerce.settings import ApiKey
from tests.planted.plant import HARMLESS, Planted
from tests.support.raw_server import RawServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from syncd.simulators.server import Simulator

_HTML = {"Content-Type": "text/html; charset=utf-8"}
_FORMS: tuple[Callable[[str], str], ...] = (
    str,
    lambda value: quote(value, safe=""),
    html.escape,
    lambda value: json.dumps(value)[1:-1],
    lambda value: base64.b64encode(f"user:{value}".encode()).decode(),
    lambda value: f"https://user:{quote(value, safe='')}@host.example/?key={quote(value)}",
)
ANSWERS = (401, 403, 400, 404, 422, 302, 200, 201, 429, 500)


class Echo:
    """Answers with the secrets instead of, or in place of, another simulator.

    Attributes:
        status: What is answered with: 0 for nothing but what the simulator behind answers, 200 for a page, 201 for an
            answer that holds errors, else a refusal in the words of all vendors at once.
        credentials: What was seen in the heads and bodies of requests.
    """

    def __init__(self, planted: Planted, behind: Simulator | None = None, status: int = 0) -> None:
        self._behind = behind
        self._lock = threading.Lock()
        self._turns = itertools.cycle(
            (form(value) for place, value in planted.values.items() if place != "database" for form in _FORMS),
        )
        self.status = status
        self.bodies: list[bytes] = []

    def handle(self, request: SimRequest) -> SimResponse:
        self.bodies.append(request.body)
        if self._behind is not None and not self.status:
            return self._behind.handle(request)
        with self._lock:
            said = " ".join(next(self._turns) for _ in range(3))
        sent = json.dumps([request.query, dict(request.headers), request.body.decode("utf-8", "replace")])
        return self._answer(said, sent)

    def _answer(self, said: str, sent: str) -> SimResponse:
        if self.status == 302:
            return SimResponse(302, b"", {"Location": f"http://x.example/?said={quote(said)}"})
        if self.status == 200:
            return SimResponse(200, f"<html>{said} {sent}</html>".encode(), _HTML)
        errors: list[Any] = [{"message": said, "detail": sent, "code": "x", "extensions": {"code": said}}]
        body = {
            "code": "woocommerce_rest_cannot_view",
            "message": said,
            "detail": said,
            "error": said,
            "error_description": said,
            "errors": errors,
            "non_field_errors": [said, sent],
            "data": {"status": self.status, "params": {"x": said}},
        }
        headers = {"X-Echo": quote(said), "Retry-After": "0"} if self.status == 429 else {"X-Echo": quote(said)}
        return SimResponse(self.status, body, headers)

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        raise KeyError(action)


class SecretStage:
    """The till, four shops that work, shops that only echo, a monitor and a webhook; all know all secrets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.planted = plant = Planted()
        catalogue = make_catalogue(6, 1, 1)
        till = InventorumSim(
            InventorumSettings(
                rate_limit_per_second=0,
                client_secret=plant.plant("inventorum.client_secret", ('q"', "+/&=%<>'")),
                refresh_token=plant.plant("inventorum.refresh_token", HARMLESS),
            )
        )
        woo = WooCommerceSim(
            WooCommerceSettings(
                keys=(
                    ApiKey(
                        plant.plant("woo.consumer_key", ("ck_", "")),
                        plant.plant("woo.consumer_secret", ("cs_", "")),
                        "read_write",
                    ),
                )
            )
        )
        sw6 = Shopware6Sim(Shopware6Settings(client_secret=plant.plant("sw6.client_secret")))
        shopify = ShopifySim(ShopifySettings(client_secret=plant.plant("shopify.client_secret", ("shpss_", "+/&=%"))))
        for sim in (till, sw6, shopify):
            sim.seed(catalogue)
        woo.seed(catalogue, quantities="zero")
        self._plant_the_rest()
        self.echoes = {
            "inventorum": Echo(plant, till),
            "woo": Echo(plant, woo),
            "sw6": Echo(plant, sw6),
            "shopify": Echo(plant, shopify),
            "outside": Echo(plant, None, 200),
            "webhook": Echo(plant, None, 500),
        }
        self.echoes |= {name: Echo(plant, None, 401) for name in ("query", "basic", "token", "vendure", "named")}
        self.servers = {name: SimServer(echo) for name, echo in self.echoes.items()}
        self._stack = ExitStack()

    def _plant_the_rest(self) -> None:
        plant = self.planted.plant
        for place in ("query.consumer_key", "basic.consumer_key"):
            plant(place, ("ck_", ""))
        for place in ("query.consumer_secret", "basic.consumer_secret"):
            plant(place, ("cs_", ""))
        for place in ("raw.client_secret", "named.password", "basic.media_password"):
            plant(place)
        plant("token.access_token", ("shpat_", "+/="))
        plant("vendure.api_key", ('q"', "+/&=%<>'"))
        plant("notify.mail_password", ('q"', "+/&=%<>'"))
        for place in ("ping.success_url", "ping.fail_url", "notify.webhook_url", "database"):
            plant(place, HARMLESS)
        self.planted.key("database_key")

    def __enter__(self) -> Self:
        for server in self.servers.values():
            self._stack.enter_context(server)
        line = f"HTTP/1.1 {self.planted.values['raw.client_secret']} nonsense\r\n\r\n"
        self.raw = self._stack.enter_context(RawServer(lambda connection, _: connection.sendall(line.encode("utf-8"))))
        self.configure()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def echo(self, status: int) -> None:
        """Let all sides answer with secrets from now on; with 0 those that can work do, and the others refuse."""
        for name, echo in self.echoes.items():
            if name not in ("outside", "webhook"):
                echo.status = status or (0 if echo._behind else 401)

    def configure(self, log_format: str = "text") -> None:
        """Write the configuration; half of the secrets stand in it, half in files."""
        value = {place: json.dumps(secret, ensure_ascii=False) for place, secret in self.planted.values.items()}
        url = {name: server.url for name, server in self.servers.items()}
        for place in ("woo.consumer_secret", "sw6.client_secret", "database_key"):
            write_private(self.folder / place, self.planted.values[place] + "\n")
        outside = {
            name: f'"{url["outside"]}/{self.planted.values[name]}"' for name in ("ping.success_url", "ping.fail_url")
        }
        hook = f'"{url["webhook"]}/{self.planted.values["notify.webhook_url"]}"'
        settle = "settle_seconds = 0\nin_doubt_seconds = 1"
        shop = "requests_per_second = 1000\npoll_seconds = 1"
        text = f"""
[syncd]
database = "sqlite:///state.db"
database_key_file = "database_key"
log_level = "DEBUG"
log_format = "{log_format}"
metrics = "127.0.0.1:{self.metrics_port()}"
[ping]
success_url = {outside["ping.success_url"]}
fail_url = {outside["ping.fail_url"]}
every_seconds = 10
[notify]
webhook_url = {hook}
mail_server = "127.0.0.1:9"
mail_from = "a@example.org"
mail_to = ["b@example.org"]
mail_user = "user"
mail_password = {value["notify.mail_password"]}
severities = ["info", "warning", "error"]
every_seconds = 10
[inventorum]
base_url = "{url["inventorum"]}/api/"
client_id = "sim-client"
client_secret = {value["inventorum.client_secret"]}
refresh_token = {value["inventorum.refresh_token"]}
poll_seconds = 1
requests_per_second = 20
[inventorum.stock]
{settle}
[shops.woo]
adapter = "woocommerce"
url = "{url["woo"]}"
consumer_key = {value["woo.consumer_key"]}
consumer_secret_file = "woo.consumer_secret"
{shop}
[shops.woo.stock]
{settle}
[shops.sw6]
adapter = "shopware6"
url = "{url["sw6"]}"
client_id = "{Shopware6Settings().client_id}"
client_secret_file = "sw6.client_secret"
{shop}
[shops.shopify]
adapter = "shopify"
url = "{url["shopify"]}"
client_id = "{ShopifySettings().client_id}"
client_secret = {value["shopify.client_secret"]}
{shop}
[shops.query]
adapter = "woocommerce"
url = "{url["query"]}"
consumer_key = {value["query.consumer_key"]}
consumer_secret = {value["query.consumer_secret"]}
auth = "query"
{shop}
[shops.basic]
adapter = "woocommerce"
url = "{url["basic"]}"
consumer_key = {value["basic.consumer_key"]}
consumer_secret = {value["basic.consumer_secret"]}
auth = "basic"
media_user = "someone"
media_password = {value["basic.media_password"]}
{shop}
[shops.token]
adapter = "shopify"
url = "{url["token"]}"
access_token = {value["token.access_token"]}
{shop}
[shops.vendure]
adapter = "vendure"
url = "{url["vendure"]}/admin-api"
api_key = {value["vendure.api_key"]}
{shop}
[shops.named]
adapter = "vendure"
url = "{url["named"]}/admin-api"
username = "someone"
password = {value["named.password"]}
{shop}
[shops.raw]
adapter = "shopware6"
url = "{self.raw.url.rstrip("/")}"
client_id = "someone"
client_secret = {value["raw.client_secret"]}
{shop}
"""
        write_private(self.folder / "config.toml", text)

    def metrics_port(self) -> int:
        """A port of our own for metrics."""
        if not hasattr(self, "_port"):
            import socket  # noqa: PLC0415 - here alone

            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self._port = int(probe.getsockname()[1])
        return self._port
