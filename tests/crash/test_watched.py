"""The daemon as a process that monitors look at and that tells people: none of them is in its way."""

from __future__ import annotations

import json
import socket
import time
from signal import SIGKILL, SIGTERM
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.crash.stage import SHOP, TILL
from tests.support.outside import Hook

if TYPE_CHECKING:
    from tests.crash.stage import CrashStage


def configure(stage: CrashStage, *, port: int | None = None, hook: Hook | None = None) -> None:
    path = stage.folder / "config.toml"
    text = path.read_text("utf-8")
    if port is not None:
        text = text.replace("[syncd]\n", f'[syncd]\nmetrics = "127.0.0.1:{port}"\n')
    if hook is not None:
        text += f'\n[ping]\nsuccess_url = "{hook.url}/success"\nevery_seconds = 10\n'
        text += f'\n[notify]\nwebhook_url = "{hook.url}/webhook"\nevery_seconds = 10\n'
    path.write_text(text, "utf-8")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def asked(port: int, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except (URLError, ConnectionError):
        return 0, ""


def test_the_daemon_says_how_it_is_and_the_status_says_the_same(sqlite_stage: CrashStage) -> None:
    stage, port = sqlite_stage, free_port()
    configure(stage, port=port)
    stage.sell(SHOP, stage.skus()[0], 2)
    program = stage.start()
    stage.until(lambda: asked(port, "/healthz")[0] == 200, "the daemon is well")
    stage.until_in_step("the sale is carried over")

    def metrics() -> str:
        return asked(port, "/metrics")[1]

    stage.until(lambda: f'syncd_movements_total{{side="{SHOP}"}} 1.0' in metrics(), "the sale is counted")
    shown = metrics()
    assert "syncd_healthy 1.0" in shown
    assert "syncd_leader 1.0" in shown
    assert f'syncd_requests_total{{access="read",outcome="ok",side="{SHOP}"}}' in shown
    status = stage.start("status", "--json")
    assert status.wait() == 0
    document: dict[str, Any] = json.loads(asked(port, "/healthz")[1])
    assert (document["code"], [side["side"] for side in document["sides"]]) == (0, [TILL, SHOP])
    began = time.monotonic()
    program.send(SIGTERM)
    assert program.wait() == 0
    assert time.monotonic() - began < 10
    assert asked(port, "/healthz")[0] == 0


def test_one_that_stands_by_answers_that_it_does(sqlite_stage: CrashStage) -> None:
    stage, first, second = sqlite_stage, free_port(), free_port()
    configure(stage, port=first)
    leader = stage.start()
    stage.until(lambda: "syncd_leader 1.0" in asked(first, "/metrics")[1], "the first one leads")
    path = stage.folder / "config.toml"
    path.write_text(path.read_text("utf-8").replace(str(first), str(second)), "utf-8")
    stage.start()
    stage.until(lambda: "syncd_leader 0.0" in asked(second, "/metrics")[1], "the second one stands by")
    leader.send(SIGKILL)
    stage.until(lambda: "syncd_leader 1.0" in asked(second, "/metrics")[1], "the second one takes over")


def test_a_webhook_that_hangs_delays_neither_the_sync_nor_the_end(sqlite_stage: CrashStage) -> None:
    stage = sqlite_stage
    with Hook() as hook:
        hook.held.clear()
        configure(stage, hook=hook)
        sku = stage.skus()[0]
        stage.sell(TILL, sku, 25)  # oversold: somebody is to be told
        program = stage.start()
        stage.until(lambda: "/s3cret-path/webhook" in hook.paths, "the webhook is called")
        stage.sell(SHOP, stage.skus()[1], 3)
        stage.until_in_step("the sync goes on")
        began = time.monotonic()
        program.send(SIGTERM)
        assert program.wait() == 0
        assert time.monotonic() - began < 10
        assert "s3cret-path" not in program.said
    with Hook() as hook:
        path = stage.folder / "config.toml"
        text = path.read_text("utf-8")
        path.write_text(
            text.replace(text.partition('webhook_url = "')[2].partition('"')[0], f"{hook.url}/again"), "utf-8"
        )
        stage.start()
        stage.until(lambda: any(path.endswith("/again") for path in hook.paths), "what was not taken is told again")
        (body,) = (body for _, path, body in hook.calls if path.endswith("/again"))
        assert [finding["kind"] for finding in body["findings"]] == ["oversell"]
