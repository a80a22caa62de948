"""``python -m syncd.simulators.inventorum``: an INVENTORUM account on this machine, to try things out."""

from __future__ import annotations

import json
import signal
from queue import SimpleQueue
from types import FrameType

import click
from pydantic import ValidationError

from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.inventorum.settings import InventorumSettings
from syncd.simulators.inventorum.simulator import InventorumSim
from syncd.simulators.server import CONTROL_PREFIX, SimServer


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8801, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
@click.option("--products", default=300, show_default=True, type=click.IntRange(0), help="Number of products.")
@click.option("--variable", default=40, show_default=True, type=click.IntRange(0), help="How many have variations.")
@click.option("--seed", default=1, show_default=True, help="Another number makes another catalogue.")
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="A setting of InventorumSettings.")
def main(host: str, port: int, products: int, variable: int, seed: int, changes: tuple[str, ...]) -> None:
    """Serve a simulated INVENTORUM account until interrupted."""
    try:
        settings = InventorumSettings.model_validate(dict(_pair(change) for change in changes))
    except ValidationError as error:
        raise click.BadParameter(str(error), param_hint="--set") from error
    sim = InventorumSim(settings)
    sim.seed(make_catalogue(products, min(variable, products), seed))
    stop: SimpleQueue[int] = SimpleQueue()  # an event that is set in a handler may wait for its own thread, for ever

    def on_signal(number: int, _frame: FrameType | None) -> None:
        stop.put(number)

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    with SimServer(sim, host=host, port=port) as server:
        click.echo(f"INVENTORUM simulator with {products} products at {server.url}/api/")
        click.echo(f"Control: POST {server.url}{CONTROL_PREFIX}sale " + '{"sku": "S-00001", "quantity": 1}')
        click.echo("\n[inventorum]")
        click.echo(f'base_url = "{server.url}/api/"')
        for name in ("client_id", "client_secret", "refresh_token"):
            click.echo(f'{name} = "{getattr(settings, name)}"')
        stop.get()


def _pair(change: str) -> tuple[str, object]:
    """A setting: text as it stands, anything else as JSON (``true``, ``null``, ``0.5``)."""
    name, separator, value = change.partition("=")
    field = InventorumSettings.model_fields.get(name)
    if not separator or field is None:
        raise click.BadParameter(f"{change!r} is no NAME=VALUE of a setting", param_hint="--set")
    try:
        return name, value if field.annotation is str else json.loads(value)
    except ValueError:
        return name, value
